//! What is remembered of one actor, or of one of its groups, and when it is enough.

use std::collections::HashMap;

use super::moving::{Span, Values, advance};
use crate::store::EventId;

/// The most events of one window, with its others, where nothing else bounds them; more if a rule asks for a number
/// that is near it. Beyond it the oldest go.
pub(super) const MAX_MARKS: usize = 8_192;
/// Of the events that a rule asks for, so many times are kept.
const ROOM: usize = 4;
/// The most values that are remembered as seen; each event looks through them.
const MAX_SEEN: usize = 1_024;
/// From so many events on, those go that can change no answer. Tests have fewer events than attackers.
const THIN_FROM: usize = if cfg!(test) { 4 } else { 64 };

/// An event that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark {
    pub(super) time: i64,
    pub(super) id: EventId,
}

/// What a rule asks of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ask {
    Threshold { events: usize },
    Distinct { values: usize, events: usize },
    Ratio { at_least: f64, events: usize },
    FirstSeen,
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
    /// In the order of time.
    pub(super) marks: Vec<Mark>,
    /// Of distinct values, that of each mark, 0 for none; of first seen values, those that were seen, whose marks are
    /// their last times.
    pub(super) values: Vec<u64>,
    /// The others of a ratio.
    pub(super) others: Vec<Mark>,
    /// The number of marks at which it is worth looking for those that can change no answer.
    pub(super) thin_at: u32,
}

/// The length of the window, and what else a rule says of all windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Terms {
    pub(super) ask: Ask,
    /// Microseconds.
    pub(super) period: i64,
    /// Microseconds.
    pub(super) cooldown: i64,
    /// Whether events may be voided; then none can be left out before.
    pub(super) voids: bool,
}

impl Terms {
    /// The most events and others of a window.
    fn room(&self) -> usize {
        match self.ask {
            Ask::Distinct { events, .. } | Ask::Ratio { events, .. } => {
                MAX_MARKS.max(events.saturating_mul(ROOM))
            }
            Ask::Threshold { .. } | Ask::FirstSeen => MAX_MARKS,
        }
    }
}

impl Window {
    /// Takes one of the others; says whether one had to go.
    pub(super) fn other(&mut self, mark: Mark, terms: &Terms) -> bool {
        if let Err(place) = self.others.binary_search(&mark) {
            insert(&mut self.others, place, mark);
        }
        self.trim(terms.room())
    }

