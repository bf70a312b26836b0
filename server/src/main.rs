//! The program: see [`sqreen_server::cli`].
#![forbid(unsafe_code)]

use std::process::ExitCode;

/// A third of what it takes to store a batch is memory that comes and goes between threads, for which the system's
/// allocator takes several times as long.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sqreen_server::cli::run(std::env::args_os().skip(1))
}
