//! The playbooks of the measurements.

use std::sync::Arc;

use sqreen_server::playbooks::{Playbook, file};

/// Playbooks that count an event of their own by address, each name with a condition.
pub(crate) fn apart(count: usize) -> Vec<Arc<Playbook>> {
    parse(&text(count, |number| format!("bench.{number}")))
}

/// Playbooks that all count the same event by address, with thresholds of their own.
pub(crate) fn together(count: usize) -> Vec<Arc<Playbook>> {
    parse(&text(count, |_| "bench.0".to_owned()))
}

/// Enforced playbooks over the names of the ingest bench's events, each of which concerns several.
pub(crate) fn ingest(count: usize) -> String {
    const NAMES: [&str; 7] = [
        "product.*",
        "cart.*",
        "search.*",
        "order.*",
        "coupon.*",
        "profile.*",
        "invoice.*",
    ];
    let text = text(count, |number| NAMES[number % NAMES.len()].to_owned());
    text.replace("actor =", "stage = \"enforce\"\nactor =")
}

fn text(count: usize, name: impl Fn(usize) -> String) -> String {
    let playbook = |number| {
        format!(
            "[[playbook]]\nslug = \"bench-{number}\"\nactor = \"ip\"\n\
             trigger = {{ event = \"{}\", where = \"-status:500\" }}\n\
             at_least = {}\nperiod = \"24h\"\n\n",
            name(number),
            5_000 + number,
        )
    };
    (0..count).map(playbook).collect()
}

pub(crate) fn parse(text: &str) -> Vec<Arc<Playbook>> {
    let entries = file::read(text).expect("the playbooks are right");
    let playbooks = entries.into_iter().map(|entry| Arc::new(entry.playbook));
    playbooks.collect()
}
