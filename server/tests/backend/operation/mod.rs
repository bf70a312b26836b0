//! The program's subcommands, its settings, and what it says of itself.

mod backup;
mod check;
mod compaction;
mod config;
pub(crate) mod disk_full;
mod health;
mod slow;
mod tls;
mod token;
mod transfer;

use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

pub(crate) use self::health::metrics;
use super::process::command;

/// Runs the program to its end.
pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = command();
    command.args(args).arg("--data-dir").arg(dir);
    command.output().unwrap()
}

/// What the program prints, which ends well.
pub(crate) fn printed(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The errors of the program, which ends with 1.
pub(crate) fn refused(dir: &Path, args: &[&str]) -> String {
    let output = run(dir, args);
    assert_eq!(output.status.code(), Some(1), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// The value of a line such as `id=…`.
pub(crate) fn field(printed: &str, name: &str) -> String {
    let mut fields = printed.split_whitespace();
    let value = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    value
        .unwrap_or_else(|| panic!("{name}: {printed}"))
        .to_owned()
}

/// Asks again and again until it is so; a minute is more than anything here needs.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < Duration::from_secs(60), "{what}: not so");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
