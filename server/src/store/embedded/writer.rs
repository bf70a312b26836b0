//! The writer: one thread that commits appends in groups.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::dedupe::DedupeWindow;
use super::hot::{BatchBuilder, HotBatch, merge};
use super::journal::Journal;
use super::options::StoreOptions;
use super::queue::{Append, Work};
use super::tail::Commit;
use super::view::{SealPart, Shared};
use crate::store::consume::Position;
use crate::store::error::StoreError;
use crate::store::event_store::Verdict;

/// The most journals that wait to be sealed, or are being sealed.
const MAX_SEALS: usize = 1;

/// Where sealing does not keep up, hot rows grow to this many times their usual number before appends wait. So the
/// rows in memory are at most twice this many times the usual: as many again may be in sealing.
const STRETCH: usize = 2;

/// The state that the writer alone has.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Journal,
    pub(super) dedupe: DedupeWindow,
    pub(super) options: StoreOptions,
    pub(super) hot_rows: usize,
    pub(super) hot_bytes: usize,
    /// Whether any of the hot rows is one for consumers.
    pub(super) has_accepted: bool,
}

impl Writer {
    /// Works until the queue is closed and empty.
    pub(super) fn run(mut self) {
        // However the thread ends, nobody waits for it in vain.
        let _abandon = AbandonOnDrop(Arc::clone(&self.shared));
        self.seal_if_due();
        loop {
            match self.shared.queue.next() {
                Work::Commit(group) => self.commit(group),
                Work::Seal(reply) => {
                    let due = self.hot_rows > 0;
                    let sealed = if due { self.rotate() } else { Ok(()) };
                    let sealed = sealed.map(|()| self.journal.number());
                    // Whoever asked may have gone.
                    drop(reply.send(sealed));
                }
                Work::SealerIsFree => self.seal_if_due(),
                Work::Stop => return,
            }
        }
    }

    fn commit(&mut self, group: Vec<Append>) {
        let stored = self.store(&group);
        // Whoever gets the answer may look at the counts.
        self.publish_counts();
        match stored {
            Ok(verdicts) => {
                for (append, verdicts) in group.into_iter().zip(verdicts) {
                    drop(append.reply.send(Ok(verdicts)));
                }
            }
            Err(error) => {
                self.shared
                    .counters
                    .failed_appends
                    .fetch_add(group.len() as u64, Ordering::Relaxed);
                tracing::warn!(%error, source = source(&error), appends = group.len(), "events could not be stored");
                for append in group {
                    drop(append.reply.send(Err(error.clone())));
                }
            }
        }
        self.seal_if_due();
    }

    /// Makes the group durable, then visible.
    fn store(&mut self, group: &[Append]) -> Result<Vec<Vec<Verdict>>, StoreError> {
        self.make_room()?;
        let now = now();
        self.dedupe.expire(now);
        let verdicts: Vec<Vec<Verdict>> = group
            .iter()
            .map(|append| {
                let rows = append.batch.rows().iter();
                rows.map(|row| match self.dedupe.insert(row.id, now) {
                    true => Verdict::Accepted,
                    false => Verdict::Duplicate,
                })
                .collect()
            })
            .collect();
        let batch = accepted(group, &verdicts);
        if batch.is_empty() {
            self.count(0, &verdicts);
            return Ok(verdicts);
        }
        let imported = group.iter().any(|append| append.imported);
        let (number, frame) = (self.journal.number(), self.journal.len());
        let began = Instant::now();
        if let Err(error) = self.journal.write(batch.bytes(), imported) {
            for row in batch.rows() {
                self.dedupe.remove(&row.id);
            }
            return Err(error);
        }
        self.shared.counters.sync_times.observe(began.elapsed());
        self.count(batch.rows().len(), &verdicts);
        if self.hot_rows == 0 {
            self.shared.hot_since.store(now, Ordering::Relaxed);
        }
        self.hot_rows += batch.rows().len();
        self.hot_bytes += batch.memory();
        self.has_accepted |= !imported;
        // This thread alone changes the hot part, so it may merge outside the lock.
        let (remain, merged) = merge(&self.shared.view().hot, Arc::clone(&batch));
        self.shared.change(|view| {
            view.hot.truncate(remain);
            view.hot.push(merged);
        });
        let commit = (!imported).then(|| Commit {
            frame,
            batch: Arc::clone(&batch),
        });
        let end = Position::new(number, self.journal.len(), 0);
        self.shared.tail.advance(end, commit);
        if self.shared.feed.is_followed() {
            let events = batch.rows().len() as u64;
            let read = move || {
                batch
                    .rows()
                    .iter()
                    .flat_map(|row| batch.event(row))
                    .collect()
            };
            self.shared.feed.tell(events, read);
        }
        Ok(verdicts)
    }

