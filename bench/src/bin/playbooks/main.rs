//! What it costs to evaluate playbooks on events, and what the actors take that are remembered.
//!
//! Prints a table of Markdown. Events are made beforehand; one thread feeds them to an engine that remembers a million
//! actors.

mod workload;

use std::time::Instant;

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

fn main() {
    println!(
        "| playbooks | each event concerns | live actors | events/s per core, median (worst) | firings \
         | bytes per actor, resident | counted |\n|---:|---:|---:|---:|---:|---:|---:|"
    );
    let mut of_20 = 0.0;
    for (playbooks, names) in [(1, 1), (20, 20), (200, 20), (20, 1)] {
        let speed = measure(Workload::new(playbooks, names));
        if (playbooks, names) == (20, 20) {
            of_20 = speed;
        }
    }
    let met = if of_20 >= BAR { "met" } else { "missed" };
    println!("\nBar of {BAR} events/s with 20 playbooks: {met}.");
}

/// Prints a row, and returns the events per second.
fn measure(mut workload: Workload) -> f64 {
    let mut chunk = Vec::with_capacity(CHUNK);
    workload.fill(&mut chunk, CHUNK);
    let before = resident();
    let mut engine = Engine::new(Limits::default(), [7; 16]);
    engine.set(workload.playbooks());
    for _ in 0..WARM {
        workload.fill(&mut chunk, CHUNK);
        feed(&mut engine, &chunk);
    }
    let (after, stats) = (resident(), engine.stats());
    assert_eq!(stats.evicted, 0, "the actors are live");
    let mut speeds: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut seconds = 0.0;
            for _ in 0..MEASURED {
                workload.fill(&mut chunk, CHUNK);
                let began = Instant::now();
                feed(&mut engine, &chunk);
                seconds += began.elapsed().as_secs_f64();
            }
            (MEASURED * CHUNK) as f64 / seconds
        })
        .collect();
    speeds.sort_by(f64::total_cmp);
    let end = engine.stats();
    let (median, worst) = (speeds[RUNS / 2], speeds[0]);
    println!(
        "| {} | {} | {} | {median:.0} ({worst:.0}) | {} | {:.0} | {:.0} |",
        workload.playbooks,
        workload.concerned(),
        stats.actors,
        end.firings,
        after.saturating_sub(before) as f64 / stats.actors as f64,
        stats.bytes as f64 / stats.actors as f64,
    );
    median
}

fn feed(engine: &mut Engine, events: &[StoredEvent]) {
    let mut firings = Vec::new();
    for event in events {
        engine.feed(event, &mut firings);
        firings.clear();
    }
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.expect("it tells the memory") * 1024
}
