//! The store itself: its threads, and the trait.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::files::Layout;
use super::journal_consumer::JournalConsumer;
use super::maintain;
use super::options::StoreOptions;
use super::queue::Append;
use super::recover::{Recovered, recover};
use super::scan::{self, RowScan, ScanError, Search};
use super::sealer;
use super::tail::Tail;
use super::view::{Shared, View};
use super::writer::{Writer, now};
use crate::store::append::AppendBatch;
use crate::store::consume::{Consumer, Position};
use crate::store::error::StoreError;
use crate::store::event::StoredEvent;
use crate::store::event_store::{BoxFuture, EventStore, StoreStats, Verdict};
use crate::store::filter::{Field, Filter};
use crate::store::follow::Follower;
use crate::store::query::{
    EventQuery, GroupQuery, Groups, Histogram, HistogramQuery, ScanMonitor, Searched, Step,
    TimeRange,
};
use crate::store::row::EventFields;

/// An [`EventStore`] in one data directory. See the [module docs](super) for how it works.
///
/// Dropping the store ends its threads, which may take as long as the segment being written; [`EventStore::close`]
/// also finishes those that wait.
#[derive(Debug)]
pub struct EmbeddedStore {
    pub(super) shared: Arc<Shared>,
    options: StoreOptions,
    threads: Mutex<Option<Threads>>,
    /// Held as long as the directory is in use: the system lets it go when the process ends, however it ends.
    lock: File,
}

#[derive(Debug)]
struct Threads {
    writer: JoinHandle<()>,
    sealer: JoinHandle<()>,
}

impl EmbeddedStore {
    /// Opens the store in the directory, which is made if it is not there.
    ///
    /// Blocks: it reads the journal, and the ids of the segments of the last [`StoreOptions::dedupe_window`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] if the directory is in use, [`StoreError::Io`] if the disk refuses,
    /// [`StoreError::Internal`] if a segment was written by a later version.
    pub fn open(dir: impl AsRef<Path>, options: StoreOptions) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        let layout = Layout::create(dir)?;
        let lock = lock(dir)?;
        let Recovered {
            view,
            counters,
            journal,
            dedupe,
            kept,
            has_accepted,
        } = recover(&layout, &options)?;
        let hot_rows = view.hot.iter().map(|batch| batch.rows().len()).sum();
        let hot_bytes = view.hot.iter().map(|batch| batch.memory()).sum();
        let tail = Tail::new(Position::new(journal.number(), journal.len(), 0));
        let shared = Arc::new(Shared::new(layout, view, counters, tail, kept));
        let (sealed, stored) = (options.clone(), options.clone());
        let writer = Writer {
            shared: Arc::clone(&shared),
            journal,
            dedupe,
            options,
            hot_rows,
            hot_bytes,
            has_accepted,
        };
        writer.publish_counts();
        if hot_rows > 0 {
            shared.hot_since.store(now(), Ordering::Relaxed);
        }
        let spawned = |error| StoreError::io("starting a thread for", dir, error);
        let sealing = Arc::clone(&shared);
        let sealer = thread::Builder::new()
            .name("event-sealer".to_owned())
            .spawn(move || sealer::run(&sealing, &sealed))
            .map_err(spawned)?;
        let writer = thread::Builder::new()
            .name("event-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(spawned)?;
        Ok(Self {
            shared,
            options: stored,
            threads: Mutex::new(Some(Threads { writer, sealer })),
            lock,
        })
    }

    /// Seals the rows that are in memory now, and returns once they are in segments. Blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk refuses; the rows stay in the journal. [`StoreError::Closed`] if the store is
    /// closed.
    pub fn seal(&self) -> Result<(), StoreError> {
        let failures = self.shared.seals().failures;
        let (reply, answer) = mpsc::channel();
        self.shared.queue.request_seal(reply)?;
        let next = answer.recv().map_err(|_| StoreError::Closed)??;
        let mut seals = self.shared.seals();
        while seals.parts.iter().any(|part| part.number < next) {
            match &seals.last_error {
                Some(error) if seals.failures > failures => return Err(error.clone()),
                _ if seals.ended => return Err(StoreError::Closed),
                _ => seals = self.shared.wait_seals(seals),
            }
        }
        Ok(())
    }

    /// Deletes the segments that [`StoreOptions::retention_age`] and [`StoreOptions::retention_bytes`] leave no room
    /// for, and makes small ones one, as is done every second otherwise. Blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk refuses; no row is lost, and none is there twice.
    pub fn maintain(&self) -> Result<(), StoreError> {
        maintain::look_after(&self.shared, &self.options)
    }

