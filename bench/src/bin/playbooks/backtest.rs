//! How long a backtest takes, over a store that `queries build DIR ROWS` filled, how much memory, and whether a live run
//! over the same events does the same.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use sqreen_server::playbooks::{MAX_FIRINGS, backtest, file};
use sqreen_server::store::{EmbeddedStore, EventStore as _, ScanMonitor, StoreOptions, TimeRange};

use crate::live;
use crate::{memory, processor_seconds};

/// A tenth of the events are logins. A new value has no threshold, and so no curve.
const PLAYBOOKS: &str = r#"
[[playbook]]
slug = "threshold"
actor = "ip"
trigger = { event = "users.login", where = "status>=400" }
at_least = 3
period = "24h"

[[playbook]]
slug = "distinct"
actor = "ip"
trigger = { event = "users.login" }
at_least = 5
distinct = { of = "user.email", at_least = 5 }
period = "24h"

[[playbook]]
slug = "ratio"
actor = "ip"
trigger = { event = "users.login", where = "status>=400" }
at_least = 3
ratio = { event = "users.login", where = "status<400", at_least = 1 }
period = "24h"

[[playbook]]
slug = "first-seen"
actor = "user"
trigger = { event = "users.login" }
first_seen = "properties.country"
period = "24h"

[[playbook]]
slug = "all-events"
actor = "ip"
trigger = { event = "*" }
at_least = 5
period = "1h"
"#;

/// Prints the table: each row is a process of its own.
pub(crate) fn measure(dir: &Path) {
    println!(
        "| playbook | stored events | of the rule | seconds | CPU seconds | peak MB | fired | actors | points of the curve \
         | live run |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---|"
    );
    let program = std::env::current_exe().expect("the program is a file");
    for entry in file::read(PLAYBOOKS).expect("the playbooks are right") {
        let mut child = Command::new(&program);
        child
            .arg("backtest")
            .arg(dir)
            .arg(&entry.playbook.slug)
            .stdin(Stdio::null());
        let status = child.status();
        assert!(status.is_ok_and(|status| status.success()), "a row failed");
    }
}

/// Prints the row of a playbook; says whether the live run has done the same.
pub(crate) fn row(dir: &Path, slug: &str) -> bool {
    let entries = file::read(PLAYBOOKS).expect("the playbooks are right");
    let mut playbooks = entries.into_iter().map(|entry| entry.playbook);
    let playbook = playbooks.find(|playbook| playbook.slug == slug);
    let playbook = Arc::new(playbook.expect("a playbook has this slug"));
    let store = EmbeddedStore::open(dir, StoreOptions::new()).expect("the store opens");
    let stats = store.stats();
    let (began, cpu) = (Instant::now(), processor_seconds("self"));
    let monitor = ScanMonitor::new();
    let found = backtest(&store, &playbook, TimeRange::ALL, &[], &monitor);
    let found = found
        .expect("the store can be read")
        .expect("nobody cancels");
    let (seconds, cpu) = (
        began.elapsed().as_secs_f64(),
        processor_seconds("self") - cpu,
    );
    let peak = memory("VmHWM:");
    let mut live = live::run(&store, &playbook);
    // Backtests tell the newest first.
    live.firings.reverse();
    let actors = live.actors.len() as u64;
    live.firings.truncate(MAX_FIRINGS);
    let same = (found.fired, found.actors, found.events, &found.firings)
        == (live.fired, actors, live.events, &live.firings);
    println!(
        "| {slug} | {} | {} | {seconds:.2} | {cpu:.2} | {:.0} | {} | {} | {} | {} |",
        stats.sealed_rows + stats.hot_rows,
        found.events,
        peak as f64 / 1e6,
        found.fired,
        found.actors,
        found.curve.len(),
        if same { "equal" } else { "different" },
    );
    if !same {
        eprintln!(
            "live: {} of the rule, fired {}, {actors} actors",
            live.events, live.fired
        );
    }
    same
}
