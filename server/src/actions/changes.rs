//! What changed, and the position that this makes.
//!
//! An application's position counts the changes that concern it: its own, and those for all applications. The newest
//! changes of all applications are kept in one ring, so that a stream that is behind, or comes again, can go on where
//! it was. A position that the ring does not reach back to means a reload.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::limits::{MAX_CHANGES, MAX_CHANGES_BYTES};
use crate::state::{Action, Id};

/// One change.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// A new action, and the one whose place it took.
    Put(Arc<Action>, Option<Id>),
    Lift(Id),
    /// Something that only the whole pack tells.
    Reload,
}

impl Change {
    fn weight(&self) -> usize {
        match self {
            Self::Put(action, _) => action.targets.weight(),
            Self::Lift(_) | Self::Reload => 0,
        }
    }
}

#[derive(Debug)]
struct Entry {
    /// `None` is all applications.
    app: Option<Arc<str>>,
    change: Change,
}

/// Counts of changes.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    all: u64,
    /// Those that change what old agents are given.
    visible: u64,
}

/// The changes since the server's start.
#[derive(Debug, Default)]
pub(super) struct Changes {
    ring: VecDeque<Entry>,
    weight: usize,
    shared: Count,
    /// Only applications that had changes of their own.
    own: HashMap<Arc<str>, Count>,
}

impl Changes {
    /// Notes a change; `visible` says whether it changes what old agents are given.
    pub(super) fn push(&mut self, app: Option<Arc<str>>, change: Change, visible: bool) {
        let count = match &app {
            None => &mut self.shared,
            Some(app) => self.own.entry(Arc::clone(app)).or_default(),
        };
        count.all += 1;
        count.visible += u64::from(visible);
        self.weight += change.weight();
        self.ring.push_back(Entry { app, change });
        while self.ring.len() > MAX_CHANGES || self.weight > MAX_CHANGES_BYTES {
            let Some(oldest) = self.ring.pop_front() else {
                break;
            };
            self.weight -= oldest.change.weight();
        }
    }

    /// The position of the application.
    pub(super) fn position(&self, app: &str) -> u64 {
        self.shared.all + self.own.get(app).map_or(0, |count| count.all)
    }

    /// How many changes altered what old agents of the application are given.
    pub(super) fn visible(&self, app: &str) -> u64 {
        self.shared.visible + self.own.get(app).map_or(0, |count| count.visible)
    }

    /// The changes that follow a position, the oldest first, `limit` at most; `None` if they are not known any more.
    pub(super) fn since(&self, app: &str, seq: u64, limit: usize) -> Option<Vec<Change>> {
        let missing = usize::try_from(self.position(app).checked_sub(seq)?).ok()?;
        let newest_first = self.ring.iter().rev();
        let mut found: Vec<_> = newest_first
            .filter(|entry| entry.app.as_deref().is_none_or(|own| own == app))
            .take(missing)
            .collect();
        if found.len() < missing {
            return None;
        }
        found.reverse();
        Some(
            found
                .into_iter()
                .take(limit)
                .map(|entry| entry.change.clone())
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lift(changes: &mut Changes, app: Option<&str>) {
        let id = "0123456789abcdef".parse().unwrap();
        changes.push(app.map(Arc::from), Change::Lift(id), true);
    }

    #[test]
    fn positions_count_what_concerns_the_application() {
        let mut changes = Changes::default();
        for app in [None, Some("shop"), Some("shop"), Some("blog"), None] {
            lift(&mut changes, app);
        }
        assert_eq!(
            (
                changes.position("shop"),
                changes.position("blog"),
                changes.position("new")
            ),
            (4, 3, 2)
        );
        for (app, seq, count) in [
            ("shop", 4, 0),
            ("shop", 1, 3),
            ("blog", 0, 3),
            ("new", 1, 1),
        ] {
            assert_eq!(
                changes.since(app, seq, 9).map(|found| found.len()),
                Some(count),
                "{app} {seq}"
            );
        }
        assert!(
            changes.since("shop", 5, 9).is_none(),
            "a position that was never given"
        );
    }

    #[test]
    fn a_full_ring_forgets_the_oldest() {
        let mut changes = Changes::default();
        lift(&mut changes, Some("quiet"));
        for _ in 0..MAX_CHANGES {
            lift(&mut changes, Some("busy"));
        }
        assert!(changes.since("quiet", 0, 9).is_none());
        assert_eq!(
            changes.since("quiet", 1, 9).map(|found| found.len()),
            Some(0)
        );
        assert_eq!(
            changes.since("busy", 0, 9).map(|found| found.len()),
            Some(9)
        );
        lift(&mut changes, None);
        assert!(changes.since("busy", 0, 9).is_none());
        assert!(changes.since("busy", 1, 9).is_some());
    }
}
