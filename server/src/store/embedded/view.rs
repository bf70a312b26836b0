//! What readers see, and what the threads of the store share.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};

use super::files::{Layout, set_aside};
use super::hot::HotBatch;
use super::kept::Kept;
use super::queue::Queue;
use super::recent::Recent;
use super::segment::Segment;
use super::tail::Tail;
use crate::histogram::Histogram;
use crate::store::error::StoreError;
use crate::store::event_store::StoreStats;
use crate::store::follow::Feed;

/// The rows of one finished journal, until they are a segment.
#[derive(Debug)]
pub(super) struct SealPart {
    pub(super) number: u64,
    pub(super) batches: Vec<Arc<HotBatch>>,
    pub(super) journal_bytes: u64,
    /// Whether any of the rows is one for consumers.
    pub(super) has_accepted: bool,
}

/// All the rows of one moment. Cheap to clone: a reader takes a copy and holds no lock.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    pub(super) segments: Arc<Vec<Arc<Segment>>>,
    pub(super) sealing: Vec<Arc<SealPart>>,
    pub(super) hot: Vec<Arc<HotBatch>>,
}

impl View {
    /// The batches in memory: being sealed, and hot.
    pub(super) fn batches(&self) -> impl Iterator<Item = &Arc<HotBatch>> {
        self.sealing
            .iter()
            .flat_map(|part| &part.batches)
            .chain(&self.hot)
    }
}

/// The journals that wait to become segments.
#[derive(Debug, Default)]
pub(super) struct SealQueue {
    pub(super) parts: VecDeque<Arc<SealPart>>,
    pub(super) failures: u64,
    pub(super) last_error: Option<StoreError>,
    /// No more parts will come.
    pub(super) closed: bool,
    /// Those that wait are left to the next start.
    pub(super) abandoned: bool,
    /// The sealer has ended.
    pub(super) ended: bool,
}

/// Counts for [`StoreStats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) journal_bytes: AtomicU64,
    pub(super) dedupe_ids: AtomicU64,
    pub(super) dedupe_forgotten: AtomicU64,
    pub(super) torn_bytes: AtomicU64,
    pub(super) damaged_frames: AtomicU64,
    pub(super) damaged_segments: AtomicU64,
    pub(super) failed_appends: AtomicU64,
    pub(super) failed_seals: AtomicU64,
    pub(super) stored_events: AtomicU64,
    pub(super) duplicate_events: AtomicU64,
    pub(super) cancelled_scans: AtomicU64,
    pub(super) expired_segments: AtomicU64,
    pub(super) expired_events: AtomicU64,
    pub(super) compactions: AtomicU64,
    pub(super) sync_times: Histogram,
}

/// What the store's threads and its users share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) layout: Layout,
    view: RwLock<View>,
    pub(super) counters: Counters,
    pub(super) queue: Queue,
    pub(super) feed: Feed,
    pub(super) tail: Tail,
    kept: Mutex<Kept>,
    pub(super) recent: Recent,
    seals: Mutex<SealQueue>,
    pub(super) seals_changed: Condvar,
    /// When the oldest of the hot rows came, in microseconds since the Unix epoch; [`i64::MAX`] where there is none.
    pub(super) hot_since: AtomicI64,
    /// Held while segments are deleted, or made one.
    pub(super) maintenance: Mutex<()>,
}

impl Shared {
    pub(super) fn new(
        layout: Layout,
        view: View,
        counters: Counters,
        tail: Tail,
        kept: Kept,
    ) -> Self {
        let seals = SealQueue {
            parts: view.sealing.iter().cloned().collect(),
            ..SealQueue::default()
        };
        Self {
            layout,
            view: RwLock::new(view),
            counters,
            queue: Queue::default(),
            feed: Feed::new(),
            tail,
            kept: Mutex::new(kept),
            recent: Recent::default(),
            seals: Mutex::new(seals),
            seals_changed: Condvar::new(),
            hot_since: AtomicI64::new(i64::MAX),
            maintenance: Mutex::default(),
        }
    }

    /// The rows as they are now.
    pub(super) fn view(&self) -> View {
        self.view
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes what readers see; short, since readers wait for it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut View) -> T) -> T {
        change(&mut self.view.write().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn seals(&self) -> MutexGuard<'_, SealQueue> {
        self.seals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is kept for the consumer. Held while files are renamed and removed, so not for the writer.
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the seal queue changes.
    pub(super) fn wait_seals<'a>(
        &self,
        seals: MutexGuard<'a, SealQueue>,
    ) -> MutexGuard<'a, SealQueue> {
        self.seals_changed
            .wait(seals)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a damaged segment out of what readers see, and renames its file.
    pub(super) fn set_aside(&self, segment: &Arc<Segment>, reason: &str) {
        let found = self.change(|view| {
            let before = view.segments.len();
            Arc::make_mut(&mut view.segments).retain(|other| !Arc::ptr_eq(other, segment));
            view.segments.len() < before
        });
        // Another reader may have been first.
        if found {
            self.counters
                .damaged_segments
                .fetch_add(1, Ordering::Relaxed);
            report_damaged_segment(set_aside(segment.path()), segment, reason);
        }
    }

    pub(super) fn stats(&self) -> StoreStats {
        let view = self.view();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        let kept = self.kept();
        StoreStats {
            hot_rows: view.batches().map(|batch| batch.rows().len() as u64).sum(),
            hot_bytes: view.batches().map(|batch| batch.memory() as u64).sum(),
            sealed_rows: view.segments.iter().map(|segment| segment.rows()).sum(),
            segments: view.segments.len() as u64,
            segment_bytes: view.segments.iter().map(|segment| segment.bytes()).sum(),
            journal_bytes: count(&counters.journal_bytes)
                + view
                    .sealing
                    .iter()
                    .map(|part| part.journal_bytes)
                    .sum::<u64>(),
            kept_journals: kept.journals(),
            kept_bytes: kept.bytes(),
            unconsumed_events: kept.dropped_events(),
            dedupe_ids: count(&counters.dedupe_ids),
            dedupe_forgotten: count(&counters.dedupe_forgotten),
            torn_bytes: count(&counters.torn_bytes),
            damaged_frames: count(&counters.damaged_frames),
            damaged_segments: count(&counters.damaged_segments),
            failed_appends: count(&counters.failed_appends),
            failed_seals: count(&counters.failed_seals),
            stored_events: count(&counters.stored_events),
            duplicate_events: count(&counters.duplicate_events),
            cancelled_scans: count(&counters.cancelled_scans),
            expired_segments: count(&counters.expired_segments),
            expired_events: count(&counters.expired_events),
            compactions: count(&counters.compactions),
            sync_times: counters.sync_times.times(),
        }
    }
}

fn report_damaged_segment(renamed: Result<PathBuf, StoreError>, segment: &Segment, reason: &str) {
    let rows = segment.rows();
    match renamed {
        Ok(aside) => {
            tracing::error!(reason, rows, aside = %aside.display(), "segment is damaged and was set aside");
        }
        Err(error) => {
            tracing::error!(reason, rows, %error, "segment is damaged and is left out, but cannot be renamed");
        }
    }
}
