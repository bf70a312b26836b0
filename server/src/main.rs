//! The program: see [`sqreen_server::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    sqreen_server::cli::run(std::env::args_os().skip(1))
}
