//! The counts of each source of events.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqreen::protocol::Outcomes;

use super::counts::{add, beyond, bound};
use super::source::{CountedBy, Source};

/// The most rows; when another comes, the longest silent are added to the rest of their application. As many as there
/// may be sessions, so that rows of agents that still tell stay apart.
pub(super) const MAX_ROWS: usize = 20_000;
/// The most running agents whose last totals are kept, in all.
const MAX_INSTANCES: usize = 20_000;
/// The most of one row that are kept although they have been silent for [`SILENCE`].
const MAX_SILENT: usize = 32;
const SILENCE: i64 = 86_400_000_000;

#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) by_source: BTreeMap<Source, Row>,
    /// At least how many running agents are kept; it is counted when it comes to the limit.
    running: usize,
}

/// What is counted of one source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Row {
    /// Of all agents that ever told; `pending` is that of those that are no longer kept apart.
    pub(super) sum: Outcomes,
    /// How many agents have told.
    pub(super) instances: u64,
    /// The last totals of running agents, the longest silent first.
    pub(super) running: Vec<Running>,
    /// When the source was last heard, in microseconds since the Unix epoch; 0 where it is not known.
    pub(super) heard: i64,
}

/// The last totals of a running agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Running {
    pub(super) totals: Outcomes,
    pub(super) heard: i64,
}

impl Rows {
    pub(super) fn new(by_source: BTreeMap<Source, Row>) -> Self {
        let running = by_source.values().map(|row| row.running.len()).sum();
        Self { by_source, running }
    }

    /// Takes an agent's totals in; answers what is new in them.
    pub(super) fn take(&mut self, source: &Source, mut totals: Outcomes, now: i64) -> Outcomes {
        bound(&mut totals);
        self.adopt(source, &totals.instance, now);
        let known = self.by_source.get(source);
        if known.is_none_or(|row| row.place(&totals.instance).is_none()) {
            self.make_place();
        }
        self.row(source, now).take(totals, now)
    }

    /// Counts what the server found of a body.
    pub(super) fn count(&mut self, source: &Source, found: &mut Outcomes, now: i64) {
        bound(found);
        add(&mut self.row(source, now).sum, found);
    }

    /// The row of the source, which has been heard now.
    fn row(&mut self, source: &Source, now: i64) -> &mut Row {
        if !self.by_source.contains_key(source) {
            self.make_room();
        }
        let row = self.by_source.entry(source.clone()).or_default();
        row.heard = row.heard.max(now);
        row
    }

    fn make_room(&mut self) {
        while self.by_source.len() >= MAX_ROWS {
            let may = self
                .by_source
                .iter()
                .filter(|(source, _)| source.rest().is_some());
            let silent = may.min_by_key(|(source, row)| (source.other, row.heard));
            let Some(source) = silent.map(|(source, _)| source.clone()) else {
                return;
            };
            if let (Some(rest), Some(row)) = (source.rest(), self.by_source.remove(&source)) {
                self.by_source.entry(rest).or_default().add(&row);
            }
        }
    }

    /// Takes a running agent over that was known before versions were told apart.
    fn adopt(&mut self, source: &Source, instance: &str, now: i64) {
        let former = source.former();
        if former == *source {
            return;
        }
        let Some(row) = self.by_source.get_mut(&former) else {
            return;
        };
        let Some(place) = row.place(instance) else {
            return;
        };
        let running = row.running.remove(place);
        row.sum = beyond(&row.sum, &running.totals);
        row.instances = row.instances.saturating_sub(1);
        if row.instances == 0 {
            self.by_source.remove(&former);
        }
        let row = self.row(source, now);
        add(&mut row.sum, &running.totals);
        row.instances += 1;
        row.running.push(running);
    }

    /// Makes place for one more running agent: forgets the last totals of the longest silent; its counts stay.
    fn make_place(&mut self) {
        if self.running >= MAX_INSTANCES {
            let rows = self.by_source.values();
            self.running = rows.map(|row| row.running.len()).sum();
        }
        if self.running >= MAX_INSTANCES {
            let rows = self.by_source.values_mut();
            let rows = rows.filter(|row| !row.running.is_empty());
            let heard = |row: &&mut Row| row.running.first().map(|running| running.heard);
            if let Some(row) = rows.min_by_key(heard) {
                row.retire();
                self.running -= 1;
            }
        }
        self.running += 1;
    }
}

impl Row {
    fn place(&self, instance: &str) -> Option<usize> {
        let mut running = self.running.iter();
        running.position(|running| running.totals.instance == instance)
    }

    fn take(&mut self, totals: Outcomes, now: i64) -> Outcomes {
        let (last, news) = match self.place(&totals.instance) {
            Some(place) => {
                let known = self.running.remove(place).totals;
                let progress = |o: &Outcomes| (o.tracked, o.total() - o.pending.min(o.total()));
                // What was under way for long may come after what was sent later.
                if progress(&totals) >= progress(&known) {
                    let news = beyond(&totals, &known);
                    (totals, news)
                } else {
                    (known, Outcomes::default())
                }
            }
            None => {
                self.instances += 1;
                (totals.clone(), totals)
            }
        };
        add(&mut self.sum, &news);
        self.running.push(Running {
            totals: last,
            heard: now,
        });
        while self.running.len() > MAX_SILENT
            && let Some(first) = self.running.first()
            && now.saturating_sub(first.heard) > SILENCE
        {
            self.retire();
        }
        news
    }

    fn retire(&mut self) {
        if !self.running.is_empty() {
            let silent = self.running.remove(0);
            self.sum.pending = self.sum.pending.saturating_add(silent.totals.pending);
        }
    }

    /// Adds all counts of another row, whose agents are no longer kept apart.
    fn add(&mut self, other: &Self) {
        add(&mut self.sum, &other.sum);
        self.sum.pending = self.sum.pending.saturating_add(other.pending());
        self.instances = self.instances.saturating_add(other.instances);
        self.heard = self.heard.max(other.heard);
    }

    /// Events that wait for an answer, as far as agents told.
    pub(super) fn pending(&self) -> u64 {
        let pending = self.running.iter().map(|running| running.totals.pending);
        pending.fold(self.sum.pending, u64::saturating_add)
    }
}

/// A row of before versions were told apart.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FormerRow {
    retired: Outcomes,
    retired_instances: u64,
    instances: Vec<Outcomes>,
}

impl FormerRow {
    pub(super) fn into_row(self, app: String, host: String) -> (Source, Row) {
        let mut row = Row {
            instances: self.retired_instances + self.instances.len() as u64,
            sum: self.retired,
            ..Row::default()
        };
        for totals in self.instances {
            add(&mut row.sum, &totals);
            row.running.push(Running { totals, heard: 0 });
        }
        let source = Source {
            app,
            host,
            agent: String::new(),
            version: String::new(),
            counted_by: CountedBy::Agent,
            other: false,
        };
        (source, row)
    }
}
