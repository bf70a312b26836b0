//! How often something is told of the same actor.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Locks, so that different actors rarely meet.
const SETS: usize = 128;
/// Actors of a set that are told apart at the same time.
const WAYS: usize = 8;
const SECOND: Duration = Duration::from_secs(1);

/// What a [`Limiter`] lets through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Reports of one actor in a period, which begins with the first.
    pub(crate) reports: u32,
    pub(crate) period: Duration,
    /// Reports of all actors in a second. With such a bound, an actor for whom there is no place
    /// takes that of the least active; without one, the number of places is the bound.
    pub(crate) all_per_second: Option<u32>,
}

/// Lets so many reports of each actor through, and so many of all together, that no number of
/// attackers fills the event queue. It tells 1,024 actors apart, never grows and never allocates;
/// each call takes a short lock.
#[derive(Debug)]
pub(crate) struct Limiter {
    limits: Limits,
    hasher: RandomState,
    sets: Box<[Mutex<Set>]>,
    second: Mutex<Second>,
    suppressed: AtomicU64,
}

type Set = [Option<Slot>; WAYS];

/// The reports of one actor.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Two actors that share one, of 2^64, share their reports.
    key: u64,
    /// When its period began.
    since: Instant,
    reported: u32,
    suppressed: u64,
}

/// The reports of all in the second that began then.
#[derive(Debug)]
struct Second {
    since: Instant,
    reported: u32,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            hasher: RandomState::new(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
            second: Mutex::new(Second {
                since: Instant::now(),
                reported: 0,
            }),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Whether to report this of an actor: if so, how many of the actor's were not reported since
    /// the last that was.
    pub(crate) fn permit(&self, actor: impl Hash, now: Instant) -> Option<u64> {
        let permit = self.decide(self.hasher.hash_one(actor), now);
        if permit.is_none() {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
        permit
    }

    /// How many were not reported, ever.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    fn decide(&self, key: u64, now: Instant) -> Option<u64> {
        let set = self.sets.get(key as usize % SETS)?;
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let known = set
            .iter()
            .position(|slot| slot.is_some_and(|slot| slot.key == key));
        let place = known.or_else(|| self.place(&set, now))?;
        let fresh = Slot {
            key,
            since: now,
            reported: 0,
            suppressed: 0,
        };
        let slot = set.get_mut(place)?.get_or_insert(fresh);
        if slot.key != key {
            *slot = fresh;
        } else if self.is_over(slot, now) {
            slot.since = now;
            slot.reported = 0;
        }
        if slot.reported >= self.limits.reports || !self.takes_one_more(now) {
            slot.suppressed = slot.suppressed.saturating_add(1);
            return None;
        }
        slot.reported += 1;
        Some(std::mem::take(&mut slot.suppressed))
    }

    /// The place of nobody, or of whoever has been silent, and told all, the longest. Without one
    /// nor a bound on all, the actor is not reported, rather than another one forgotten.
    fn place(&self, set: &Set, now: Instant) -> Option<usize> {
        let bounded = self.limits.all_per_second.is_some();
        let is_over = |slot: &Slot| self.is_over(slot, now);
        let places = set.iter().enumerate();
        let places =
            places.filter(|(_, slot)| slot.as_ref().is_none_or(|slot| bounded || is_over(slot)));
        let place = places.min_by_key(|(_, slot)| {
            let slot = slot.as_ref();
            slot.map(|slot| {
                (
                    !is_over(slot),
                    slot.suppressed > 0,
                    slot.reported,
                    slot.since,
                )
            })
        });
        place.map(|(place, _)| place)
    }

    fn is_over(&self, slot: &Slot, now: Instant) -> bool {
        now.saturating_duration_since(slot.since) >= self.limits.period
    }

    fn takes_one_more(&self, now: Instant) -> bool {
        let Some(most) = self.limits.all_per_second else {
            return true;
        };
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(second.since) >= SECOND {
            *second = Second {
                since: now,
                reported: 0,
            };
        }
        let takes = second.reported < most;
        second.reported += u32::from(takes);
        takes
    }
}

#[cfg(test)]
mod tests;
