//! What a playbook would have done: its rule over the stored events, with the engine that evaluates live ones.
//!
//! Events come in the order in which they happened, as if each had arrived at once: whatever arrived too late for the
//! live engine counts here.

mod peaks;
mod question;
mod sample;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::path::Path;
use std::sync::Arc;

use foldhash::fast::RandomState;
use ipnet::IpNet;

use self::peaks::{Peaks, Seen};
use self::question::{Question, signed_in};
use self::sample::Sample;
use super::engine::{ActorKey, Engine, Firing, Limits, Parts};
use super::model::{Actor, Detection, Playbook};
use crate::store::{
    EventFields, EventId, EventStore, Field, Filter, ScanMonitor, StoreError, TimeRange, embedded,
};

/// The most firings that are told, the newest.
pub const MAX_FIRINGS: usize = 1_000;

/// What a playbook would have done.
#[derive(Clone, Debug, PartialEq)]
pub struct Backtest {
    /// Events that are part of the rule.
    pub events: u64,
    /// How often it would have fired.
    pub fired: u64,
    /// The newest 1,000 firings, the newest first, each without its events.
    pub firings: Vec<Firing>,
    /// How many different actors made it fire.
    pub actors: u64,
    /// How many different actors are in the trigger's events.
    pub seen: u64,
    /// How many of [`actors`](Self::actors) have signed in within the range, by `users.login` with `success`.
    pub signed_in: u64,
    /// How many of [`actors`](Self::actors) the allow list has something in common with.
    pub allowed: u64,
    /// How many actors would have made it fire with other thresholds, in their order; empty where a rule has none.
    pub curve: Vec<CurvePoint>,
    /// Whether there were more than a million different actors, so that their numbers are estimates.
    pub estimated: bool,
    /// Actors that were forgotten before their time, since there were too many: the live engine would have, too.
    pub evicted: u64,
    /// The same, in the evaluation of the curve, whose numbers are then too low.
    pub curve_evicted: u64,
}

impl Backtest {
    /// Which part of the actors in the trigger's events made it fire, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        match self.seen {
            0 => 0.0,
            seen => (self.actors as f64 / seen as f64).min(1.0),
        }
    }
}

/// How many actors a threshold catches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// In the place of the rule's events, values or ratio.
    pub at_least: f64,
    /// How many different actors would have made it fire.
    pub actors: u64,
}

/// Runs the playbook over the stored events of the range; `None` if it was cancelled. The monitor tells how far it is:
/// first over the events of the rule, and then, if it fired, over the logins.
///
/// `allowed` are the networks of the allow list. The memory it takes is bounded, some hundred megabytes where there are
/// millions of actors. Blocks on the disk: call it where blocking is allowed.
///
/// # Errors
///
/// [`StoreError::Io`] if the disk refuses.
pub fn backtest(
    store: &dyn EventStore,
    playbook: &Arc<Playbook>,
    range: TimeRange,
    allowed: &[IpNet],
    monitor: &ScanMonitor,
) -> Result<Option<Backtest>, StoreError> {
    evaluate(playbook, allowed, |filter, fields, sink| {
        store.scan_rows(filter, range, fields, monitor, sink)
    })
}

/// As [`backtest`], over the events of a directory, also while a server works on it.
pub(crate) fn backtest_dir(
    dir: &Path,
    playbook: &Arc<Playbook>,
    range: TimeRange,
    allowed: &[IpNet],
) -> Result<Backtest, StoreError> {
    let monitor = ScanMonitor::new();
    let found = evaluate(playbook, allowed, |filter, fields, sink| {
        embedded::scan_rows(dir, filter, range, fields, &monitor, sink)
    })?;
    found.ok_or(StoreError::Closed)
}

fn evaluate(
    playbook: &Arc<Playbook>,
    allowed: &[IpNet],
    scan: impl Fn(&Filter, &[Field], &mut dyn FnMut(&dyn EventFields)) -> Result<bool, StoreError>,
) -> Result<Option<Backtest>, StoreError> {
    let question = Question::new(&playbook.rule);
    let mut run = Run::new(playbook);
    let ended = scan(&question.events, &question.fields, &mut |event| {
        run.take(event, allowed);
    })?;
    if !ended {
        return Ok(None);
    }
    if run.fired > 0 {
        let (filter, fields) = signed_in(playbook.rule.actor);
        let ended = scan(&filter, &fields, &mut |event| {
            if let Some(actor) = run.own.actors(event).key(playbook.rule.actor) {
                run.actors.change(&actor, |marks| marks.signed_in = true);
            }
        })?;
        if !ended {
            return Ok(None);
        }
    }
    Ok(Some(run.finish()))
}

