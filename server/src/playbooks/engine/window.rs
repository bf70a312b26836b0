//! What is remembered of one actor, or of one of its groups, and when it is enough.

use std::collections::HashMap;
use std::ops::Range;

use super::moving::{Span, Values, advance};
use super::terms::{Ask, Terms};
use crate::store::EventId;

/// The most values that are remembered as seen; each event looks through them.
const MAX_SEEN: usize = 1_024;
/// From so many events on, those go that can change no answer. Tests have fewer events than attackers.
const THIN_FROM: usize = if cfg!(test) { 4 } else { 64 };

/// An event that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) time: i64,
    pub(super) id: EventId,
    /// The value that the rule asks for; 0 is none.
    pub(super) value: u64,
}

impl Mark {
    /// What the same event has in common.
    fn key(&self) -> (i64, EventId) {
        (self.time, self.id)
    }
}

/// What was found in a window when it was enough.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Enough {
    /// The events, the oldest first.
    pub(super) marks: Vec<Mark>,
    pub(super) values: u64,
    pub(super) others: u64,
}

/// The events of one actor, or of one of its groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Window {
    /// Events before this time do not count, since the playbook fired, or others of then had to go; 0 at first.
    pub(super) quiet_until: i64,
    /// In the order of time; of first seen values, one for each, at its last time.
    pub(super) marks: Vec<Mark>,
    /// The others of a ratio. Most windows have none.
    #[expect(
        clippy::box_collection,
        reason = "a third of what a window takes would be room for a list that it does not have"
    )]
    others: Option<Box<Vec<Mark>>>,
    /// The number of marks at which it is worth looking for those that can change no answer.
    pub(super) thin_at: u32,
}

impl Window {
    /// A window as it was written down.
    pub(super) fn new(quiet_until: i64, thin_at: u32, marks: Vec<Mark>, others: Vec<Mark>) -> Self {
        Self {
            quiet_until,
            marks,
            others: (!others.is_empty()).then(|| Box::new(others)),
            thin_at,
        }
    }

    /// The others of a ratio, in the order of time.
    pub(super) fn others(&self) -> &[Mark] {
        self.others.as_deref().map_or(&[], Vec::as_slice)
    }

    /// Takes one of the others; says whether one had to go.
    pub(super) fn other(&mut self, mark: Mark, terms: &Terms) -> bool {
        let others = self.others.get_or_insert_default();
        if let Err(place) = place_of(others, mark) {
            insert(others, place, mark);
        }
        self.trim(terms.room())
    }

    /// Takes an event; answers what it completes, and whether something had to go that might have mattered.
    pub(super) fn take(&mut self, mark: Mark, terms: &Terms) -> (Option<Enough>, bool) {
        if terms.ask == Ask::FirstSeen {
            return self.see(mark, terms);
        }
        if mark.time < self.quiet_until {
            return (None, false);
        }
        let Err(place) = place_of(&self.marks, mark) else {
            return (None, false);
        };
        insert(&mut self.marks, place, mark);
        if let Some(enough) = self.enough(place, terms) {
            let end = enough.marks.last().map_or(mark.time, |mark| mark.time);
            *self = Self {
                quiet_until: end.saturating_add(terms.cooldown),
                ..Self::default()
            };
            return (Some(enough), false);
        }
        (None, self.bound(terms))
    }

    /// What any window has that the event at this place is in; of several that are enough, the earliest.
    ///
    /// No window was enough before the event came.
    fn enough(&self, place: usize, terms: &Terms) -> Option<Enough> {
        // Most windows are far from it, and nothing of them need be read.
        if self.marks.len() < terms.least() {
            return None;
        }
        let time = self.marks.get(place)?.time;
        let start = time - terms.period;
        // All of these move on with the end.
        let mut first = self.marks.partition_point(|mark| mark.time <= start);
        let mut others = Span::of(self.others(), start, time);
        let mut values = None;
        for (last, end) in self.marks.iter().enumerate().skip(place) {
            let start = end.time - terms.period;
            if start >= time {
                break;
            }
            // Of marks at the same time, the last ends the window.
            let next = self.marks.get(last + 1);
            if next.is_some_and(|next| next.time == end.time) {
                continue;
            }
            first = advance(&self.marks, first, start);
            let marks = self.marks.get(first..=last)?;
            let enough = match terms.ask {
                Ask::Threshold { events } => (marks.len() >= events).then_some((0, 0)),
                Ask::Distinct { values: least, .. } => {
                    let found = match self.may_be_enough(first, place, last, terms) {
                        true => values.get_or_insert_with(Values::default).count(
                            &self.marks,
                            first,
                            last,
                        ),
                        false => 0,
                    };
                    (found >= least.max(1)).then_some((found as u64, 0))
                }
                Ask::Ratio { at_least, events } => {
                    others.move_on(self.others(), start, end.time);
                    let others = others.length();
                    let enough =
                        marks.len() >= events && marks.len() as f64 >= at_least * others as f64;
                    enough.then_some((0, others as u64))
                }
                Ask::FirstSeen => None,
            };
            if let Some((values, others)) = enough {
                return Some(Enough {
                    marks: marks.to_vec(),
                    values,
                    others,
                });
            }
        }
        None
    }

