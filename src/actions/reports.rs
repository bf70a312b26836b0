//! How often the application of an action is reported.

use std::hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::UserIdentifiers;

/// An actor and action are reported at most once in this time.
const PERIOD: Duration = Duration::from_secs(10);
/// Locks, so that different actors rarely meet.
const SETS: usize = 128;
/// Actors of a set that are told apart at the same time.
const WAYS: usize = 8;

/// Who met an action.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Actor<'a> {
    Ip(IpAddr),
    User(&'a UserIdentifiers),
}

/// Lets one report of each actor and action through every 10 seconds, and 1,024 of all together,
/// so that no number of attackers fills the event queue. It never grows. Only applications of
/// actions come here, and each takes one short lock.
#[derive(Debug)]
pub(crate) struct ReportLimiter {
    hasher: RandomState,
    sets: Box<[Mutex<Set>]>,
    suppressed: AtomicU64,
}

type Set = [Option<Slot>; WAYS];

/// The reports of one actor and action.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Of the actor and the action. Two that share one, of 2^64, share their reports.
    key: u64,
    reported: Instant,
    suppressed: u64,
}

impl ReportLimiter {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            sets: (0..SETS).map(|_| Mutex::default()).collect(),
            suppressed: AtomicU64::new(0),
        }
    }

    /// Whether to report this application: if so, how many of this actor and action were not
    /// reported since the last that was.
    pub(crate) fn permit(&self, actor: Actor<'_>, action_id: &str, now: Instant) -> Option<u64> {
        let key = self.key(actor, action_id);
        let permit = self.decide(key, now);
        if permit.is_none() {
            self.suppressed.fetch_add(1, Ordering::Relaxed);
        }
        permit
    }

    /// How many applications were not reported, ever.
    pub(crate) fn suppressed(&self) -> u64 {
        self.suppressed.load(Ordering::Relaxed)
    }

    fn decide(&self, key: u64, now: Instant) -> Option<u64> {
        let set = self.sets.get(key as usize % SETS)?;
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Slot {
            key,
            reported: now,
            suppressed: 0,
        };
        if let Some(slot) = set.iter_mut().flatten().find(|slot| slot.key == key) {
            if slot.is_due(now) {
                return Some(std::mem::replace(slot, fresh).suppressed);
            }
            slot.suppressed = slot.suppressed.saturating_add(1);
            return None;
        }
        // The place of nobody, or of whoever has been silent, and told all, the longest. Without
        // one the actor is not reported, rather than another one forgotten.
        let free = set
            .iter_mut()
            .filter(|slot| slot.is_none_or(|slot| slot.is_due(now)));
        let free = free.min_by_key(|slot| slot.map(|slot| (slot.suppressed > 0, slot.reported)))?;
        *free = Some(fresh);
        Some(0)
    }

    fn key(&self, actor: Actor<'_>, action_id: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        action_id.hash(&mut hasher);
        match actor {
            Actor::Ip(ip) => ip.to_canonical().hash(&mut hasher),
            Actor::User(user) => {
                for pair in user.iter() {
                    pair.hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    }
}

impl Slot {
    fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.reported) >= PERIOD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_set_gives_up_who_told_all_before_who_did_not() {
        let limiter = ReportLimiter::new();
        let start = Instant::now();
        let later = |periods: u32| start + PERIOD * periods;
        let actor = |n: u64| n * SETS as u64;
        // The first one has something left to tell, and so has the last.
        for n in 0..8 {
            assert_eq!(limiter.decide(actor(n), start), Some(0));
        }
        for n in [0, 7] {
            assert_eq!(limiter.decide(actor(n), start), None);
        }
        // Nobody is forgotten in the period.
        assert_eq!(limiter.decide(actor(8), start), None);
        for n in 8..14 {
            assert_eq!(limiter.decide(actor(n), later(1)), Some(0));
        }
        assert_eq!(limiter.decide(actor(0), later(1)), Some(1));
        assert_eq!(limiter.decide(actor(7), later(1)), Some(1));
        assert_eq!(limiter.decide(actor(1), later(1)), None);
        // Then even those who have, the oldest first, rather than be silent for ever.
        for n in [0, 7, 8, 9, 10, 11, 12, 13] {
            assert_eq!(limiter.decide(actor(n), later(1)), None);
        }
        assert_eq!(limiter.decide(actor(20), later(2)), Some(0));
    }
}
