//! Tells the log, and the `metrics` facade, what the ledger counts.

use super::stats::Stats;

#[derive(Debug, Default)]
pub(super) struct Observer {
    seen: Stats,
}

impl Observer {
    /// Tells what has changed since the last time. Each kind of mistake is logged once.
    pub(super) fn observe(&mut self, stats: Stats) {
        for mistake in stats.corrected.keys() {
            if !self.seen.corrected.contains_key(mistake) {
                tracing::warn!(
                    mistake,
                    "a call to sqreen broke a limit and was corrected; counted from now on"
                );
            }
        }
        for reason in stats.dropped.keys() {
            if !self.seen.dropped.contains_key(reason) {
                tracing::warn!(reason, "sqreen dropped events; counted from now on");
            }
        }
        #[cfg(feature = "metrics")]
        self.record(&stats);
        self.seen = stats;
    }

    #[cfg(feature = "metrics")]
    fn record(&self, now: &Stats) {
        let count = |outcome: &'static str, now: u64, seen: u64| {
            if now > seen {
                metrics::counter!("sqreen_events_total", "outcome" => outcome)
                    .increment(now - seen);
            }
        };
        let seen = &self.seen;
        count("tracked", now.tracked, seen.tracked);
        count("accepted", now.accepted, seen.accepted);
        count("duplicate", now.duplicate, seen.duplicate);
        count(
            "rejected",
            now.rejected.values().sum(),
            seen.rejected.values().sum(),
        );
        count(
            "dropped",
            now.dropped.values().sum(),
            seen.dropped.values().sum(),
        );
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        metrics::gauge!("sqreen_events_pending").set(now.pending as f64);
    }
}