    /// Whether the event at a place may make the window enough that it was not before: it brings a value, or the
    /// number. In a flood of one value, nothing need be counted.
    fn may_be_enough(&self, first: usize, place: usize, last: usize, terms: &Terms) -> bool {
        let Ask::Distinct { values, events } = terms.ask else {
            return false;
        };
        let count = last + 1 - first;
        if count < events.max(values) {
            return false;
        }
        let value = self.marks.get(place).map_or(0, |mark| mark.value);
        let of = |places: Range<usize>| self.marks.get(places).unwrap_or_default().iter();
        let is_known = || {
            let before = of(first..place).rev().any(|mark| mark.value == value);
            before || of(place + 1..last + 1).any(|mark| mark.value == value)
        };
        count == events || !(value == 0 || is_known())
    }

    /// Remembers a value, and says whether it is new to an actor who had others.
    fn see(&mut self, mark: Mark, terms: &Terms) -> (Option<Enough>, bool) {
        let since = mark.time - terms.period;
        let last = self.marks.iter_mut().find(|last| last.value == mark.value);
        let recent = last.as_ref().is_some_and(|last| last.time > since);
        match last {
            Some(last) => *last = mark.max(*last),
            None => {
                let place = self.marks.len();
                insert(&mut self.marks, place, mark);
            }
        }
        let mut others = self.marks.iter();
        let others = others.any(|other| other.value != mark.value && other.time > since);
        let trimmed = self.marks.len() > MAX_SEEN;
        if trimmed {
            let oldest = self.marks.iter().enumerate().min_by_key(|(_, mark)| **mark);
            if let Some((oldest, _)) = oldest {
                self.marks.swap_remove(oldest);
            }
        }
        if recent || !others || mark.time < self.quiet_until {
            return (None, trimmed);
        }
        self.quiet_until = mark.time.saturating_add(terms.cooldown);
        let enough = Enough {
            marks: vec![mark],
            values: 0,
            others: 0,
        };
        (Some(enough), trimmed)
    }

    /// Keeps the number of events in bounds; says whether one had to go that might have mattered.
    fn bound(&mut self, terms: &Terms) -> bool {
        let room = terms.room();
        match terms.ask {
            Ask::Distinct { events, .. } => {
                let from = (self.thin_at as usize).max(THIN_FROM);
                let full = self.marks.len() > room;
                if full || !terms.voids && self.marks.len() >= from {
                    self.thin(events, terms.period);
                    let next = room.min(2 * self.marks.len());
                    self.thin_at = u32::try_from(next).unwrap_or(u32::MAX);
                }
                // What was left out would matter if what stayed beside it were voided.
                full && (self.trim(room) || terms.voids)
            }
            Ask::Ratio { .. } => self.trim(room),
            // Before it fires, no window has as many as it asks for.
            Ask::Threshold { .. } | Ask::FirstSeen => false,
        }
    }

    /// Takes the oldest away where there are too many, of events and others alike, so that a ratio stays one; an
    /// eighth at once, so that not every event moves all.
    fn trim(&mut self, room: usize) -> bool {
        let count = self.marks.len() + self.others().len();
        if count <= room {
            return false;
        }
        let over = count - (room - room / 8);
        let (mut marks, mut others) = (0, 0);
        let mut last = None;
        while marks + others < over {
            last = match (self.marks.get(marks), self.others().get(others)) {
                (Some(mark), other) if other.is_none_or(|other| mark <= other) => {
                    marks += 1;
                    Some(mark.time)
                }
                (_, other) => {
                    others += 1;
                    other.map(|other| other.time)
                }
            };
        }
        // Of what was before, part is gone: what comes late would be held against the rest.
        let open = last.map_or(i64::MIN, |last| last.saturating_add(1));
        self.quiet_until = self.quiet_until.max(open);
        self.drop_first(marks, others);
        true
    }

