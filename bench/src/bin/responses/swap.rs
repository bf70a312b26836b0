//! What a new pack costs: requests meanwhile, time until it is enforced, and memory.

use std::time::{Duration, Instant};

use axum::http::StatusCode;

use crate::Error;
use crate::child::Resident;
use crate::report::{max, median, quantile};
use crate::scripted::{Change, Scripted};
use crate::served::Served;

/// Actions of the pack that is swapped.
const SWAPPED: u32 = 100_000;
/// Runs with swaps, and as many without, in turns.
const RUNS: usize = 15;
const RUN: Duration = Duration::from_secs(1);
const THREADS: usize = 2;
/// Where the requests come from: an address that nothing is in force on.
const CLIENT: &str = "203.0.113.7";
const TRIALS: [(u32, usize); 2] = [(100_000, 20), (1_000_000, 10)];
const SIZES: [u32; 3] = [1, 100_000, 1_000_000];
const RELOADS: usize = 5;

/// Figures of one run; times are in microseconds.
struct Run {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
    per_second: f64,
}

/// Times of requests, served back to back on one thread.
fn serve(mut served: Served) -> Result<Vec<f64>, Error> {
    let mut times = Vec::with_capacity(1 << 21);
    let begin = Instant::now();
    while begin.elapsed() < RUN {
        let start = Instant::now();
        let status = served.status(CLIENT);
        times.push(start.elapsed().as_secs_f64() * 1e6);
        if status != StatusCode::OK {
            return Err(format!("a request was answered {status}").into());
        }
    }
    Ok(times)
}

fn run(served: &Served) -> Result<Run, Error> {
    let mut times = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| serve(served.clone())))
            .collect();
        let mut all = Vec::new();
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok::<_, Error>(all)
    })?;
    Ok(Run {
        p50: quantile(&mut times, 0.5),
        p99: quantile(&mut times, 0.99),
        p999: quantile(&mut times, 0.999),
        max: max(&times),
        per_second: times.len() as f64 / RUN.as_secs_f64(),
    })
}

/// The medians of runs, and the worst of their maxima.
fn medians(runs: &[Run]) -> Run {
    let of = |part: fn(&Run) -> f64| median(&mut runs.iter().map(part).collect::<Vec<_>>());
    Run {
        p50: of(|run| run.p50),
        p99: of(|run| run.p99),
        p999: of(|run| run.p999),
        max: max(&runs.iter().map(|run| run.max).collect::<Vec<_>>()),
        per_second: of(|run| run.per_second),
    }
}

fn row(name: &str, run: &Run) {
    println!(
        "| {name} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} |",
        run.p50, run.p99, run.p999, run.max, run.per_second
    );
}

fn requests() -> Result<(), Error> {
    let backend = Scripted::start(SWAPPED)?;
    let mut served = Served::start(&backend.url)?;
    served.wait_for(backend.marker())?;
    run(&served)?;
    let (mut quiet, mut swapped) = (Vec::new(), Vec::new());
    let mut packs = 0;
    for _ in 0..RUNS {
        quiet.push(run(&served)?);
        let before = backend.packs();
        backend.swap(true)?;
        swapped.push(run(&served)?);
        packs += backend.packs() - before;
        backend.swap(false)?;
        served.wait_for(backend.marker())?;
    }
    let (quiet, swapped) = (medians(&quiet), medians(&swapped));
    println!("### Requests while packs of {SWAPPED} actions are swapped\n");
    println!("| | p50 µs | p99 µs | p99.9 µs | max µs | requests/s |");
    println!("|---|---:|---:|---:|---:|---:|");
    row("without swaps", &quiet);
    row("with swaps", &swapped);
    println!(
        "| ratio | {:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
        swapped.p50 / quiet.p50,
        swapped.p99 / quiet.p99,
        swapped.p999 / quiet.p999,
        swapped.max / quiet.max,
        swapped.per_second / quiet.per_second
    );
    println!(
        "\nMedians of {RUNS} runs of {RUN:?} each, in turns, and the worst of the maxima; {THREADS} \
         threads serve back to back. {packs} swaps, one after the other, {:.1} a second.\n",
        packs as f64 / (RUN.as_secs_f64() * RUNS as f64)
    );
    Ok(())
}

/// Milliseconds from a change to the first request that is refused.
fn enforced(backend: &Scripted, served: &mut Served, change: Change) -> Result<f64, Error> {
    let start = Instant::now();
    let ip = backend.change(change)?;
    served.wait_for(ip)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn enforcement() -> Result<(), Error> {
    println!("### From a change to the first 403\n");
    println!("| actions in force | change | trials | p50 ms | max ms |\n|---:|---|---:|---:|---:|");
    for (size, trials) in TRIALS {
        let backend = Scripted::start(size)?;
        let mut served = Served::start(&backend.url)?;
        served.wait_for(backend.marker())?;
        for (name, change) in [
            ("one action", Change::One),
            ("the whole pack", Change::Reload),
        ] {
            // A pack is in force before the agent has freed what it was read from.
            enforced(&backend, &mut served, Change::One)?;
            let mut times = Vec::new();
            for _ in 0..trials {
                times.push(enforced(&backend, &mut served, change)?);
            }
            println!(
                "| {size} | {name} | {trials} | {:.2} | {:.2} |",
                median(&mut times),
                max(&times)
            );
        }
    }
    println!();
    Ok(())
}

fn resident() -> Result<(), Error> {
    println!("### Resident memory of a process with an agent\n");
    println!(
        "| actions | without agent MB | with it MB | peak MB | after {RELOADS} more packs MB | \
         peak MB |\n|---:|---:|---:|---:|---:|---:|"
    );
    for size in SIZES {
        let backend = Scripted::start(size)?;
        let mut process = Resident::start(&backend.url)?;
        let bare = process.bare;
        let first = process.after(backend.marker())?;
        let mut last = first;
        for _ in 0..RELOADS {
            last = process.after(backend.change(Change::Reload)?)?;
        }
        process.end()?;
        println!(
            "| {size} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            mb(bare.resident),
            mb(first.resident),
            mb(first.peak),
            mb(last.resident),
            mb(last.peak)
        );
    }
    println!();
    Ok(())
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

pub(crate) fn measure() -> Result<(), Error> {
    requests()?;
    enforcement()?;
    resident()
}
