//! What playbooks cost beside the ingest: the same load with and without them, in turns.
//!
//! No actor reaches the thresholds, so that all is evaluated and nothing is decided.

use std::fmt::Write as _;

use crate::Error;
use crate::report::{median, met};
use crate::run::{self, EVENTS, LOADS};

/// Runs of each load with playbooks, and as many without.
const RUNS: usize = 5;
/// The part of the events/s that may be lost.
const BAR: f64 = 0.2;
/// The beginnings of the names of the load's events.
const NAMES: [&str; 8] = [
    "product.viewed.*",
    "cart.updated.*",
    "search.performed.*",
    "cart.checkout.*",
    "order.paid.*",
    "coupon.applied.*",
    "profile.updated.*",
    "invoice.downloaded.*",
];

/// So many enforced playbooks, of addresses and users in turn; every event concerns those of its name.
fn file(count: usize) -> Result<String, Error> {
    let mut file = String::new();
    for place in 0..count {
        let name = NAMES.get(place % NAMES.len()).ok_or("no name")?;
        let other = NAMES.get((place + 3) % NAMES.len()).ok_or("no name")?;
        // Neither twice the same for a name, nor the same actor for a detection.
        let turn = place + place / NAMES.len();
        let actor = if turn.is_multiple_of(2) { "ip" } else { "user" };
        let condition = match place % 4 {
            0 | 1 => "status:200",
            _ => "",
        };
        let detection = match turn % 3 {
            0 => "at_least = 9000".to_owned(),
            1 => "distinct = { of = \"properties.sku\", at_least = 900 }".to_owned(),
            _ => {
                format!("at_least = 9000\nratio = {{ event = \"{other}\", at_least = 50 }}")
            }
        };
        write!(
            file,
            "[[playbook]]\nslug = \"bench-{place}\"\nstage = \"enforce\"\nactor = \"{actor}\"\n\
             trigger = {{ event = \"{name}\", where = \"{condition}\" }}\n{detection}\nperiod = \"1h\"\n\
             responses = [{{ action = \"block_{actor}\", duration = \"1h\" }}]\n\n"
        )?;
    }
    Ok(file)
}

pub(crate) fn measure(count: usize) -> Result<(), Error> {
    let file = file(count)?;
    println!(
        "| | events/s without | with {count} playbooks | ratio | bar {} | CPU s per million without | with | ratio \
         |\n|---|---:|---:|---:|---|---:|---:|---:|",
        1.0 - BAR
    );
    for load in &LOADS {
        let bodies = load.bodies(EVENTS / load.batch)?;
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            without.push(run::run(load, &bodies, None)?);
            with.push(run::run(load, &bodies, Some(&file))?);
        }
        let speeds = [&without, &with].map(|runs| median(runs, |run| run.events_per_second));
        let cpu = [&without, &with].map(|runs| median(runs, |run| run.cpu_per_million));
        let ratio = speeds[1] / speeds[0];
        println!(
            "| {} | {:.0} | {:.0} | {ratio:.2} | {} | {:.2} | {:.2} | {:.2} |",
            load.name,
            speeds[0],
            speeds[1],
            met(ratio >= 1.0 - BAR),
            cpu[0],
            cpu[1],
            cpu[1] / cpu[0],
        );
    }
    println!(
        "\nMedians of {RUNS} runs of {EVENTS} events with playbooks and as many without, in turns."
    );
    Ok(())
}
