//! What is remembered of one actor, or of one of its groups, and when it is enough.

use std::collections::{HashMap, HashSet};

use crate::store::EventId;

/// The most events, others or values of one window where only their number bounds them; beyond it the oldest go.
pub(super) const MAX_MARKS: usize = 8_192;
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
    /// Events before this time do not count, since the playbook fired; 0 if it did not.
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

impl Window {
    /// Takes one of the others; says whether one had to go.
    pub(super) fn other(&mut self, mark: Mark) -> bool {
        if let Err(place) = self.others.binary_search(&mark) {
            insert(&mut self.others, place, mark);
        }
        trim(&mut self.others)
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
            self.quiet_until = end.saturating_add(terms.cooldown);
            self.marks = Vec::new();
            self.values = Vec::new();
            self.others = Vec::new();
            self.thin_at = 0;
            return (Some(enough), false);
        }
        (None, self.bound(terms))
    }

    /// What any window has that the event at this place is in.
    fn enough(&self, place: usize, terms: &Terms) -> Option<Enough> {
        let time = self.marks.get(place)?.time;
        let ends = self.marks.iter().enumerate().skip(place);
        let ends = ends.take_while(|(_, end)| end.time - terms.period < time);
        for (last, end) in ends {
            // Of marks at the same time, the last ends the window.
            if self
                .marks
                .get(last + 1)
                .is_some_and(|next| next.time == end.time)
            {
                continue;
            }
            let start = end.time - terms.period;
            let first = self.marks.partition_point(|mark| mark.time <= start);
            let marks = self.marks.get(first..=last)?;
            let enough = |values, others| {
                Some(Enough {
                    marks: marks.to_vec(),
                    values,
                    others,
                })
            };
            match terms.ask {
                Ask::Threshold { events } if marks.len() >= events => return enough(0, 0),
                Ask::Distinct { values, events } if marks.len() >= events.max(values) => {
                    let found = distinct(self.values.get(first..=last)?);
                    if found >= values {
                        return enough(found as u64, 0);
                    }
                }
                Ask::Ratio { at_least, events } if marks.len() >= events => {
                    let from = self.others.partition_point(|mark| mark.time <= start);
                    let to = self.others.partition_point(|mark| mark.time <= end.time);
                    let others = to.saturating_sub(from);
                    if marks.len() as f64 >= at_least * others as f64 {
                        return enough(0, others as u64);
                    }
                }
                _ => {}
            }
        }
        None
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
        let trimmed = self.values.len() > MAX_MARKS;
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
        match terms.ask {
            Ask::Distinct { events, .. } if !terms.voids => {
                let from = (self.thin_at as usize).max(THIN_FROM);
                if self.marks.len() >= from {
                    self.thin(events, terms.period);
                    self.thin_at = u32::try_from(2 * self.marks.len()).unwrap_or(u32::MAX);
                }
                self.trim_with_values()
            }
            Ask::Distinct { .. } => self.trim_with_values(),
            Ask::Ratio { .. } => trim(&mut self.marks),
            // Before it fires, no window has as many as it asks for.
            Ask::Threshold { .. } | Ask::FirstSeen => false,
        }
    }

    fn trim_with_values(&mut self) -> bool {
        let over = self.marks.len().saturating_sub(MAX_MARKS);
        self.marks.drain(..over);
        self.values.drain(..over);
        over > 0
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
    pub(super) fn forget(&mut self, until: i64) {
        if self.marks.len() == self.values.len() {
            let mut marks = self.marks.iter();
            self.values
                .retain(|_| marks.next().is_some_and(|mark| mark.time > until));
        }
        for marks in [&mut self.marks, &mut self.others] {
            marks.retain(|mark| mark.time > until);
        }
    }

    /// Whether nothing of it can matter: no window goes back beyond `until`, and no event before `open` counts.
    pub(super) fn is_over(&self, until: i64, open: i64) -> bool {
        let past = |marks: &[Mark]| marks.iter().all(|mark| mark.time <= until);
        self.quiet_until <= open && past(&self.marks) && past(&self.others)
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

/// Takes the oldest away where there are too many.
fn trim(marks: &mut Vec<Mark>) -> bool {
    let over = marks.len().saturating_sub(MAX_MARKS);
    marks.drain(..over);
    over > 0
}

/// The number of different values; 0 is none.
fn distinct(values: &[u64]) -> usize {
    const FEW: usize = 16;
    let mut few = [0; FEW];
    let mut found = 0;
    for value in values.iter().filter(|value| **value != 0) {
        if few.get(..found).is_some_and(|few| few.contains(value)) {
            continue;
        }
        let Some(free) = few.get_mut(found) else {
            let hasher = foldhash::fast::FixedState::default();
            let mut all = HashSet::with_capacity_and_hasher(values.len(), hasher);
            all.extend(values.iter().copied().filter(|value| *value != 0));
            return all.len();
        };
        *free = *value;
        found += 1;
    }
    found
}
