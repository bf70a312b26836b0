//! Which thresholds each actor would have reached: the curve, in one pass.
//!
//! Events come in the order of time. Of each threshold, only the first time counts that an actor reaches it: before it,
//! there was no cooldown; and whoever reaches one reaches all below it. So one window of each actor tells of all of
//! them. That it is as if the engine had evaluated each is tested.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::Entry;

use foldhash::fast::RandomState;

use super::super::engine::{ActorKey, Limits, MAX_GROUPS, Parts, room};
use super::super::model::{Detection, Rule};
use super::sample::Sample;

/// What a rule asks of a window beside the threshold.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Events,
    /// Events are counted where it matters how many there are.
    Values {
        events: Option<usize>,
    },
    Ratio {
        events: usize,
    },
}

/// An event as the rule sees it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) parts: Parts,
    pub(super) actor: ActorKey,
    /// Stands for the group.
    pub(super) group: u64,
    /// Stands for the value that the rule asks for.
    pub(super) value: Option<u64>,
    pub(super) time: i64,
}

/// What is remembered of an actor.
#[derive(Debug, Default)]
struct Node {
    /// How many of the thresholds it has reached.
    reached: u8,
    /// Until when everything is void.
    void_until: Option<i64>,
    /// In the order of groups.
    windows: Vec<(u64, Window)>,
    /// What these take, roughly.
    bytes: usize,
}

/// The events of an actor, or of one of its groups.
#[derive(Debug, Default)]
struct Window {
    /// When each of the events happened that are counted, the oldest first.
    events: VecDeque<i64>,
    /// The same of the others of a ratio.
    others: VecDeque<i64>,
    /// Values, and when each was there last.
    values: Vec<(u64, i64)>,
    /// Events before this time do not count, since others of then had to go.
    open: i64,
    /// When the last event came.
    last: i64,
}

/// The actors, and what they have reached. Those who were active the longest ago are forgotten where there are too many.
#[derive(Debug)]
pub(super) struct Peaks {
    ask: Ask,
    /// Microseconds.
    period: i64,
    /// In their order.
    thresholds: Vec<f64>,
    limits: Limits,
    /// Who was active lately, and who was before: one half of the limits each.
    young: HashMap<ActorKey, Node, RandomState>,
    old: HashMap<ActorKey, Node, RandomState>,
    /// What the young take, roughly.
    bytes: usize,
    /// How many thresholds the actors have reached that reached any.
    reached: Sample<u8>,
    /// Actors that were forgotten before their time.
    pub(super) forgotten: u64,
}

impl Peaks {
    /// None yet; where there are no thresholds, none ever.
    pub(super) fn new(rule: &Rule, thresholds: Vec<f64>, limits: Limits) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let ask = match rule.detection {
            // As where a draft says nothing of events: they are as many as the values.
            Detection::Distinct { values, events, .. } => Ask::Values {
                events: (events != values).then_some(size(events)),
            },
            Detection::Ratio { events, .. } => Ask::Ratio {
                events: size(events),
            },
            Detection::Threshold { .. } | Detection::FirstSeen { .. } => Ask::Events,
        };
        Self {
            ask,
            period: i64::try_from(rule.period.as_micros()).unwrap_or(i64::MAX),
            thresholds,
            limits,
            young: HashMap::default(),
            old: HashMap::default(),
            bytes: 0,
            reached: Sample::default(),
            forgotten: 0,
        }
    }

    /// Takes the next event.
    pub(super) fn take(&mut self, seen: Seen) {
        if self.thresholds.is_empty() {
            return;
        }
        let node = match self.young.entry(seen.actor) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let node = self.old.remove(&seen.actor).unwrap_or_default();
                self.bytes += size_of::<(ActorKey, Node)>() + node.bytes;
                entry.insert(node)
            }
        };
        let (before, reached) = (node.bytes, node.reached);
        node.take(&seen, self.ask, self.period, &self.thresholds);
        self.bytes = self.bytes - before + node.bytes;
        if node.reached > reached {
            let reached = node.reached;
            self.reached
                .note(&seen.actor, |known| *known = reached.max(*known));
        }
        if self.young.len() > self.limits.actors / 2 || self.bytes > self.limits.bytes / 2 {
            self.age(seen.time);
        }
    }

    /// Forgets the old, and makes the young old.
    fn age(&mut self, now: i64) {
        let since = now.saturating_sub(self.period);
        let all = self.thresholds.len();
        let live = |node: &&Node| {
            let lives = |(_, window): &(u64, Window)| window.last > since;
            usize::from(node.reached) < all && node.windows.iter().any(lives)
        };
        self.forgotten += self.old.values().filter(live).count() as u64;
        self.old = std::mem::take(&mut self.young);
        self.bytes = 0;
    }

    /// How many actors have reached each threshold, in their order.
    pub(super) fn curve(&self) -> impl Iterator<Item = (f64, u64)> {
        let places = self.thresholds.iter().zip(0_u8..);
        places.map(|(at_least, place)| {
            let actors = self.reached.count(|reached| *reached > place);
            (*at_least, actors)
        })
    }

    /// Whether there were so many actors that their numbers are estimates.
    pub(super) fn is_estimate(&self) -> bool {
        self.reached.is_estimate()
    }
}

