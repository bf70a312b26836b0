//! The ids of the events of the last while, to recognise one that is sent again.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use crate::store::event::EventId;

/// The window is forgotten in steps of this fraction.
const STEPS: i64 = 8;

/// Ids by age. An id is remembered for the window at least, for an eighth of it longer at most.
#[derive(Debug)]
pub(super) struct DedupeWindow {
    /// By age, the newest last: what step of time it is of, and its ids.
    steps: VecDeque<(i64, HashSet<EventId>)>,
    /// The width of a step, in microseconds.
    width: i64,
    max_ids: usize,
    ids: usize,
    forgotten: u64,
}

impl DedupeWindow {
    pub(super) fn new(window: Duration, max_ids: usize) -> Self {
        let window = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
        let width = window / STEPS + i64::from(window % STEPS != 0);
        Self {
            steps: VecDeque::new(),
            width: width.max(1),
            max_ids: max_ids.max(1),
            ids: 0,
            forgotten: 0,
        }
    }

    /// The ids remembered.
    pub(super) fn len(&self) -> usize {
        self.ids
    }

    /// The ids forgotten before their time.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The earliest time whose ids are remembered at `now`, both in microseconds since the Unix epoch.
    pub(super) fn horizon(&self, now: i64) -> i64 {
        (now / self.width)
            .saturating_sub(STEPS)
            .saturating_mul(self.width)
    }

    /// Remembers the id as one of `time`; says whether it is new.
    pub(super) fn insert(&mut self, id: EventId, time: i64) -> bool {
        if self.steps.iter().any(|(_, ids)| ids.contains(&id)) {
            return false;
        }
        if self.ids >= self.max_ids {
            self.forget_oldest();
        }
        let step = time / self.width;
        let place = self.steps.partition_point(|(other, _)| *other < step);
        if self
            .steps
            .get(place)
            .is_none_or(|(other, _)| *other != step)
        {
            self.steps.insert(place, (step, HashSet::new()));
        }
        if let Some((_, ids)) = self.steps.get_mut(place) {
            ids.insert(id);
            self.ids += 1;
        }
        true
    }

    /// Forgets an id that was not stored after all.
    pub(super) fn remove(&mut self, id: &EventId) {
        for (_, ids) in &mut self.steps {
            if ids.remove(id) {
                self.ids -= 1;
            }
        }
    }

    /// Forgets what is older than the window.
    pub(super) fn expire(&mut self, now: i64) {
        let oldest = (now / self.width).saturating_sub(STEPS);
        while let Some((_, ids)) = self.steps.pop_front_if(|(step, _)| *step < oldest) {
            self.ids -= ids.len();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, ids)) = self.steps.pop_front() {
            self.ids -= ids.len();
            self.forgotten += ids.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> EventId {
        EventId::from_bytes(n.to_be_bytes())
    }

    #[test]
    fn an_id_is_known_for_the_window_and_then_forgotten() {
        let mut window = DedupeWindow::new(Duration::from_micros(800), 10);
        assert!(window.insert(id(1), 1000));
        assert!(!window.insert(id(1), 1799));
        window.expire(1800);
        assert!(!window.insert(id(1), 1800));
        window.expire(1900);
        assert_eq!(window.len(), 0);
        assert!(window.insert(id(1), 1900));
        assert_eq!(window.forgotten(), 0);
    }

    #[test]
    fn too_many_ids_push_out_the_oldest_and_count_them() {
        let mut window = DedupeWindow::new(Duration::from_micros(800), 4);
        for n in 0..4 {
            assert!(window.insert(id(n), if n < 3 { 100 } else { 200 }));
        }
        assert!(window.insert(id(4), 300));
        assert_eq!((window.len(), window.forgotten()), (2, 3));
        assert!(!window.insert(id(3), 300));
        assert!(window.insert(id(0), 300));
    }

    #[test]
    fn a_removed_id_is_new_again() {
        let mut window = DedupeWindow::new(Duration::from_micros(800), 4);
        assert!(window.insert(id(1), 1));
        window.remove(&id(1));
        assert_eq!(window.len(), 0);
        assert!(window.insert(id(1), 1));
    }

    #[test]
    fn times_out_of_order_and_extreme_are_fine() {
        let mut window = DedupeWindow::new(Duration::MAX, 100);
        for (n, time) in [0, i64::MAX, i64::MIN, -1, 5].into_iter().enumerate() {
            assert!(window.insert(id(n as u128), time));
            window.expire(i64::MAX);
            window.expire(i64::MIN);
            window.horizon(i64::MIN);
        }
        assert!(DedupeWindow::new(Duration::ZERO, 0).insert(id(1), 0));
    }
}
