//! Backtests over stored events.

use std::path::Path;
use std::time::Instant;

use sqreen_server::playbooks::backtest;
use sqreen_server::store::{EmbeddedStore, EventStore, ScanMonitor, StoreOptions, TimeRange};

use crate::{memory, rules};

/// From a condition that few events meet to all events there are.
const PLAYBOOKS: &str = r#"
[[playbook]]
slug = "missing-pages-of-an-event"
actor = "ip"
trigger = { event = "users.login", where = "status:404" }
at_least = 6
period = "1h"

[[playbook]]
slug = "accounts-of-an-address"
actor = "ip"
trigger = { event = "users.login" }
distinct = { of = "user.email", at_least = 5 }
period = "24h"

[[playbook]]
slug = "countries-of-a-user"
actor = "user"
trigger = { event = "users.login" }
first_seen = "properties.country"
period = "30d"

[[playbook]]
slug = "all-events"
actor = "ip"
trigger = { event = "*" }
at_least = 100
period = "1h"
"#;

pub(crate) fn measure(dir: &Path) {
    let store = EmbeddedStore::open(dir, StoreOptions::new()).expect("the store opens");
    let rows = store.stats().sealed_rows;
    println!(
        "| of {rows} events | events of the rule | seconds | fired | actors | points | forgotten | curve's | peak MB |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for playbook in rules::parse(PLAYBOOKS) {
        let began = Instant::now();
        let monitor = ScanMonitor::new();
        let found = backtest(&store, &playbook, TimeRange::ALL, &[], &monitor);
        let found = found
            .expect("the store can be read")
            .expect("it was not cancelled");
        println!(
            "| {} | {} | {:.2} | {} | {} | {} | {} | {} | {:.0} |",
            playbook.slug,
            found.events,
            began.elapsed().as_secs_f64(),
            found.fired,
            found.actors,
            found.curve.len(),
            found.evicted,
            found.curve_evicted,
            memory("VmHWM:") as f64 / 1e6,
        );
    }
}