impl Node {
    fn take(&mut self, seen: &Seen, ask: Ask, period: i64, thresholds: &[f64]) {
        if seen.parts.cancel {
            self.void_until = Some(seen.time);
            self.forget();
        }
        let done = usize::from(self.reached) >= thresholds.len();
        if done || self.void_until.is_some_and(|until| seen.time <= until) {
            return;
        }
        let place = self.place(seen.group).unwrap_or_else(|_| self.add(seen));
        let Some((_, window)) = self.windows.get_mut(place) else {
            return;
        };
        let before = window.bytes();
        if let Some((found, others)) = window.take(seen, ask, period) {
            while let Some(at_least) = thresholds.get(usize::from(self.reached))
                && found >= at_least * others
            {
                self.reached += 1;
            }
        }
        self.bytes = self.bytes - before + window.bytes();
        if usize::from(self.reached) >= thresholds.len() {
            self.forget();
        }
    }

    fn forget(&mut self) {
        (self.windows, self.bytes) = (Vec::new(), 0);
    }

    fn place(&self, group: u64) -> Result<usize, usize> {
        self.windows
            .binary_search_by_key(&group, |(known, _)| *known)
    }

    /// Makes a window for the event's group, in the place of the one that was active the longest ago if there are too
    /// many; answers where it is.
    fn add(&mut self, seen: &Seen) -> usize {
        if self.windows.len() >= MAX_GROUPS {
            let windows = self.windows.iter().enumerate();
            let oldest = windows.min_by_key(|(_, (_, window))| window.last);
            if let Some(oldest) = oldest.map(|(place, _)| place) {
                self.bytes -= self.windows.remove(oldest).1.bytes();
            }
        }
        let place = self.place(seen.group).unwrap_or_else(|place| place);
        let window = Window::default();
        self.bytes += window.bytes();
        if self.windows.is_empty() {
            self.windows.reserve_exact(1);
        }
        self.windows.insert(place, (seen.group, window));
        place
    }
}

impl Window {
    /// Takes an event, and answers as [`count`](Self::count) does.
    fn take(&mut self, seen: &Seen, ask: Ask, period: i64) -> Option<(f64, f64)> {
        self.move_on(seen.time, period);
        let mut found = None;
        if let (Ask::Ratio { events }, true) = (ask, seen.parts.other) {
            self.others.push_back(seen.time);
            self.trim(room(events));
        }
        if seen.parts.trigger && seen.time >= self.open {
            found = self.count(seen, ask);
            if let Ask::Ratio { events } = ask {
                self.trim(room(events));
            }
        }
        found
    }

    /// Lets go of what is out of the window that ends now.
    fn move_on(&mut self, now: i64, period: i64) {
        let start = now.saturating_sub(period);
        for list in [&mut self.events, &mut self.others] {
            while list.front().is_some_and(|time| *time <= start) {
                list.pop_front();
            }
        }
        self.values.retain(|(_, last)| *last > start);
        self.last = now;
    }

    /// Takes an event; answers what is to be as many times the threshold as the second number, if there are enough
    /// events.
    fn count(&mut self, seen: &Seen, ask: Ask) -> Option<(f64, f64)> {
        match ask {
            Ask::Events => {
                self.events.push_back(seen.time);
                Some((self.events.len() as f64, 1.0))
            }
            Ask::Values { events } => {
                if let Some(value) = seen.value {
                    let known = self.values.iter_mut().find(|(known, _)| *known == value);
                    match known {
                        Some((_, last)) => *last = seen.time,
                        None => self.values.push((value, seen.time)),
                    }
                }
                if let Some(events) = events {
                    self.events.push_back(seen.time);
                    // More of them tell no more.
                    while self.events.len() > events {
                        self.events.pop_front();
                    }
                    if self.events.len() < events {
                        return None;
                    }
                }
                Some((self.values.len() as f64, 1.0))
            }
            Ask::Ratio { events } => {
                self.events.push_back(seen.time);
                let enough = self.events.len() >= events;
                enough.then_some((self.events.len() as f64, self.others.len() as f64))
            }
        }
    }

    /// As the engine's windows, the oldest eighth of a ratio goes where there are too many.
    fn trim(&mut self, room: usize) {
        if self.events.len() + self.others.len() <= room {
            return;
        }
        while self.events.len() + self.others.len() > room - room / 8 {
            let event = self.events.front().copied().unwrap_or(i64::MAX);
            let other = self.others.front().copied().unwrap_or(i64::MAX);
            let oldest = match event <= other {
                true => self.events.pop_front(),
                false => self.others.pop_front(),
            };
            self.open = oldest.map_or(self.open, |time| time.saturating_add(1));
        }
    }

    fn bytes(&self) -> usize {
        let times = (self.events.len() + self.others.len()) * size_of::<i64>();
        size_of::<(u64, Self)>() + times + self.values.len() * size_of::<(u64, i64)>()
    }
}
