//! By how much enforced playbooks slow ingest: the same loads with and without them, in turns.

use crate::Error;
use crate::report::{Figures, median, met};
use crate::run::{LOADS, run};

/// Events of each run: more than elsewhere, so that most find their actors remembered, as in a server that runs for long.
const EVENTS: usize = 1_000_000;
/// Runs of each load with playbooks, and as many without.
const RUNS: usize = 5;
/// The loads: the first two are this SDK's, as it sends by itself.
const LOADS_HERE: usize = 2;
/// The bar: what may be lost of the events per second.
const LIMIT: f64 = 0.2;
/// The families of names that the loads' events have.
const FAMILIES: [&str; 8] = [
    "product.viewed.*",
    "cart.updated.*",
    "search.performed.*",
    "cart.checkout.*",
    "order.paid.*",
    "coupon.applied.*",
    "profile.updated.*",
    "invoice.downloaded.*",
];

pub(crate) fn measure(count: usize) -> Result<(), Error> {
    let playbooks: String = (0..count).map(playbook).collect();
    println!(
        "| {count} playbooks | events/s without | with | ratio (worst, best pair) | CPU s per million without | with \
         | ratio | bar {:.2} |\n|---|---:|---:|---:|---:|---:|---:|---|",
        1.0 - LIMIT
    );
    for load in LOADS.iter().take(LOADS_HERE) {
        let bodies = load.bodies(EVENTS / load.batch)?;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            without.push(run(load, &bodies, EVENTS, None)?);
            with.push(run(load, &bodies, EVENTS, Some(&playbooks))?);
        }
        let speeds = |runs: &[Figures]| median(runs.iter().map(speed).collect());
        let cpu = |runs: &[Figures]| median(runs.iter().map(|run| run.cpu_per_million).collect());
        let pairs = with.iter().zip(&without);
        let mut pairs: Vec<f64> = pairs
            .map(|(with, without)| speed(with) / speed(without))
            .collect();
        pairs.sort_by(f64::total_cmp);
        let ratio = median(pairs.clone());
        println!(
            "| {} | {:.0} | {:.0} | {ratio:.2} ({:.2}, {:.2}) | {:.2} | {:.2} | {:.2} | {} |",
            load.name,
            speeds(&without),
            speeds(&with),
            pairs.first().copied().unwrap_or(f64::NAN),
            pairs.last().copied().unwrap_or(f64::NAN),
            cpu(&without),
            cpu(&with),
            cpu(&with) / cpu(&without),
            met(ratio >= 1.0 - LIMIT),
        );
    }
    println!("\n{RUNS} runs with and {RUNS} without, in turns, of {EVENTS} events each; medians.");
    Ok(())
}

fn speed(run: &Figures) -> f64 {
    run.events_per_second
}

/// Counts events by address, users of an address, and events by user, so that each event concerns those of its family.
/// None comes to what it asks for: an action that is taken is not part of this.
fn playbook(number: usize) -> String {
    let family = FAMILIES[number % FAMILIES.len()];
    let response = ["block_ip", "block_ip", "block_user"][number % 3];
    let detection = match number % 3 {
        0 => "actor = \"ip\"\nat_least = 10000",
        1 => {
            "actor = \"ip\"\nat_least = 10000\ndistinct = { of = \"user.email\", at_least = 1000 }"
        }
        _ => "actor = \"user\"\nat_least = 10000",
    };
    format!(
        "[[playbook]]\nslug = \"bench-{number}\"\nstage = \"enforce\"\nperiod = \"1h\"\n{detection}\n\
         trigger = {{ event = \"{family}\", where = \"-status:500\" }}\n\
         responses = [{{ action = \"{response}\", duration = \"5min\" }}]\n\n"
    )
}
