//! Times in buckets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts times by buckets; never waits.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; Times::BOUNDS.len() + 1],
    micros: AtomicU64,
}

/// How long something took, each time that it was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Times {
    /// How often it took at most as long as each of the [bounds](Self::BOUNDS), but longer than the one before; the
    /// last is how often it took longer than all.
    pub buckets: [u64; Self::BOUNDS.len() + 1],
    /// The sum of the times, in microseconds.
    pub micros: u64,
}

impl Times {
    /// The upper bounds of the buckets, in microseconds.
    pub const BOUNDS: [u64; 12] = [
        100, 250, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
        10_000_000,
    ];
}

impl Histogram {
    pub(crate) fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let place = Times::BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn times(&self) -> Times {
        Times {
            buckets: std::array::from_fn(|place| {
                let bucket = self.buckets.get(place);
                bucket.map_or(0, |bucket| bucket.load(Ordering::Relaxed))
            }),
            micros: self.micros.load(Ordering::Relaxed),
        }
    }
}
