//! Sums and differences of outcomes.

use std::collections::BTreeMap;

use sqreen::protocol::Outcomes;

use crate::ingest::cut;

/// The most reasons of one count; further ones are counted as `other`.
pub(super) const MAX_REASONS: usize = 32;
/// The most bytes of a reason; longer ones are cut.
const MAX_REASON: usize = 128;
const OTHER: &str = "other";

/// Adds all counts but what is pending, which is no sum over time.
pub(super) fn add(sum: &mut Outcomes, more: &Outcomes) {
    sum.tracked = sum.tracked.saturating_add(more.tracked);
    sum.accepted = sum.accepted.saturating_add(more.accepted);
    sum.duplicate = sum.duplicate.saturating_add(more.duplicate);
    add_counts(&mut sum.rejected, &more.rejected);
    add_counts(&mut sum.dropped, &more.dropped);
    add_counts(&mut sum.corrected, &more.corrected);
}

/// What the later totals of an agent have beyond the earlier ones.
pub(super) fn beyond(later: &Outcomes, earlier: &Outcomes) -> Outcomes {
    Outcomes {
        instance: later.instance.clone(),
        tracked: later.tracked.saturating_sub(earlier.tracked),
        accepted: later.accepted.saturating_sub(earlier.accepted),
        duplicate: later.duplicate.saturating_sub(earlier.duplicate),
        rejected: counts_beyond(&later.rejected, &earlier.rejected),
        dropped: counts_beyond(&later.dropped, &earlier.dropped),
        pending: later.pending,
        corrected: counts_beyond(&later.corrected, &earlier.corrected),
    }
}

/// The sum of a count over its reasons.
pub(crate) fn total(counts: &BTreeMap<String, u64>) -> u64 {
    counts
        .values()
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// Cuts what an agent sent to what is kept.
pub(super) fn bound(outcomes: &mut Outcomes) {
    for counts in [
        &mut outcomes.rejected,
        &mut outcomes.dropped,
        &mut outcomes.corrected,
    ] {
        let sent = std::mem::take(counts);
        add_counts(counts, &sent);
    }
}

fn add_counts(sum: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (reason, count) in more.iter().filter(|(_, count)| **count > 0) {
        let reason = cut(reason, MAX_REASON);
        let reason = if sum.contains_key(reason) || sum.len() < MAX_REASONS - 1 {
            reason
        } else {
            OTHER
        };
        match sum.get_mut(reason) {
            Some(total) => *total = total.saturating_add(*count),
            None => {
                sum.insert(reason.to_owned(), *count);
            }
        }
    }
}

fn counts_beyond(
    later: &BTreeMap<String, u64>,
    earlier: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let counts = later.iter().map(|(reason, count)| {
        let before = earlier.get(reason).copied().unwrap_or_default();
        (reason.clone(), count.saturating_sub(before))
    });
    counts.filter(|(_, count)| *count > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_bounded_and_their_sum_holds() {
        let many = (0..1_000).map(|n| (format!("{n}{}", "x".repeat(500)), 2));
        let mut outcomes = Outcomes {
            rejected: many.collect(),
            ..Outcomes::default()
        };
        bound(&mut outcomes);
        assert_eq!(outcomes.rejected.len(), MAX_REASONS);
        assert_eq!(total(&outcomes.rejected), 2_000);
        assert!(
            outcomes
                .rejected
                .keys()
                .all(|reason| reason.len() <= MAX_REASON)
        );
    }
}