    fn enqueue(
        &self,
        batch: AppendBatch,
        imported: bool,
    ) -> Result<oneshot::Receiver<Result<Vec<Verdict>, StoreError>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.shared.queue.push(Append {
            batch: Arc::new(batch.rows.finish()),
            imported,
            reply,
        })?;
        Ok(answer)
    }

    fn store(
        &self,
        batch: AppendBatch,
        imported: bool,
    ) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async move {
            if batch.is_empty() {
                return Ok(Vec::new());
            }
            let answer = self.enqueue(batch, imported)?;
            answer.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    /// Stores past events as [`append`](EventStore::append) does, but hands them to no [`Consumer`].
    pub fn import(
        &self,
        events: Vec<StoredEvent>,
    ) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async move {
            let batch = AppendBatch::of(&events)?;
            drop(events);
            self.store(batch, true).await
        })
    }

    /// Runs a scan, again without the segment where it finds one damaged.
    fn scan<T>(
        &self,
        mut scan: impl FnMut(&View) -> Result<T, ScanError>,
    ) -> Result<T, StoreError> {
        loop {
            match scan(&self.shared.view()) {
                Ok(answer) => return Ok(answer),
                Err(ScanError::Store(error)) => {
                    if matches!(error, StoreError::Cancelled) {
                        self.count_cancelled();
                    }
                    return Err(error);
                }
                Err(ScanError::Damaged(segment, reason)) => {
                    self.shared.set_aside(&segment, &reason);
                }
            }
        }
    }

    fn count_cancelled(&self) {
        let counters = &self.shared.counters;
        counters.cancelled_scans.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the threads; `abandon` leaves the journals that wait to the next start.
    fn stop(&self, abandon: bool) -> Result<(), StoreError> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Threads { writer, sealer }) = threads.take() else {
            return Ok(());
        };
        self.shared.queue.close();
        let written = writer.join();
        {
            let mut seals = self.shared.seals();
            seals.closed = true;
            seals.abandoned = abandon;
        }
        self.shared.seals_changed.notify_all();
        let sealed = sealer.join();
        if written.is_err() || sealed.is_err() {
            return Err(StoreError::Internal(
                "a thread of the store had panicked".to_owned(),
            ));
        }
        let seals = self.shared.seals();
        match &seals.last_error {
            Some(error) if !seals.parts.is_empty() => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

impl EventStore for EmbeddedStore {
    fn append_batch(&self, batch: AppendBatch) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        self.store(batch, false)
    }

    fn search(
        &self,
        query: &EventQuery,
        monitor: &ScanMonitor,
        sink: &mut dyn FnMut(Step),
    ) -> Result<Searched, StoreError> {
        query.validate()?;
        let mut search = Search::new(query, monitor);
        let searched =
            self.scan(|view| scan::search(view, &mut search, sink, &self.shared.recent))?;
        if searched.cancelled {
            self.count_cancelled();
        }
        Ok(searched)
    }

    fn scan_rows(
        &self,
        filter: &Filter,
        range: TimeRange,
        fields: &[Field],
        monitor: &ScanMonitor,
        sink: &mut dyn FnMut(&dyn EventFields),
    ) -> Result<bool, StoreError> {
        let mut rows = RowScan {
            filter,
            range,
            fields,
            monitor,
            last: None,
        };
        let ended = self.scan(|view| scan::rows(view, &mut rows, sink))?;
        if !ended {
            self.count_cancelled();
        }
        Ok(ended)
    }

    fn histogram(
        &self,
        query: &HistogramQuery,
        monitor: &ScanMonitor,
    ) -> Result<Histogram, StoreError> {
        let buckets = query.validate()?;
        self.scan(|view| scan::histogram(view, query, buckets, monitor, &self.shared.recent))
    }

    fn groups(&self, query: &GroupQuery, monitor: &ScanMonitor) -> Result<Groups, StoreError> {
        query.validate()?;
        self.scan(|view| scan::groups(view, query, monitor, &self.shared.recent))
    }

    fn follow(&self) -> Follower {
        self.shared.feed.follow()
    }

    fn consume(&self, from: Option<Position>) -> Result<Box<dyn Consumer>, StoreError> {
        Ok(Box::new(JournalConsumer::open(&self.shared, from)?))
    }

    fn stats(&self) -> StoreStats {
        self.shared.stats()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.stop(false)
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        if let Err(error) = self.stop(true) {
            tracing::warn!(%error, "the store ended with an error");
        }
        // A consumer may live on.
        self.shared.kept().close();
        // Closing the file is not enough: a child that this process starts just now has it open, too, until it runs
        // its own program.
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "the data directory stays locked until the process ends");
        }
    }
}

fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("LOCK");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| StoreError::io("opening the lock", &path, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            dir: dir.to_owned(),
        }),
        Err(TryLockError::Error(error)) => {
            Err(StoreError::io("locking the data directory", path, error))
        }
    }
}
