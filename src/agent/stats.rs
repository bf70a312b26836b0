use std::collections::BTreeMap;

use super::ledger::Ledger;

/// What became of the events so far, since the agent's start.
///
/// At every moment `tracked = accepted + duplicate + rejected + dropped + pending`, with the sums
/// over the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events given to the SDK.
    pub tracked: u64,
    /// Events the backend stored.
    pub accepted: u64,
    /// Events the backend had stored before.
    pub duplicate: u64,
    /// Events the backend refused, by its reason.
    pub rejected: BTreeMap<String, u64>,
    /// Events given up, by reason: `queue_full`, `closed`, `expired`, `shutdown`,
    /// `scrub_failed`, `invalid_name`.
    pub dropped: BTreeMap<String, u64>,
    /// Events that wait for an outcome.
    pub pending: u64,
    /// Bytes that they hold.
    pub pending_bytes: u64,
    /// Corrected calls, by [`Mistake`](crate::Mistake).
    pub corrected: BTreeMap<String, u64>,
    /// Applications of security responses that were not tracked, since the same one of the same
    /// actor was a moment ago. They are in none of the counts above; the event that comes next
    /// tells its share as `suppressed`.
    pub suppressed_reports: u64,
    /// Responses with status 404 that were not tracked, since there were many; see
    /// [`track_not_found`](crate::ConfigBuilder::track_not_found). They are in none of the counts
    /// above either.
    pub suppressed_not_found: u64,
}

impl Stats {
    /// What the ledger tells.
    pub(super) fn new(ledger: &Ledger, events: usize) -> Self {
        let outcomes = ledger.outcomes("", events);
        Self {
            tracked: outcomes.tracked,
            accepted: outcomes.accepted,
            duplicate: outcomes.duplicate,
            rejected: outcomes.rejected,
            dropped: outcomes.dropped,
            pending: outcomes.pending,
            corrected: outcomes.corrected,
            ..Self::default()
        }
    }
}

/// What was sent and what was not, when the agent stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The final counts; nothing is pending.
    pub stats: Stats,
}

impl ShutdownReport {
    /// Whether every event reached the backend.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stats.dropped.is_empty() && self.stats.rejected.is_empty() && self.stats.pending == 0
    }
}
