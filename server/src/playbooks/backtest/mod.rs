//! What a playbook would have done: its rule over the stored events, with the engine that evaluates live ones.
//!
//! Events come in the order in which they happened, as if each had arrived at once: whatever arrived too late for the
//! live engine counts here.

mod question;
mod sample;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use self::question::{Question, signed_in};
use self::sample::Sample;
use super::engine::{Engine, Firing, Limits, actor_of};
use super::model::{Actor, Playbook};
use crate::store::{
    EventFields, EventStore, Field, Filter, ScanMonitor, StoreError, TimeRange, embedded,
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
        if event.matches(&question.trigger)
            && let Some(actor) = actor_of(event, playbook.rule.actor)
        {
            run.seen.note(&actor, |()| {});
        }
        run.own.feed(event, &mut run.firings);
        run.curve.feed(event, &mut run.firings);
        run.take(allowed);
    })?;
    if !ended {
        return Ok(None);
    }
    if run.fired > 0 {
        let (filter, fields) = signed_in(playbook.rule.actor);
        let ended = scan(&filter, &fields, &mut |event| {
            if let Some(actor) = actor_of(event, playbook.rule.actor) {
                run.actors.change(&actor, |marks| *marks |= SIGNED_IN);
            }
        })?;
        if !ended {
            return Ok(None);
        }
    }
    Ok(Some(run.finish()))
}

/// What is known of an actor for whom one of the playbooks fired: a bit for each threshold of the curve, and these.
type Marks = u64;
const FIRED: Marks = 1 << 63;
const SIGNED_IN: Marks = 1 << 62;
const ALLOWED: Marks = 1 << 61;

struct Run {
    own: Engine,
    /// Evaluates the playbook with the thresholds of the curve. It is apart, so that its actors push out none of the
    /// playbook's own.
    curve: Engine,
    thresholds: Vec<(Arc<Playbook>, f64)>,
    slug: String,
    firings: Vec<Firing>,
    fired: u64,
    newest: VecDeque<Firing>,
    actors: Sample<Marks>,
    seen: Sample<()>,
}

impl Run {
    fn new(playbook: &Arc<Playbook>) -> Self {
        let thresholds = question::thresholds(playbook);
        let engine = |playbooks| {
            // The order of time is that of arrival: nothing is late, and nothing needs to be kept for what may be.
            let limits = Limits {
                lateness: 0,
                ..Limits::default()
            };
            let mut engine = Engine::new(limits, [0; 16]);
            engine.set(playbooks);
            engine
        };
        let curve = thresholds.iter().map(|(playbook, _)| Arc::clone(playbook));
        Self {
            own: engine(vec![Arc::clone(playbook)]),
            curve: engine(curve.collect()),
            thresholds,
            slug: playbook.slug.clone(),
            firings: Vec::new(),
            fired: 0,
            newest: VecDeque::new(),
            actors: Sample::default(),
            seen: Sample::default(),
        }
    }

    /// Takes in what fired.
    fn take(&mut self, allowed: &[IpNet]) {
        for mut firing in self.firings.drain(..) {
            if firing.playbook.slug != self.slug {
                let of = |(known, _): &(Arc<Playbook>, f64)| Arc::ptr_eq(known, &firing.playbook);
                let mark = self.thresholds.iter().position(of).map_or(0, |at| 1 << at);
                self.actors.note(&firing.actor, |marks| *marks |= mark);
                continue;
            }
            self.fired += 1;
            let on_list = match &firing.actor {
                Actor::Ip(net) => allowed
                    .iter()
                    .any(|other| other.contains(net) || net.contains(other)),
                Actor::User(_) => false,
            };
            let mark = FIRED | if on_list { ALLOWED } else { 0 };
            self.actors.note(&firing.actor, |marks| *marks |= mark);
            firing.events = Vec::new();
            self.newest.truncate(MAX_FIRINGS - 1);
            self.newest.push_front(firing);
        }
    }

    fn finish(self) -> Backtest {
        let (own, curve) = (self.own.stats(), self.curve.stats());
        let count = |mark| self.actors.count(|marks| marks & mark == mark);
        let points = self.thresholds.iter().zip(0..);
        let points = points.map(|((_, at_least), at)| CurvePoint {
            at_least: *at_least,
            actors: count(1 << at),
        });
        Backtest {
            events: own.events,
            fired: self.fired,
            firings: self.newest.into(),
            actors: count(FIRED),
            seen: self.seen.count(|()| true),
            signed_in: count(FIRED | SIGNED_IN),
            allowed: count(FIRED | ALLOWED),
            curve: points.collect(),
            estimated: self.actors.is_estimate() || self.seen.is_estimate(),
            evicted: own.evicted,
            curve_evicted: curve.evicted,
        }
    }
}
