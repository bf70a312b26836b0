use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The outcome ledger: what became of every event of one running agent.
///
/// All counts are totals since the agent's start, so that the newest ledger of an `instance`
/// replaces the one before. At all times
/// `tracked = accepted + duplicate + rejected + dropped + pending`, where `rejected` and
/// `dropped` are the sums over their reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcomes {
    /// The running agent, as in its login.
    pub instance: String,
    /// Events given to the SDK.
    pub tracked: u64,
    /// Events the backend stored.
    pub accepted: u64,
    /// Events the backend had stored before.
    pub duplicate: u64,
    /// Events the backend refused, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Events the agent gave up, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Events still waiting for an answer.
    pub pending: u64,
    /// Calls whose mistakes were corrected, by kind of mistake; their events are counted above.
    pub corrected: BTreeMap<String, u64>,
}

impl Outcomes {
    /// Events that have an outcome, plus those that wait for one.
    #[must_use]
    pub fn total(&self) -> u64 {
        let sum = |counts: &BTreeMap<String, u64>| {
            counts
                .values()
                .fold(0, |sum: u64, n| sum.saturating_add(*n))
        };
        self.accepted
            .saturating_add(self.duplicate)
            .saturating_add(sum(&self.rejected))
            .saturating_add(sum(&self.dropped))
            .saturating_add(self.pending)
    }
}
