//! Searches that tell of themselves while they run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use super::Cursor;
use crate::store::event::StoredEvent;

/// How far a scan is, and the way to stop it; shared between who scans and who waits for it.
#[derive(Debug, Default)]
pub struct ScanMonitor {
    cancelled: AtomicBool,
    deadline: Option<Instant>,
    scanned: AtomicU64,
    rows: AtomicU64,
}

impl ScanMonitor {
    /// Of a scan that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a scan that is cancelled at this time.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self {
            deadline: Some(deadline),
            ..Self::default()
        }
    }

    /// Asks the scan to stop soon: it ends after the rows at hand, some ten thousand in a search, a row group in counts.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Says whether the scan was asked to stop, or its time is over.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        let late = |deadline| Instant::now() >= deadline;
        self.cancelled.load(Ordering::Relaxed) || self.deadline.is_some_and(late)
    }

    /// The rows that were looked at or passed over so far.
    #[must_use]
    pub fn scanned(&self) -> u64 {
        self.scanned.load(Ordering::Relaxed)
    }

    /// The rows within reach of the scan, by their times; 0 before it has begun.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// A scan over that many rows begins.
    pub(in crate::store) fn begin(&self, rows: u64) {
        self.scanned.store(0, Ordering::Relaxed);
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// That many rows more are done.
    pub(in crate::store) fn advance(&self, rows: u64) {
        self.scanned.fetch_add(rows, Ordering::Relaxed);
    }
}

/// What a search hands out.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// The next event of the order; no other can come before it any more.
    Event(Box<StoredEvent>),
    /// More rows were looked at; the monitor knows how many.
    Progress,
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Searched {
    /// Where the next page starts; `None` if there is no more, and if the search was cancelled before its first
    /// event.
    pub next: Option<Cursor>,
    /// Whether it ended because it was asked to: there may be more events.
    pub cancelled: bool,
}
