//! The trait that every event store implements.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;

use super::append::AppendBatch;
use super::consume::{Consumer, Position};
use super::error::StoreError;
use super::event::{EventId, StoredEvent};
use super::filter::{Field, Filter};
use super::follow::Follower;
use super::query::{
    Cursor, EventPage, EventQuery, GroupQuery, Groups, Histogram, HistogramQuery, ScanMonitor,
    Searched, Step, TimeRange,
};
use super::row::EventFields;
use crate::histogram::Times;

#[cfg(doc)]
use super::consume::Consumed;

/// A boxed future, so that the trait can be used as `dyn EventStore`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of one event of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It is stored, durably.
    Accepted,
    /// An event of that id is stored already, durably; this one was left out.
    Duplicate,
}

/// A durable store of events.
pub trait EventStore: Debug + Send + Sync + 'static {
    /// Stores the events, and answers one verdict per event, in order, once they are durable: they survive the end
    /// of the process at any moment, and are visible to queries. All are stored, or none.
    ///
    /// If the future is dropped before it is done, the events may or may not be stored; appending them again is safe,
    /// since an id is stored once.
    ///
    /// # Errors
    ///
    /// The future answers a [`StoreError`] if nothing was stored: the disk refused ([`Io`](StoreError::Io)), or the
    /// store is [`Overloaded`](StoreError::Overloaded) or [`Closed`](StoreError::Closed).
    fn append_batch(&self, batch: AppendBatch) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>>;

    /// Puts the events together and stores them as [`append_batch`](Self::append_batch) does.
    ///
    /// # Errors
    ///
    /// As there, and those of [`AppendBatch::push`] if an event is not taken.
    fn append(&self, events: Vec<StoredEvent>) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        Box::pin(async move {
            let batch = AppendBatch::of(&events)?;
            drop(events);
            self.append_batch(batch).await
        })
    }

    /// Hands out a page of events, newest first, each as soon as none can come before it, and tells of progress
    /// about every ten thousand rows. Blocks on the disk: call it where blocking is allowed.
    ///
    /// Events that are stored while the search runs are not part of it. It ends early, without an error, if the
    /// monitor is cancelled.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`] if the query is wrong, [`StoreError::Io`] if the disk refuses; what was handed out
    /// before stands.
    fn search(
        &self,
        query: &EventQuery,
        monitor: &ScanMonitor,
        sink: &mut dyn FnMut(Step),
    ) -> Result<Searched, StoreError>;

    /// Answers a page of events, newest first. Blocks on the disk: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`] if the query is wrong, [`StoreError::Cancelled`] if the monitor is cancelled before the
    /// end, [`StoreError::Io`] if the disk refuses.
    fn query(&self, query: &EventQuery, monitor: &ScanMonitor) -> Result<EventPage, StoreError> {
        let mut events = Vec::new();
        let searched = self.search(query, monitor, &mut |step| {
            if let Step::Event(event) = step {
                events.push(*event);
            }
        })?;
        if searched.cancelled {
            return Err(StoreError::Cancelled);
        }
        Ok(EventPage {
            events,
            next: searched.next,
        })
    }

    /// The event of this id that happened at this time, in microseconds since the Unix epoch. Blocks on the disk: call
    /// it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk refuses.
    fn find(&self, id: EventId, time: i64) -> Result<Option<StoredEvent>, StoreError> {
        // Time and id are the event's place in the order of events: it is the first one behind the next id.
        let before = u128::from_be_bytes(*id.as_bytes()).checked_add(1);
        let cursor = before.map(|before| format!("{time:016x}{before:032x}").parse::<Cursor>());
        let query = EventQuery {
            range: TimeRange {
                from: Some(time),
                to: Some(time.saturating_add(1)),
            },
            cursor: cursor.transpose()?,
            ..EventQuery::new(Filter::default(), 1)
        };
        // It reads the rows of one microsecond.
        let found = self.query(&query, &ScanMonitor::new())?.events.pop();
        Ok(found.filter(|event| event.id == id))
    }

    /// Hands out every event that is meant, newest first, as [`search`](Self::search) does, in bounded memory
    /// however many there are. Events that are stored meanwhile are part of it where they are older than what was
    /// handed out. Returns whether it came to the end; otherwise the monitor was cancelled.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk refuses; what was handed out before stands.
    fn each(
        &self,
        filter: &Filter,
        range: TimeRange,
        monitor: &ScanMonitor,
        sink: &mut dyn FnMut(Step),
    ) -> Result<bool, StoreError> {
        let mut query = EventQuery::new(filter.clone(), EventQuery::MAX_LIMIT);
        query.range = range;
        loop {
            let searched = self.search(&query, monitor, sink)?;
            if searched.cancelled {
                return Ok(false);
            }
            match searched.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(true),
            }
        }
    }

    /// Hands out every event that is meant, oldest first, and of those of one time the lowest id; of each, the fields
    /// that are asked for alone are there. Others look absent, [`received`](EventFields::received) is the event's
    /// time, and [`event`](EventFields::event) is an error. A value within JSON may be asked for by its path, or with
    /// the whole field; of headers it is always the whole field. Blocks on the disk: call it where blocking is allowed.
    ///
    /// Events that are stored while it runs are not part of it. The monitor is told of progress, about every thirty
    /// thousand rows, and may cancel; returns whether it came to the end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk refuses; what was handed out before stands.
    fn scan_rows(
        &self,
        filter: &Filter,
        range: TimeRange,
        fields: &[Field],
        monitor: &ScanMonitor,
        sink: &mut dyn FnMut(&dyn EventFields),
    ) -> Result<bool, StoreError>;

    /// Counts events over time. Blocks on the disk: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`] if the query is wrong, [`StoreError::Cancelled`] if the monitor is cancelled before the
    /// end, [`StoreError::Io`] if the disk refuses.
    fn histogram(
        &self,
        query: &HistogramQuery,
        monitor: &ScanMonitor,
    ) -> Result<Histogram, StoreError>;

    /// Answers the most frequent values of a field. Blocks on the disk: call it where blocking is allowed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Query`] if the query is wrong, [`StoreError::Cancelled`] if the monitor is cancelled before the
    /// end, [`StoreError::Io`] if the disk refuses.
    fn groups(&self, query: &GroupQuery, monitor: &ScanMonitor) -> Result<Groups, StoreError>;

    /// Follows what is stored from now on.
    fn follow(&self) -> Follower;

    /// Hands out every event that is accepted after the position, or from now on without one, once, in the order of
    /// acceptance: also those that were accepted before it was called, and before a restart. Past events that are
    /// imported are not handed out.
    ///
    /// What the consumer has not [released](Consumer::release) is kept for it, also while the store has none, once it
    /// had one; beyond a limit the oldest is dropped, and [told](Consumed::Missed). A store has one consumer: a former
    /// one ends. Whatever lies before the position is released. A position beyond the last event, as a backup that was
    /// restored may leave, means from now on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk refuses, [`StoreError::Closed`] if the store is closed.
    fn consume(&self, from: Option<Position>) -> Result<Box<dyn Consumer>, StoreError>;

    /// Says how much the store holds, and what it had to set aside.
    fn stats(&self) -> StoreStats;

    /// Stops the store: what was appended is answered, what is being sealed is finished. Further appends answer
    /// [`StoreError::Closed`]; queries go on. Blocks. Closing twice is no error.
    ///
    /// A store that is dropped, or whose process ends without closing it, loses nothing that it acknowledged.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the last of it could not be written; what was acknowledged is safe nevertheless.
    fn close(&self) -> Result<(), StoreError>;
}

