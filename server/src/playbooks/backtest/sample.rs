//! Counting different actors in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use foldhash::fast::RandomState;

/// The most actors that are remembered.
const MOST: usize = 1 << 20;

/// Different actors, and what is known of each: all of them up to a million, and of more a fair half, quarter and so on,
/// by the bits of their hashes.
#[derive(Debug)]
pub(super) struct Sample<T> {
    hasher: RandomState,
    known: HashMap<u64, T, RandomState>,
    /// Only hashes that end with so many zeros are remembered.
    zeros: u32,
}

impl<T> Default for Sample<T> {
    fn default() -> Self {
        Self {
            hasher: RandomState::default(),
            known: HashMap::default(),
            zeros: 0,
        }
    }
}

impl<T: Default> Sample<T> {
    /// Notes something of an actor.
    pub(super) fn note(&mut self, actor: &impl Hash, note: impl FnOnce(&mut T)) {
        let hash = self.hasher.hash_one(actor);
        if hash.trailing_zeros() < self.zeros {
            return;
        }
        note(self.known.entry(hash).or_default());
        while self.known.len() > MOST {
            self.zeros += 1;
            let zeros = self.zeros;
            self.known.retain(|hash, _| hash.trailing_zeros() >= zeros);
        }
    }

    /// Notes something of an actor, if it was noted before.
    pub(super) fn change(&mut self, actor: &impl Hash, change: impl FnOnce(&mut T)) {
        if let Some(known) = self.known.get_mut(&self.hasher.hash_one(actor)) {
            change(known);
        }
    }

    /// How many different actors are so.
    pub(super) fn count(&self, is: impl Fn(&T) -> bool) -> u64 {
        let count = self.known.values().filter(|known| is(known)).count() as u64;
        count << self.zeros
    }

    /// Whether there were more than can be remembered.
    pub(super) fn is_estimate(&self) -> bool {
        self.zeros > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact_up_to_the_limit_and_close_beyond_it() {
        let mut sample = Sample::<bool>::default();
        for number in 0..3_000_000_u32 {
            sample.note(&number, |odd| *odd = number % 2 == 1);
            sample.note(&number, |_| {});
            if number == 999_999 {
                let counts = (sample.count(|_| true), sample.count(|odd| *odd));
                assert_eq!(counts, (1_000_000, 500_000));
                assert!(!sample.is_estimate());
            }
        }
        assert!(sample.is_estimate() && sample.known.len() <= MOST);
        for (count, truth) in [
            (sample.count(|_| true), 3_000_000.0),
            (sample.count(|odd| *odd), 1_500_000.0),
        ] {
            // Ten standard deviations.
            assert!((count as f64 / truth - 1.0).abs() < 0.02, "{count}");
        }
    }
}
