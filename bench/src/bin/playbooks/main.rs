//! Playbooks: what the engine costs for each event and each actor, and how long a backtest takes.
//!
//! `playbooks engine COUNT` measures the engine in this process with so many playbooks and a million live actors;
//! `playbooks backtest DIR` runs backtests over a store that `queries build DIR ROWS` made; `playbooks file COUNT`
//! prints so many playbooks that `ingest --playbooks FILE` enforces.

mod backtest;
mod engine;
mod rules;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match (
        arguments.as_slice(),
        arguments.last().map(|last| last.parse()),
    ) {
        (["engine", _], Some(Ok(count))) => engine::measure(count),
        (["file", _], Some(Ok(count))) => print!("{}", rules::ingest(count)),
        (["backtest", dir], _) => backtest::measure(dir.as_ref()),
        _ => {
            eprintln!("usage: playbooks engine COUNT | backtest DIR | file COUNT");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// A field of `/proc/self/status`, in bytes.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of processes");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: u64 = value
        .expect("the field is there")
        .parse()
        .expect("a number");
    kib * 1_024
}
