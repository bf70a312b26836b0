//! The engine: events in, and who made which playbook fire.
//!
//! It is a plain value without clock, disk or thread: the same playbooks and events, in the same order, make the same
//! firings, and so does a copy that was restored from a checkpoint in between.
//!
#![doc = include_str!("semantics.md")]

mod actors;
mod checkpoint;
mod groups;
mod index;
mod keys;
mod moving;
mod recency;
mod terms;
#[cfg(test)]
pub(super) mod tests;
mod window;

use std::sync::Arc;

use self::actors::ActorTable;
pub(crate) use self::groups::MAX_GROUPS;
use self::index::{Entry, Index, Part};
use self::keys::Keyed;
pub(crate) use self::keys::{ActorKey, Actors, actors_of, client};
pub(crate) use self::terms::room;
use self::terms::{Ask, Terms};
use self::window::{Enough, Mark, Window};
use super::model::{Actor, Detection, Playbook};
use crate::store::{EventFields, EventId, Field};

/// The most events of one firing that are told.
const MAX_TOLD: usize = 1_000;

/// How much an engine remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most actors, of all playbooks together; an actor counts once for each playbook.
    pub actors: usize,
    /// The most bytes that these take.
    pub bytes: usize,
    /// How long after it happened an event may come and still count, in microseconds.
    pub lateness: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            actors: 1_000_000,
            bytes: 512 << 20,
            // Old agents send what they counted once a minute, and again where that failed.
            lateness: 10 * 60 * 1_000_000,
        }
    }
}

/// Someone made a playbook fire.
#[derive(Clone, Debug, PartialEq)]
pub struct Firing {
    /// The playbook.
    pub playbook: Arc<Playbook>,
    /// Who it was.
    pub actor: Actor,
    /// The value of the playbook's `group_by`.
    pub group: Option<String>,
    /// When the last of the events happened, in microseconds since the Unix epoch.
    pub at: i64,
    /// The times and ids of the events, the oldest first; the newest 1,000 of more.
    pub events: Vec<(i64, EventId)>,
    /// The number of events in the window. There may have been more where `distinct` is asked for: those that could
    /// change nothing are not remembered.
    pub count: u64,
    /// The number of different values, where these are counted.
    pub values: u64,
    /// The number of other events, where there is a ratio.
    pub others: u64,
    /// The value that was new, where first seen values are asked for.
    pub value: Option<String>,
}

impl Firing {
    /// What came together, as runs tell it.
    pub(crate) fn counted(&self) -> serde_json::Value {
        serde_json::json!({
            "events": self.count,
            "values": self.values,
            "others": self.others,
            "value": self.value,
        })
    }
}

/// What an engine has done, and what it remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EngineStats {
    /// Events that concerned a playbook.
    pub events: u64,
    /// Of these, those that came too late to count.
    pub late: u64,
    /// How often a playbook fired.
    pub firings: u64,
    /// Actors that are remembered, once for each playbook.
    pub actors: u64,
    /// The bytes that they take, roughly.
    pub bytes: u64,
    /// Actors that were forgotten before their time, since there were too many.
    pub evicted: u64,
    /// How often events were forgotten before their time, since a window had too many, or an actor too many groups.
    pub trimmed: u64,
}

/// What an event is to playbooks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// It voids what came before.
    pub(crate) cancel: bool,
    /// It is one of the others of a ratio.
    pub(crate) other: bool,
    /// It counts.
    pub(crate) trigger: bool,
}

impl Parts {
    pub(crate) fn any(self) -> bool {
        self.cancel || self.other || self.trigger
    }
}

/// Evaluates playbooks.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    keyed: Keyed,
    playbooks: Vec<Arc<Playbook>>,
    /// The terms of each playbook.
    terms: Vec<Terms>,
    index: Index,
    actors: ActorTable,
    /// The greatest time of receipt.
    clock: i64,
    events: u64,
    late: u64,
    firings: u64,
    trimmed: u64,
    /// What the event is that was looked at last.
    found: Vec<Entry>,
}

impl Engine {
    /// An engine without playbooks. `secret` keeps whoever makes events from making two texts that look the same to
    /// it; whoever wants to compare two engines gives both the same.
    #[must_use]
    pub fn new(limits: Limits, secret: [u8; 16]) -> Self {
        Self {
            limits,
            keyed: Keyed(secret),
            playbooks: Vec::new(),
            terms: Vec::new(),
            index: Index::default(),
            actors: ActorTable::new(0),
            clock: i64::MIN,
            events: 0,
            late: 0,
            firings: 0,
            trimmed: 0,
            found: Vec::new(),
        }
    }

    /// Takes other playbooks. What is remembered stays for those whose slug and rule are the same.
    pub fn set(&mut self, playbooks: Vec<Arc<Playbook>>) {
        let mut next = playbooks;
        next.sort_by(|a, b| a.slug.cmp(&b.slug));
        let place_of = |place: u32| {
            let known = self.playbooks.get(place as usize)?;
            let same = |other: &Arc<Playbook>| other.slug == known.slug && other.rule == known.rule;
            u32::try_from(next.iter().position(same)?).ok()
        };
        self.actors.rearrange(next.len(), place_of);
        self.index = Index::new(&next);
        self.terms = next
            .iter()
            .map(|playbook| Terms::of(&playbook.rule))
            .collect();
        self.playbooks = next;
    }

