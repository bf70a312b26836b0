//! Backtests over stored events: how long they take, and the memory.
//!
//! Each row is a process of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sqreen_server::playbooks::{Playbook, backtest, file};
use sqreen_server::store::{EmbeddedStore, EventStore, ScanMonitor, StoreOptions, TimeRange};

use crate::{kilobytes, processor_seconds};

/// From a condition that few events meet to all events there are.
const PLAYBOOKS: &str = r#"
[[playbook]]
slug = "missing-pages"
name = "events of a name and status"
actor = "ip"
trigger = { event = "users.login", where = "status:404" }
at_least = 6
period = "1h"

[[playbook]]
slug = "accounts-of-an-address"
name = "values of a name"
actor = "ip"
trigger = { event = "users.login" }
distinct = { of = "user.email", at_least = 5 }
period = "24h"

[[playbook]]
slug = "failing-ratio"
name = "ratio of two names, by user"
actor = "user"
trigger = { event = "users.login" }
at_least = 2
ratio = { event = "app.event.1", at_least = 2 }
period = "24h"

[[playbook]]
slug = "countries-of-a-user"
name = "first seen values, by user"
actor = "user"
trigger = { event = "users.login" }
first_seen = "properties.country"
period = "30d"

[[playbook]]
slug = "all-events"
name = "all events"
actor = "ip"
trigger = { event = "*" }
at_least = 20
period = "1h"

[[playbook]]
slug = "all-values"
name = "values in all events, by user"
actor = "user"
trigger = { event = "*" }
distinct = { of = "properties.item", at_least = 10 }
period = "24h"
"#;

fn playbooks() -> Vec<Arc<Playbook>> {
    let entries = file::read(PLAYBOOKS).expect("the playbooks are right");
    let playbooks = entries.into_iter().map(|entry| Arc::new(entry.playbook));
    playbooks.collect()
}

pub(crate) fn names() -> Vec<String> {
    let playbooks = playbooks().into_iter();
    playbooks.map(|playbook| playbook.slug.clone()).collect()
}

pub(crate) fn head() {
    println!(
        "| | stored events | of the rule | seconds | CPU s | fired | actors | points of the curve | forgotten | peak MB |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
}

/// Prints a row.
pub(crate) fn measure(dir: &Path, slug: &str) {
    let playbook = playbooks()
        .into_iter()
        .find(|playbook| playbook.slug == slug);
    let playbook = playbook.expect("there is such a playbook");
    let store = EmbeddedStore::open(dir, StoreOptions::new()).expect("the store opens");
    let rows = store.stats().sealed_rows;
    let (began, processor) = (Instant::now(), processor_seconds());
    let monitor = ScanMonitor::new();
    let found = backtest(&store, &playbook, TimeRange::ALL, &[], &monitor);
    let (seconds, processor) = (began.elapsed(), processor_seconds() - processor);
    let found = found
        .expect("the store can be read")
        .expect("it was not cancelled");
    println!(
        "| {} | {rows} | {} | {:.2} | {processor:.2} | {} | {} | {} | {} | {:.0} |",
        playbook.name,
        found.events,
        seconds.as_secs_f64(),
        found.fired,
        found.actors,
        found.curve.len(),
        found.evicted + found.curve_evicted,
        kilobytes("VmHWM:") as f64 * 1024.0 / 1e6,
    );
    eprintln!("{:?}", found.curve);
}