/// What is known of an actor for whom the playbook fired.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    signed_in: bool,
    allowed: bool,
}

struct Run {
    own: Engine,
    playbook: Arc<Playbook>,
    peaks: Peaks,
    /// Makes short keys of groups and values.
    hasher: RandomState,
    /// The event that was taken last.
    last: Option<(i64, EventId)>,
    firings: Vec<Firing>,
    fired: u64,
    newest: VecDeque<Firing>,
    actors: Sample<Marks>,
    seen: Sample<()>,
}

impl Run {
    fn new(playbook: &Arc<Playbook>) -> Self {
        // The order of time is that of arrival: nothing is late, and nothing needs to be kept for what may be.
        let limits = Limits {
            lateness: 0,
            ..Limits::default()
        };
        let mut own = Engine::new(limits, [0; 16]);
        own.set(vec![Arc::clone(playbook)]);
        let thresholds = question::thresholds(&playbook.rule.detection);
        Self {
            own,
            playbook: Arc::clone(playbook),
            peaks: Peaks::new(&playbook.rule, thresholds, limits),
            hasher: RandomState::default(),
            last: None,
            firings: Vec::new(),
            fired: 0,
            newest: VecDeque::new(),
            actors: Sample::default(),
            seen: Sample::default(),
        }
    }

    /// Takes the next event.
    fn take(&mut self, event: &dyn EventFields, allowed: &[IpNet]) {
        let parts = self.own.find(event);
        if !parts.any() {
            return;
        }
        let mut actors = self.own.actors(event);
        let actor = actors.key(self.playbook.rule.actor);
        self.own.take(event, &mut actors, &mut self.firings);
        let Some(actor) = actor else {
            return;
        };
        if parts.trigger {
            self.seen.note(&actor, |()| {});
        }
        self.fired(actor, allowed);
        // The same event again would follow itself.
        let place = Some((event.time(), event.id()));
        if self.last != place {
            self.last = place;
            self.peak(event, parts, actor);
        }
    }

    /// Takes in what the actor made fire.
    fn fired(&mut self, actor: ActorKey, allowed: &[IpNet]) {
        for mut firing in self.firings.drain(..) {
            self.fired += 1;
            let on_list = match &firing.actor {
                Actor::Ip(net) => allowed
                    .iter()
                    .any(|other| other.contains(net) || net.contains(other)),
                Actor::User(_) => false,
            };
            self.actors.note(&actor, |marks| marks.allowed |= on_list);
            firing.events = Vec::new();
            self.newest.truncate(MAX_FIRINGS - 1);
            self.newest.push_front(firing);
        }
    }

    fn peak(&mut self, event: &dyn EventFields, parts: Parts, actor: ActorKey) {
        let rule = &self.playbook.rule;
        let key = |field: &Field| Some(self.hasher.hash_one(event.value(field)?));
        let value = match &rule.detection {
            Detection::Distinct { of, .. } => key(of),
            _ => None,
        };
        self.peaks.take(Seen {
            parts,
            actor,
            group: rule.group_by.as_ref().and_then(key).unwrap_or_default(),
            value,
            time: event.time(),
        });
    }

    fn finish(self) -> Backtest {
        let own = self.own.stats();
        let points = self.peaks.curve();
        let points = points.map(|(at_least, actors)| CurvePoint { at_least, actors });
        let samples = [
            self.actors.is_estimate(),
            self.seen.is_estimate(),
            self.peaks.is_estimate(),
        ];
        Backtest {
            events: own.events,
            fired: self.fired,
            curve: points.collect(),
            firings: self.newest.into(),
            actors: self.actors.count(|_| true),
            seen: self.seen.count(|()| true),
            signed_in: self.actors.count(|marks| marks.signed_in),
            allowed: self.actors.count(|marks| marks.allowed),
            estimated: samples.contains(&true),
            evicted: own.evicted,
            curve_evicted: self.peaks.forgotten,
        }
    }
}
