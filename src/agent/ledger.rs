//! What became of every event.

use std::collections::BTreeMap;

use crate::limits::{Mistake, Mistakes};
use crate::protocol::Outcomes;

/// Most reasons of rejection that are told apart; the backend words them.
const MAX_REASONS: usize = 32;
const OTHER: &str = "other";

/// Why the agent gave an event up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DropReason {
    /// The queue's bound was reached.
    QueueFull,
    /// Tracked after shutdown.
    Closed,
    /// Not delivered within the age cap.
    Expired,
    /// Not delivered when the agent had to stop.
    Shutdown,
    /// Its secrets could not be removed for certain.
    ScrubFailed,
    /// It has no usable name.
    InvalidName,
}

impl DropReason {
    const ALL: [Self; 6] = [
        Self::QueueFull,
        Self::Closed,
        Self::Expired,
        Self::Shutdown,
        Self::ScrubFailed,
        Self::InvalidName,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::Shutdown => "shutdown",
            Self::ScrubFailed => "scrub_failed",
            Self::InvalidName => "invalid_name",
        }
    }
}

/// Counts since the agent's start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) tracked: u64,
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: BTreeMap<String, u64>,
    dropped: [u64; DropReason::ALL.len()],
    corrected: [u64; Mistake::ALL.len()],
}

impl Ledger {
    pub(crate) fn track(&mut self, mistakes: Mistakes) {
        self.tracked += 1;
        self.correct(mistakes);
    }

    pub(crate) fn correct(&mut self, mistakes: Mistakes) {
        if !mistakes.is_empty() {
            for mistake in mistakes.iter() {
                self.corrected[mistake as usize] += 1;
            }
        }
    }

    pub(crate) const fn drop_events(&mut self, reason: DropReason, events: u64) {
        self.dropped[reason as usize] += events;
    }

    pub(crate) fn reject(&mut self, reason: &str, events: u64) {
        let known = self.rejected.len() < MAX_REASONS || self.rejected.contains_key(reason);
        let reason = if known { reason } else { OTHER };
        *self.rejected.entry(reason.to_owned()).or_default() += events;
    }

    pub(crate) fn outcomes(&self, instance: &str, pending: usize) -> Outcomes {
        let non_zero =
            |name: &'static str, count: u64| (count > 0).then(|| (name.to_owned(), count));
        let dropped = DropReason::ALL.into_iter();
        let corrected = Mistake::ALL.into_iter();
        Outcomes {
            instance: instance.to_owned(),
            tracked: self.tracked,
            accepted: self.accepted,
            duplicate: self.duplicate,
            rejected: self.rejected.clone(),
            dropped: dropped
                .filter_map(|reason| non_zero(reason.as_str(), self.dropped[reason as usize]))
                .collect(),
            pending: pending as u64,
            corrected: corrected
                .filter_map(|m| non_zero(m.as_str(), self.corrected[m as usize]))
                .collect(),
        }
    }
}
