//! What is counted, by the kind of destination.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::state::Channel;

/// What becomes of deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    /// A try failed; another may follow.
    Failed,
    /// It is given up.
    Dead,
    /// A notice found the line full.
    Dropped,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Delivered, Self::Failed, Self::Dead, Self::Dropped];

    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }
}

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts([[AtomicU64; Outcome::ALL.len()]; Channel::ALL.len()]);

impl Counts {
    pub(super) fn add(&self, channel: Channel, outcome: Outcome) {
        let counts = self.0.get(channel as usize);
        if let Some(count) = counts.and_then(|counts| counts.get(outcome as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Each with its labels.
    pub(crate) fn read(&self) -> Vec<(String, u64)> {
        let channels = Channel::ALL.into_iter().zip(&self.0);
        let counts = channels.flat_map(|(channel, counts)| {
            let outcomes = Outcome::ALL.into_iter().zip(counts);
            outcomes.map(move |(outcome, count)| {
                let (kind, outcome) = (channel.name(), outcome.name());
                let labels = format!("kind=\"{kind}\",outcome=\"{outcome}\"");
                (labels, count.load(Ordering::Relaxed))
            })
        });
        counts.collect()
    }
}
