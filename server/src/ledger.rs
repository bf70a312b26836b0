//! The outcome ledger: what became of the events of every agent.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqreen::protocol::Outcomes;

use crate::files;

/// The most instances of one application and host that are kept apart; the counts of the longest silent ones are
/// added up.
const MAX_INSTANCES: usize = 32;
/// The most pairs of application and host; ledgers of further ones are left out.
const MAX_HOSTS: usize = 10_000;
/// The most reasons of one count; further ones are counted as `other`.
const MAX_REASONS: usize = 64;

#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    hosts: Mutex<Hosts>,
}

/// By application, then by host.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Hosts {
    apps: BTreeMap<String, BTreeMap<String, Host>>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Host {
    /// Sum of the instances that are no longer kept apart.
    retired: Outcomes,
    retired_instances: u64,
    /// The longest silent first.
    instances: Vec<Outcomes>,
}

/// The sums of one application and host.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ledger")]
pub(crate) struct LedgerRow {
    pub(crate) app: String,
    pub(crate) host: String,
    instances: u64,
    pub(crate) tracked: u64,
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: BTreeMap<String, u64>,
    pub(crate) dropped: BTreeMap<String, u64>,
    pub(crate) pending: u64,
    corrected: BTreeMap<String, u64>,
}

impl Ledger {
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join("outcomes.json");
        let hosts = files::read_json(&path)?.unwrap_or_default();
        Ok(Self {
            path,
            hosts: Mutex::new(hosts),
        })
    }

    /// Takes an agent's ledger in and writes the file. Blocks.
    pub(crate) fn take(&self, app: &str, host: &str, outcomes: Outcomes) -> io::Result<()> {
        let mut hosts = self.lock();
        if hosts.take(app, host, outcomes) {
            // Written under the lock, so that an older state never replaces a newer one.
            files::write_json(&self.path, &*hosts)
        } else {
            Ok(())
        }
    }

    pub(crate) fn rows(&self) -> Vec<LedgerRow> {
        let hosts = self.lock();
        let rows = hosts.apps.iter().flat_map(|(app, hosts)| {
            hosts
                .iter()
                .map(move |(host, ledger)| ledger.row(app, host))
        });
        rows.collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Hosts> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts {
    /// Says whether anything changed.
    fn take(&mut self, app: &str, host: &str, mut outcomes: Outcomes) -> bool {
        let known = self
            .apps
            .get(app)
            .is_some_and(|hosts| hosts.contains_key(host));
        if !known && self.apps.values().map(BTreeMap::len).sum::<usize>() >= MAX_HOSTS {
            tracing::warn!(app, host, "ledger left out: too many hosts");
            return false;
        }
        for counts in [
            &mut outcomes.rejected,
            &mut outcomes.dropped,
            &mut outcomes.corrected,
        ] {
            bound_reasons(counts);
        }
        let hosts = self.apps.entry(app.to_owned()).or_default();
        hosts.entry(host.to_owned()).or_default().take(outcomes)
    }
}

impl Host {
    fn take(&mut self, outcomes: Outcomes) -> bool {
        let place = self
            .instances
            .iter()
            .position(|known| known.instance == outcomes.instance);
        if let Some(place) = place {
            let known = self.instances.remove(place);
            let progress = |o: &Outcomes| (o.tracked, o.total() - o.pending.min(o.total()));
            let newer = progress(&outcomes) >= progress(&known);
            let changed = newer && outcomes != known;
            self.instances.push(if newer { outcomes } else { known });
            return changed;
        }
        self.instances.push(outcomes);
        while self.instances.len() > MAX_INSTANCES {
            let silent = self.instances.remove(0);
            add(&mut self.retired, &silent);
            self.retired_instances += 1;
        }
        true
    }

    fn row(&self, app: &str, host: &str) -> LedgerRow {
        let mut sum = self.retired.clone();
        for instance in &self.instances {
            add(&mut sum, instance);
        }
        LedgerRow {
            app: app.to_owned(),
            host: host.to_owned(),
            instances: self.retired_instances + self.instances.len() as u64,
            tracked: sum.tracked,
            accepted: sum.accepted,
            duplicate: sum.duplicate,
            rejected: sum.rejected,
            dropped: sum.dropped,
            pending: sum.pending,
            corrected: sum.corrected,
        }
    }
}

fn add(sum: &mut Outcomes, more: &Outcomes) {
    sum.tracked = sum.tracked.saturating_add(more.tracked);
    sum.accepted = sum.accepted.saturating_add(more.accepted);
    sum.duplicate = sum.duplicate.saturating_add(more.duplicate);
    sum.pending = sum.pending.saturating_add(more.pending);
    add_counts(&mut sum.rejected, &more.rejected);
    add_counts(&mut sum.dropped, &more.dropped);
    add_counts(&mut sum.corrected, &more.corrected);
}

fn add_counts(sum: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (reason, count) in more {
        let total = sum.entry(reason.clone()).or_default();
        *total = total.saturating_add(*count);
    }
    bound_reasons(sum);
}

fn bound_reasons(counts: &mut BTreeMap<String, u64>) {
    if counts.len() <= MAX_REASONS {
        return;
    }
    let kept = std::mem::take(counts);
    for (place, (reason, count)) in kept.into_iter().enumerate() {
        let reason = if place < MAX_REASONS - 1 {
            reason
        } else {
            "other".to_owned()
        };
        let total = counts.entry(reason).or_default();
        *total = total.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(instance: &str, tracked: u64, accepted: u64) -> Outcomes {
        Outcomes {
            instance: instance.to_owned(),
            tracked,
            accepted,
            pending: tracked - accepted,
            ..Outcomes::default()
        }
    }

    #[test]
    fn the_newest_ledger_of_an_instance_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(dir.path()).unwrap();
        ledger.take("shop", "web-1", outcomes("a", 3, 1)).unwrap();
        ledger.take("shop", "web-1", outcomes("a", 5, 5)).unwrap();
        ledger.take("shop", "web-1", outcomes("a", 3, 2)).unwrap();
        ledger.take("shop", "web-1", outcomes("b", 7, 7)).unwrap();
        drop(ledger);
        let rows = Ledger::open(dir.path()).unwrap().rows();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].instances, rows[0].tracked, rows[0].accepted),
            (2, 12, 12)
        );
        assert_eq!(rows[0].pending, 0);
    }

    #[test]
    fn retired_instances_stay_counted() {
        let mut hosts = Hosts::default();
        for n in 0..100 {
            hosts.take("shop", "web-1", outcomes(&n.to_string(), 2, 2));
        }
        let host = &hosts.apps["shop"]["web-1"];
        assert_eq!(host.instances.len(), MAX_INSTANCES);
        let row = host.row("shop", "web-1");
        assert_eq!((row.instances, row.tracked, row.accepted), (100, 200, 200));
    }
}