    /// Takes an event, and its value where the rule asks for one; answers what it completes, and whether something had
    /// to go that might have mattered.
    pub(super) fn take(&mut self, mark: Mark, value: u64, terms: &Terms) -> (Option<Enough>, bool) {
        if terms.ask == Ask::FirstSeen {
            return self.see(mark, value, terms);
        }
        if mark.time < self.quiet_until {
            return (None, false);
        }
        let Err(place) = self.marks.binary_search(&mark) else {
            return (None, false);
        };
        insert(&mut self.marks, place, mark);
        if matches!(terms.ask, Ask::Distinct { .. }) {
            insert(&mut self.values, place, value);
        }
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
        let time = self.marks.get(place)?.time;
        let start = time - terms.period;
        // All of these move on with the end.
        let mut first = self.marks.partition_point(|mark| mark.time <= start);
        let mut others = Span::of(&self.others, start, time);
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
                            &self.values,
                            first,
                            last,
                        ),
                        false => 0,
                    };
                    (found >= least.max(1)).then_some((found as u64, 0))
                }
                Ask::Ratio { at_least, events } => {
                    others.move_on(&self.others, start, end.time);
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
        let value = self.values.get(place).copied().unwrap_or_default();
        let of = |places: std::ops::Range<usize>| self.values.get(places).unwrap_or_default();
        let is_known = || {
            let before = of(first..place).iter().rev().any(|other| *other == value);
            before || of(place + 1..last + 1).contains(&value)
        };
        count == events || !(value == 0 || is_known())
    }

    /// Remembers a value, and says whether it is new to an actor who had others.
    fn see(&mut self, mark: Mark, value: u64, terms: &Terms) -> (Option<Enough>, bool) {
        let since = mark.time - terms.period;
        let known = self.values.iter().position(|known| *known == value);
        let last = known.and_then(|known| self.marks.get_mut(known));
        let recent = last.as_ref().is_some_and(|last| last.time > since);
        match last {
            Some(last) => *last = mark.max(*last),
            None => {
                insert(&mut self.marks, self.values.len(), mark);
                insert(&mut self.values, self.marks.len() - 1, value);
            }
        }
        let mut others = self.values.iter().zip(&self.marks);
        let others = others.any(|(other, last)| *other != value && last.time > since);
        let trimmed = self.values.len() > MAX_SEEN;
        if trimmed {
            let oldest = self.marks.iter().enumerate().min_by_key(|(_, mark)| **mark);
            if let Some((oldest, _)) = oldest {
                self.marks.swap_remove(oldest);
                self.values.swap_remove(oldest);
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
        let count = self.marks.len() + self.others.len();
        if count <= room {
            return false;
        }
        let over = count - (room - room / 8);
        let (mut marks, mut others) = (0, 0);
        while marks + others < over {
            match (self.marks.get(marks), self.others.get(others)) {
                (Some(mark), Some(other)) if other < mark => others += 1,
                (None, _) => others += 1,
                _ => marks += 1,
            }
        }
        // Of what was before, part is gone: what comes late would be held against the rest.
        let gone =
            |list: &[Mark], number: usize| list.get(number.wrapping_sub(1)).map(|mark| mark.time);
        let last = gone(&self.marks, marks).max(gone(&self.others, others));
        let open = last.map_or(i64::MIN, |last| last.saturating_add(1));
        self.quiet_until = self.quiet_until.max(open);
        self.drop_first(marks);
        self.others.drain(..others.min(self.others.len()));
        true
    }

    fn drop_first(&mut self, marks: usize) {
        self.marks.drain(..marks.min(self.marks.len()));
        self.values.drain(..marks.min(self.values.len()));
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
        for place in (0..count).rev() {
            let value = self.values.get(place).copied().unwrap_or_default();
            let next = latest.insert(value, place);
            if let (Some(slot), Some(next)) = (next_of.get_mut(place), next) {
                *slot = next;
            }
        }
        let mut kept: Vec<(Mark, u64)> = Vec::with_capacity(count);
        let mut last_kept = HashMap::with_hasher(foldhash::fast::FixedState::default());
        for place in 0..count {
            let (Some(mark), Some(value)) = (self.marks.get(place), self.values.get(place)) else {
                break;
            };
            let time = |place: usize| self.marks.get(place).map(|mark: &Mark| mark.time);
            let before = last_kept.get(value).copied();
            let after = next_of.get(place).and_then(|next| time(*next));
            let value_stays = *value == 0
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
                .is_some_and(|((before, _), after)| after - before.time <= period);
            if !(value_stays && number_stays) {
                kept.push((*mark, *value));
                last_kept.insert(*value, mark.time);
            }
        }
        self.marks = kept.iter().map(|(mark, _)| *mark).collect();
        self.values = kept.iter().map(|(_, value)| *value).collect();
    }

    /// Forgets what happened until then.
    pub(super) fn void(&mut self, until: i64, terms: &Terms) {
        if terms.ask == Ask::FirstSeen {
            let mut marks = self.marks.iter();
            self.values
                .retain(|_| marks.next().is_some_and(|mark| mark.time > until));
            self.marks.retain(|mark| mark.time > until);
            return;
        }
        self.drop_first(self.marks.partition_point(|mark| mark.time <= until));
        self.others
            .drain(..self.others.partition_point(|mark| mark.time <= until));
    }

    /// Forgets what no window reaches any more, if that is worth it: some of it may stay, since it changes no answer.
    pub(super) fn forget(&mut self, until: i64, terms: &Terms) {
        let past = |marks: &[Mark]| {
            let place = marks.len() / 4;
            marks.get(place).is_some_and(|mark| mark.time <= until)
        };
        if terms.ask == Ask::FirstSeen || past(&self.marks) || past(&self.others) {
            self.void(until, terms);
        }
    }

    /// Whether nothing of it can matter: no window goes back beyond `until`, and no event before `open` counts.
    pub(super) fn is_over(&self, until: i64, open: i64) -> bool {
        let past = |marks: &[Mark]| marks.iter().all(|mark| mark.time <= until);
        self.quiet_until <= open && past(&self.marks) && past(&self.others)
    }

    /// About when it was active last.
    pub(super) fn active(&self) -> i64 {
        let last = self.marks.last().max(self.others.last());
        last.map_or(self.quiet_until, |last| last.time.max(self.quiet_until))
    }

    /// Bytes beside its own. It counts what is in use, so that a copy has as many.
    pub(super) fn bytes(&self) -> usize {
        (self.marks.len() + self.others.len()) * size_of::<Mark>()
            + self.values.len() * size_of::<u64>()
    }
}

/// Inserts it; most actors have one event alone, and need no room for four.
fn insert<T>(list: &mut Vec<T>, place: usize, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().max(1));
    }
    list.insert(place, value);
}