/// How much a store holds, and what it had to set aside since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreStats {
    /// Rows in memory, durable in the journal.
    pub hot_rows: u64,
    /// Bytes of memory that these rows take.
    pub hot_bytes: u64,
    /// Rows in sealed segments.
    pub sealed_rows: u64,
    /// The number of sealed segments.
    pub segments: u64,
    /// Bytes of the sealed segments on disk.
    pub segment_bytes: u64,
    /// Bytes of the journal on disk.
    pub journal_bytes: u64,
    /// Journals that are sealed, and kept for the consumer.
    pub kept_journals: u64,
    /// Bytes of them on disk.
    pub kept_bytes: u64,
    /// Events that were dropped from them before they were consumed, and that the consumer has not released yet.
    pub unconsumed_events: u64,
    /// Ids remembered to recognise duplicates.
    pub dedupe_ids: u64,
    /// Ids forgotten before their time because too many were remembered.
    pub dedupe_forgotten: u64,
    /// Bytes cut off ends of journals: writes that the end of a process or machine had interrupted.
    pub torn_bytes: u64,
    /// Damaged stretches of journal that were skipped.
    pub damaged_frames: u64,
    /// Segments found damaged and set aside.
    pub damaged_segments: u64,
    /// Appends that failed because the disk refused.
    pub failed_appends: u64,
    /// Attempts to seal that failed.
    pub failed_seals: u64,
    /// Events stored.
    pub stored_events: u64,
    /// Events left out, since their ids were stored already.
    pub duplicate_events: u64,
    /// Scans that ended early, since nobody waited for them any longer.
    pub cancelled_scans: u64,
    /// Segments deleted since they were too old, or all took too much.
    pub expired_segments: u64,
    /// The events in them.
    pub expired_events: u64,
    /// How often several small segments were made one.
    pub compactions: u64,
    /// How long it took to make each group of appends durable.
    pub sync_times: Times,
}