    /// Whether there are no playbooks.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.playbooks.is_empty()
    }

    /// Takes the next event, and adds what it made fire.
    pub fn feed(&mut self, event: &dyn EventFields, firings: &mut Vec<Firing>) {
        if self.find(event).any() {
            let mut actors = self.actors(event);
            self.take(event, &mut actors, firings);
        }
    }

    /// What the event is to the playbooks; [`take`](Self::take) takes it then.
    pub(crate) fn find(&mut self, event: &dyn EventFields) -> Parts {
        self.index.find(event, &mut self.found);
        let is = |part| self.found.iter().any(|entry| entry.part == part);
        Parts {
            cancel: is(Part::Cancel),
            other: is(Part::Other),
            trigger: is(Part::Trigger),
        }
    }

    /// The event's actors.
    pub(crate) fn actors<'a>(&self, event: &'a dyn EventFields) -> Actors<'a> {
        Actors::new(event, self.keyed)
    }

    /// Takes the event that was [found](Self::find) last to be of any part, and adds what it made fire.
    pub(crate) fn take(
        &mut self,
        event: &dyn EventFields,
        actors: &mut Actors<'_>,
        firings: &mut Vec<Firing>,
    ) {
        self.clock = self.clock.max(event.received());
        self.events += 1;
        let mark = Mark {
            time: event.time().min(event.received()),
            id: event.id(),
            value: 0,
        };
        if mark.time < self.clock.saturating_sub(self.limits.lateness) {
            self.late += 1;
            return;
        }
        let found = std::mem::take(&mut self.found);
        for entry in &found {
            self.apply(event, *entry, mark, actors, firings);
        }
        self.found = found;
        let limits = self.limits;
        self.actors.sweep(self.clock, limits.lateness, &self.terms);
        self.actors.bound(limits.actors, limits.bytes);
    }

    fn apply(
        &mut self,
        event: &dyn EventFields,
        entry: Entry,
        mark: Mark,
        actors: &mut Actors<'_>,
        firings: &mut Vec<Firing>,
    ) {
        let place = entry.playbook as usize;
        let (Some(playbook), Some(terms)) = (self.playbooks.get(place), self.terms.get(place))
        else {
            return;
        };
        let rule = &playbook.rule;
        let Some(key) = actors.key(rule.actor) else {
            return;
        };
        if entry.part == Part::Cancel {
            self.actors
                .change(entry.playbook, key, |node| node.void(mark.time, terms));
            return;
        }
        let group = rule.group_by.as_ref().map(|field| event.value(field));
        let group_key = match &group {
            None => 0,
            Some(None) => 1,
            Some(Some(text)) => self.keyed.value(text),
        };
        let value = asked_value(&rule.detection).and_then(|field| event.value(field));
        if value.is_none() && matches!(terms.ask, Ask::FirstSeen) {
            return;
        }
        // 0 is no value.
        let value_key = value.as_ref().map(|text| self.keyed.value(text).max(1));
        let mark = Mark {
            value: value_key.unwrap_or_default(),
            ..mark
        };
        let open = self.clock.saturating_sub(self.limits.lateness);
        let until = open.saturating_sub(terms.period);
        let take = |window: &mut Window| {
            window.forget(until, terms);
            match entry.part {
                Part::Other => (None, window.other(mark, terms)),
                _ => window.take(mark, terms),
            }
        };
        let change = |node: &mut actors::Node| {
            if mark.time <= node.void_until {
                return (None, false);
            }
            let crowded = node.groups.make_room(group_key);
            let (enough, trimmed) = node.groups.change(group_key, take);
            (enough, trimmed || crowded)
        };
        let (enough, trimmed) = self
            .actors
            .change(entry.playbook, key, change)
            .unwrap_or_default();
        self.trimmed += u64::from(trimmed);
        if let Some((enough, actor)) = enough.zip(actors.actor(rule.actor)) {
            self.firings += 1;
            let group = group.flatten().map(std::borrow::Cow::into_owned);
            let value = value.filter(|_| matches!(terms.ask, Ask::FirstSeen));
            let value = value.map(std::borrow::Cow::into_owned);
            firings.push(firing(Arc::clone(playbook), actor, group, value, &enough));
        }
    }

    /// What it has done, and what it remembers.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        EngineStats {
            events: self.events,
            late: self.late,
            firings: self.firings,
            actors: self.actors.actors as u64,
            bytes: self.actors.bytes as u64,
            evicted: self.actors.evicted,
            trimmed: self.trimmed,
        }
    }
}

fn firing(
    playbook: Arc<Playbook>,
    actor: Actor,
    group: Option<String>,
    value: Option<String>,
    enough: &Enough,
) -> Firing {
    let skipped = enough.marks.len().saturating_sub(MAX_TOLD);
    let told = enough.marks.iter().skip(skipped);
    Firing {
        playbook,
        actor,
        group,
        at: enough.marks.last().map_or(0, |mark| mark.time),
        events: told.map(|mark| (mark.time, mark.id)).collect(),
        count: enough.marks.len() as u64,
        values: enough.values,
        others: enough.others,
        value,
    }
}

/// The field whose values a rule asks for.
fn asked_value(detection: &Detection) -> Option<&Field> {
    match detection {
        Detection::Distinct { of, .. } | Detection::FirstSeen { of } => Some(of),
        Detection::Threshold { .. } | Detection::Ratio { .. } => None,
    }
}
