//! What became of the events of each application, hour by hour, as it was told.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};
use sqreen::protocol::Outcomes;

use super::counts::total;

/// An hour in microseconds.
pub(crate) const HOUR: i64 = 3_600_000_000;
/// The most hours that are kept: the longest range that the pages offer, and the hours that it begins and ends in.
const MAX_HOURS: i64 = 30 * 24 + 2;
/// The most counts of one application and hour; beyond, the oldest hours go.
const MAX_COUNTS: usize = 50_000;

/// What became of events, as it was told within a time. Agents tell it with a delay, of a minute as a rule, so that
/// these are not quite the events that happened within the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) accepted: u64,
    pub(crate) duplicate: u64,
    pub(crate) rejected: u64,
    pub(crate) dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct Hours {
    /// The beginning of each, in microseconds since the Unix epoch, then the application.
    by_start: BTreeMap<i64, BTreeMap<String, Told>>,
    counts: usize,
    /// Since when they are kept.
    since: i64,
}

/// The counts of one application and hour.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HourEntry(i64, String, Told);

/// What was told within a time.
#[derive(Debug)]
pub(crate) struct ToldWithin {
    pub(crate) told: Told,
    /// When the first hour begins, in microseconds since the Unix epoch; later than was asked for where less is kept.
    pub(crate) from: i64,
    /// Whether it is because less is kept.
    pub(crate) is_cut: bool,
}

impl Hours {
    pub(super) fn new(since: i64, entries: Vec<HourEntry>) -> Self {
        let mut hours = Self {
            since,
            ..Self::default()
        };
        for HourEntry(start, app, told) in entries {
            hours.count(start, &app, told);
        }
        hours
    }

    pub(super) fn entries(&self) -> (i64, Vec<HourEntry>) {
        let entries = self.by_start.iter().flat_map(|(start, apps)| {
            let apps = apps.iter();
            apps.map(|(app, told)| HourEntry(*start, app.clone(), *told))
        });
        (self.since, entries.collect())
    }

    /// Counts what was told now.
    pub(super) fn take(&mut self, app: &str, news: &Outcomes, now: i64) {
        let told = Told {
            accepted: news.accepted,
            duplicate: news.duplicate,
            rejected: total(&news.rejected),
            dropped: total(&news.dropped),
        };
        if told != Told::default() {
            self.count(start_of(now), app, told);
            self.expire(start_of(now));
        }
    }

    /// What was told of these applications, or of all, in all hours that the range has a part of.
    pub(super) fn within(&self, apps: Option<&[String]>, (from, to): (i64, i64)) -> ToldWithin {
        let is_cut = from < self.since;
        let first = if is_cut { self.since } else { start_of(from) };
        let hours = self
            .by_start
            .range(start_of(first)..to.max(start_of(first)));
        let of = |app: &String| apps.is_none_or(|apps| apps.contains(app));
        let counts = hours.flat_map(|(_, counts)| counts.iter().filter(|(app, _)| of(app)));
        let told = counts.fold(Told::default(), |sum, (_, told)| sum.and(*told));
        ToldWithin {
            told,
            from: first,
            is_cut,
        }
    }

    fn count(&mut self, start: i64, app: &str, told: Told) {
        let apps = self.by_start.entry(start).or_default();
        match apps.entry(app.to_owned()) {
            Entry::Occupied(mut known) => *known.get_mut() = known.get().and(told),
            Entry::Vacant(place) => {
                place.insert(told);
                self.counts += 1;
            }
        }
    }

    fn expire(&mut self, now: i64) {
        let oldest = now.saturating_sub(MAX_HOURS * HOUR);
        while let Some(first) = self.by_start.first_entry()
            && (*first.key() < oldest || self.counts > MAX_COUNTS)
        {
            let (start, apps) = first.remove_entry();
            self.counts -= apps.len();
            self.since = self.since.max(start.saturating_add(HOUR));
        }
    }
}

impl Told {
    fn and(self, more: Self) -> Self {
        Self {
            accepted: self.accepted.saturating_add(more.accepted),
            duplicate: self.duplicate.saturating_add(more.duplicate),
            rejected: self.rejected.saturating_add(more.rejected),
            dropped: self.dropped.saturating_add(more.dropped),
        }
    }

    /// Events that are not stored, and never will be.
    pub(crate) fn lost(self) -> u64 {
        self.rejected.saturating_add(self.dropped)
    }

    /// All events of which it is told.
    pub(crate) fn all(self) -> u64 {
        let stored = self.accepted.saturating_add(self.duplicate);
        stored.saturating_add(self.lost())
    }
}

/// The beginning of the hour.
fn start_of(time: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(count: u64) -> Outcomes {
        Outcomes {
            accepted: count,
            ..Outcomes::default()
        }
    }

    #[test]
    fn hours_are_added_up_by_app_and_range() {
        let mut hours = Hours::new(10 * HOUR + 7, Vec::new());
        hours.take("shop", &accepted(1), 10 * HOUR + 8);
        hours.take("blog", &accepted(2), 11 * HOUR);
        hours.take("shop", &accepted(4), 12 * HOUR - 1);
        hours.take("shop", &accepted(8), 12 * HOUR);
        let (since, entries) = hours.entries();
        let hours = Hours::new(since, entries);
        let shop = ["shop".to_owned()];
        let within = |apps, from, to| {
            let ToldWithin { told, from, is_cut } = hours.within(apps, (from, to));
            (told.accepted, from, is_cut)
        };
        assert_eq!(
            within(None, 11 * HOUR + 5, 11 * HOUR + 9),
            (6, 11 * HOUR, false)
        );
        assert_eq!(
            within(Some(&shop), 11 * HOUR, 12 * HOUR),
            (4, 11 * HOUR, false)
        );
        assert_eq!(
            within(Some(&shop), 11 * HOUR, 13 * HOUR),
            (12, 11 * HOUR, false)
        );
        let since = 10 * HOUR + 7;
        assert_eq!(within(None, since - 1, 20 * HOUR), (15, since, true));
        assert_eq!(within(None, i64::MIN, i64::MIN + 1), (0, since, true));
        assert_eq!(within(None, i64::MAX - 1, i64::MAX).0, 0);
    }

    #[test]
    fn no_more_hours_and_counts_are_kept_than_the_limits() {
        let mut hours = Hours::new(0, Vec::new());
        for hour in 0..2 * MAX_HOURS {
            hours.take("shop", &accepted(1), hour * HOUR);
        }
        assert_eq!(hours.by_start.len() as i64, MAX_HOURS + 1);
        assert_eq!(
            hours.within(None, (0, i64::MAX)).from,
            (MAX_HOURS - 1) * HOUR
        );
        let last = 2 * MAX_HOURS * HOUR;
        for app in 0..MAX_COUNTS {
            hours.take(&app.to_string(), &accepted(1), last);
        }
        let told = hours.within(None, (0, i64::MAX));
        assert_eq!((told.from, told.is_cut), (last, true));
        assert_eq!(told.told.accepted, MAX_COUNTS as u64);
    }
}
