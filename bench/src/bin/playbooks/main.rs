//! What it costs to evaluate playbooks on events, and what the actors take that are remembered.
//!
//! Prints a table of Markdown. Each row is a process of its own: its thread makes events, then feeds them to an engine
//! that remembers a million actors. The time is the processor's that the thread took to feed them.
//!
//! `playbooks backtest DIR` tells what backtests cost instead, over a store that `queries build DIR ROWS` filled, and
//! fails where a live run over the same events does not do the same.

mod backtest;
mod live;
mod workload;

use std::process::{Command, ExitCode, Stdio};

use sqreen_server::playbooks::engine::{Engine, Limits};
use sqreen_server::store::StoredEvent;

use self::workload::{ACTORS, Workload};

/// The server's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Events that are made at a time.
const CHUNK: usize = 50_000;
/// Chunks that fill the windows: some four events of each actor.
const WARM: usize = 4 * ACTORS as usize / CHUNK;
/// Chunks of one measurement.
const MEASURED: usize = 20;
const RUNS: usize = 5;
/// Events per second of one core, with 20 playbooks.
const BAR: f64 = 500_000.0;

/// Playbooks, and names of events.
const WORKLOADS: [(u64, u64); 4] = [(1, 1), (20, 20), (200, 20), (20, 1)];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => engine(),
        ["engine", playbooks, names] => {
            let number = |text: &str| text.parse().expect("a number");
            measure(Workload::new(number(playbooks), number(names)));
        }
        ["backtest", dir] => backtest::measure(dir.as_ref()),
        ["backtest", dir, slug] => {
            if !backtest::row(dir.as_ref(), slug) {
                return ExitCode::FAILURE;
            }
        }
        _ => panic!("usage: playbooks [backtest DIR]"),
    }
    ExitCode::SUCCESS
}

fn engine() {
    println!(
        "| playbooks | each event concerns | live actors | events/s per core, median (worst) | firings \
         | bytes per actor, resident | counted | bar |\n|---:|---:|---:|---:|---:|---:|---:|---|"
    );
    let program = std::env::current_exe().expect("the program is a file");
    for (playbooks, names) in WORKLOADS {
        let mut child = Command::new(&program);
        child.args([
            "engine".to_owned(),
            playbooks.to_string(),
            names.to_string(),
        ]);
        let status = child.stdin(Stdio::null()).status();
        assert!(status.is_ok_and(|status| status.success()), "a row failed");
    }
}

/// Prints a row.
fn measure(mut workload: Workload) {
    let mut chunk = Vec::with_capacity(CHUNK);
    workload.fill(&mut chunk, CHUNK);
    let before = memory("VmRSS:");
    let mut engine = Engine::new(Limits::default(), [7; 16]);
    engine.set(workload.playbooks());
    for _ in 0..WARM {
        workload.fill(&mut chunk, CHUNK);
        feed(&mut engine, &chunk);
    }
    let (after, stats) = (memory("VmRSS:"), engine.stats());
    assert_eq!(stats.evicted, 0, "the actors are live");
    let mut speeds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut seconds = 0.0;
            for _ in 0..MEASURED {
                workload.fill(&mut chunk, CHUNK);
                let began = processor_seconds("thread-self");
                feed(&mut engine, &chunk);
                seconds += processor_seconds("thread-self") - began;
            }
            (MEASURED * CHUNK) as f64 / seconds
        })
        .collect();
    speeds.sort_by(f64::total_cmp);
    let end = engine.stats();
    let (median, worst) = (speeds[RUNS / 2], speeds[0]);
    let bar = match (workload.playbooks, workload.concerned()) {
        (20, 1) if median >= BAR => "met",
        (20, 1) => "missed",
        _ => "",
    };
    println!(
        "| {} | {} | {} | {median:.0} ({worst:.0}) | {} | {:.0} | {:.0} | {bar} |",
        workload.playbooks,
        workload.concerned(),
        stats.actors,
        end.firings,
        after.saturating_sub(before) as f64 / stats.actors as f64,
        stats.bytes as f64 / stats.actors as f64,
    );
}

fn feed(engine: &mut Engine, events: &[StoredEvent]) {
    let mut firings = Vec::new();
    for event in events {
        engine.feed(event, &mut firings);
        firings.clear();
    }
}

/// What this thread, or the process where it is `self`, has taken of the processor.
fn processor_seconds(whose: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{whose}/schedstat")).expect("it is Linux");
    let nanoseconds = text
        .split(' ')
        .next()
        .and_then(|text| text.parse::<u64>().ok());
    nanoseconds.expect("it tells the time") as f64 / 1e9
}

/// A field of `/proc/self/status`, in bytes.
fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.expect("it tells the memory") * 1024
}