    fn count(&self, stored: usize, verdicts: &[Vec<Verdict>]) {
        let all: usize = verdicts.iter().map(Vec::len).sum();
        let counters = &self.shared.counters;
        counters
            .stored_events
            .fetch_add(stored as u64, Ordering::Relaxed);
        counters
            .duplicate_events
            .fetch_add((all - stored) as u64, Ordering::Relaxed);
    }

    fn over(&self, times: usize) -> bool {
        self.hot_rows >= self.options.seal_rows.saturating_mul(times)
            || self.hot_bytes >= self.options.seal_bytes.saturating_mul(times)
    }

    /// Hands the hot rows to the sealer, if there are enough and it is not behind.
    fn seal_if_due(&mut self) {
        let due = self.hot_rows > 0 && self.over(1);
        if due
            && self.shared.seals().parts.len() < MAX_SEALS
            && let Err(error) = self.rotate()
        {
            self.shared
                .counters
                .failed_seals
                .fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, source = source(&error), "the next journal cannot be started");
        }
    }

    /// Waits where far more is hot than should be.
    fn make_room(&mut self) -> Result<(), StoreError> {
        if !self.over(STRETCH) {
            return Ok(());
        }
        let mut seals = self.shared.seals();
        let failures = seals.failures;
        while seals.parts.len() >= MAX_SEALS {
            if seals.failures > failures || seals.ended {
                return Err(StoreError::Overloaded);
            }
            seals = self.shared.wait_seals(seals);
        }
        drop(seals);
        self.rotate()
    }

    /// Starts the next journal, and queues the rows of this one for sealing.
    fn rotate(&mut self) -> Result<(), StoreError> {
        self.journal.finish()?;
        let next = Journal::create(&self.shared.layout, self.journal.number() + 1)?;
        let done = std::mem::replace(&mut self.journal, next);
        let part = self.shared.change(|view| {
            let part = Arc::new(SealPart {
                number: done.number(),
                batches: std::mem::take(&mut view.hot),
                journal_bytes: done.len(),
                has_accepted: self.has_accepted,
            });
            view.sealing.push(Arc::clone(&part));
            part
        });
        (self.hot_rows, self.hot_bytes) = (0, 0);
        self.has_accepted = false;
        let begin = Position::new(self.journal.number(), 0, 0);
        self.shared.tail.advance(begin, None);
        self.shared.hot_since.store(i64::MAX, Ordering::Relaxed);
        self.shared.seals().parts.push_back(part);
        self.shared.seals_changed.notify_all();
        self.publish_counts();
        Ok(())
    }

    pub(super) fn publish_counts(&self) {
        let counters = &self.shared.counters;
        counters
            .journal_bytes
            .store(self.journal.len(), Ordering::Relaxed);
        counters
            .dedupe_ids
            .store(self.dedupe.len() as u64, Ordering::Relaxed);
        counters
            .dedupe_forgotten
            .store(self.dedupe.forgotten(), Ordering::Relaxed);
    }
}

/// The rows of the group that are new.
fn accepted(group: &[Append], verdicts: &[Vec<Verdict>]) -> Arc<HotBatch> {
    if let ([append], [verdicts]) = (group, verdicts)
        && verdicts.iter().all(|verdict| *verdict == Verdict::Accepted)
    {
        return Arc::clone(&append.batch);
    }
    let all = || group.iter().map(|append| &append.batch);
    let mut builder = BatchBuilder::with_capacity(
        all().map(|batch| batch.rows().len()).sum(),
        all().map(|batch| batch.bytes().len()).sum(),
    );
    for (append, verdicts) in group.iter().zip(verdicts) {
        builder.extend(&append.batch, |place| {
            verdicts.get(place) == Some(&Verdict::Accepted)
        });
    }
    Arc::new(builder.finish())
}

/// The system's own words, for the log.
fn source(error: &StoreError) -> String {
    std::error::Error::source(error)
        .map(ToString::to_string)
        .unwrap_or_default()
}

/// The time, in microseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

struct AbandonOnDrop(Arc<Shared>);

impl Drop for AbandonOnDrop {
    fn drop(&mut self) {
        self.0.queue.abandon();
        self.0.tail.close();
    }
}
