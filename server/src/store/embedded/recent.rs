//! Which rows of segments the last few filters took. Whoever investigates asks for the same events again: as a chart, as
//! groups, as an actor's past, and as the next page. Segments never change, so what was found in one stays true.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::files::Numbers;
use crate::store::filter::Filter;

/// How many filters are remembered.
const FILTERS: usize = 8;

/// The most rows that are remembered of one of them, at 4 bytes each.
const ROWS: usize = 1_000_000;

/// The filters that were used last.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<VecDeque<Arc<Taken>>>);

impl Recent {
    /// What is known of the filter; one that is new takes the place of that used least recently.
    pub(super) fn of(&self, filter: &Filter) -> Arc<Taken> {
        let mut filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = filters.iter().position(|known| known.filter == *filter);
        let known = place.and_then(|place| filters.remove(place));
        let known = known.unwrap_or_else(|| {
            let filter = filter.clone();
            let groups = Mutex::default();
            Arc::new(Taken { filter, groups })
        });
        filters.push_front(Arc::clone(&known));
        filters.truncate(FILTERS);
        known
    }
}

/// The rows that a filter takes, of those groups of rows that it was asked of.
#[derive(Debug)]
pub(super) struct Taken {
    filter: Filter,
    groups: Mutex<Groups>,
}

/// By the segment's numbers and the group's place within it.
#[derive(Debug, Default)]
struct Groups {
    rows: usize,
    taken: HashMap<(Numbers, usize), Arc<[u32]>>,
}

impl Taken {
    /// All the rows of the group that the filter takes, if they are known.
    pub(super) fn rows(&self, segment: Numbers, group: usize) -> Option<Arc<[u32]>> {
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        groups.taken.get(&(segment, group)).cloned()
    }

    /// Remembers all the rows of the group that the filter takes, as long as there is room.
    pub(super) fn remember(&self, segment: Numbers, group: usize, rows: &[u32]) {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.rows + rows.len() <= ROWS {
            groups.rows += rows.len();
            let before = groups.taken.insert((segment, group), rows.into());
            groups.rows -= before.map_or(0, |before| before.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_filters_are_remembered() {
        let recent = Recent::default();
        let filter = |n: usize| n.to_string().parse::<Filter>().unwrap();
        let segment = Numbers::one(7);
        recent.of(&filter(0)).remember(segment, 1, &[3, 5]);
        for n in 1..FILTERS {
            recent.of(&filter(n));
        }
        let rows = |n, group| recent.of(&filter(n)).rows(segment, group);
        assert_eq!(rows(0, 1).as_deref(), Some([3, 5].as_slice()));
        assert_eq!((rows(0, 0), rows(1, 1)), (None, None));
        // That of 2 is now the one used least recently.
        recent.of(&filter(2)).remember(segment, 0, &[]);
        recent.of(&filter(FILTERS));
        assert!(rows(0, 1).is_some() && rows(2, 0).is_some());
        for n in 10..10 + FILTERS {
            recent.of(&filter(n));
        }
        assert_eq!(rows(0, 1), None);
    }

    #[test]
    fn no_more_rows_are_remembered_than_there_is_room_for() {
        let recent = Recent::default();
        let taken = recent.of(&Filter::default());
        let rows: Vec<u32> = (0..ROWS as u32).collect();
        let segment = Numbers::one(1);
        taken.remember(segment, 0, &rows);
        taken.remember(segment, 1, &[1]);
        assert_eq!(taken.rows(segment, 1), None);
        taken.remember(segment, 1, &[]);
        assert!(taken.rows(segment, 1).is_some());
        assert_eq!(taken.rows(segment, 0).as_deref(), Some(rows.as_slice()));
    }
}