    /// Leaves out events that can change no answer, whatever comes.
    ///
    /// A window that has an event has one of the two of its value beside it, if these are no further apart than the
    /// window is long; and it has all of the `events` before it or all of the `events` after it, if the first and last
    /// of these are no further apart. Then values and number are enough without it, if they are with it.
    fn thin(&mut self, events: usize, period: i64) {
        let count = self.marks.len();
        let mut next_of = vec![usize::MAX; count];
        let mut latest = HashMap::with_hasher(foldhash::fast::FixedState::default());
        for (place, mark) in self.marks.iter().enumerate().rev() {
            if let (Some(slot), Some(next)) =
                (next_of.get_mut(place), latest.insert(mark.value, place))
            {
                *slot = next;
            }
        }
        let mut kept: Vec<Mark> = Vec::with_capacity(count);
        let mut last_kept = HashMap::with_hasher(foldhash::fast::FixedState::default());
        for (place, mark) in self.marks.iter().enumerate() {
            let time = |place: usize| self.marks.get(place).map(|mark: &Mark| mark.time);
            let before = last_kept.get(&mark.value).copied();
            let after = next_of.get(place).and_then(|next| time(*next));
            let value_stays = mark.value == 0
                || before
                    .zip(after)
                    .is_some_and(|(before, after): (i64, i64)| after - before <= period);
            let before = kept
                .len()
                .checked_sub(events)
                .and_then(|place| kept.get(place));
            let after = time(place + events);
            let number_stays = before
                .zip(after)
                .is_some_and(|(before, after)| after - before.time <= period);
            if !(value_stays && number_stays) {
                kept.push(*mark);
                last_kept.insert(mark.value, mark.time);
            }
        }
        kept.shrink_to_fit();
        self.marks = kept;
    }

    /// Forgets what happened until then.
    pub(super) fn void(&mut self, until: i64, terms: &Terms) {
        if terms.ask == Ask::FirstSeen {
            self.marks.retain(|mark| mark.time > until);
            give_back(&mut self.marks);
            return;
        }
        let past = |marks: &[Mark]| marks.partition_point(|mark| mark.time <= until);
        let (marks, others) = (past(&self.marks), past(self.others()));
        self.drop_first(marks, others);
    }

    fn drop_first(&mut self, marks: usize, others: usize) {
        self.marks.drain(..marks.min(self.marks.len()));
        give_back(&mut self.marks);
        if let Some(list) = &mut self.others {
            list.drain(..others.min(list.len()));
            give_back(list);
        }
    }

    /// Forgets what no window reaches any more, if that is worth it: some of it may stay, since it changes no answer.
    pub(super) fn forget(&mut self, until: i64, terms: &Terms) {
        let past = |marks: &[Mark]| {
            // To look costs as much as what else is done, where the list is long.
            let is_due = marks.len() < 4 || marks.len().is_multiple_of(4);
            let quarter = marks.get(marks.len() / 4).filter(|_| is_due);
            quarter.is_some_and(|mark| mark.time <= until)
        };
        if terms.ask == Ask::FirstSeen || past(&self.marks) || past(self.others()) {
            self.void(until, terms);
        }
    }

    /// From when on, in the time of events that may still come, nothing of it can matter.
    pub(super) fn over_at(&self, terms: &Terms) -> i64 {
        let ends = self.marks.iter().chain(self.others().last());
        let end = ends
            .map(|mark| mark.time.saturating_add(terms.period))
            .max();
        end.map_or(self.quiet_until, |end| end.max(self.quiet_until))
    }

    /// About when it was active last.
    pub(super) fn active(&self) -> i64 {
        let last = self.marks.last().max(self.others().last());
        last.map_or(self.quiet_until, |last| last.time.max(self.quiet_until))
    }

    /// Bytes beside its own. It counts what is in use, so that a copy has as many.
    pub(super) fn bytes(&self) -> usize {
        (self.marks.len() + self.others().len()) * size_of::<Mark>()
    }
}

/// Where an event belongs, or is already. Almost all come in the order of time.
fn place_of(marks: &[Mark], mark: Mark) -> Result<usize, usize> {
    match marks.last() {
        Some(last) if last.key() >= mark.key() => {
            marks.binary_search_by_key(&mark.key(), Mark::key)
        }
        _ => Err(marks.len()),
    }
}

/// Inserts it. Most actors have few events: they need no room for many.
fn insert<T>(list: &mut Vec<T>, place: usize, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 2);
    }
    list.insert(place, value);
}

/// Gives back the room of what went.
fn give_back<T>(list: &mut Vec<T>) {
    if list.capacity() > 2 * list.len() {
        list.shrink_to_fit();
    }
}
