//! Answering queries: one path over the rows in memory and those in segments.
//!
//! The rows lie in parts, each with its earliest and latest time: the batches in memory, and the row groups of the
//! segments. A query takes them newest first, and stops when no other part can hold anything newer than what it has.

mod group;
mod histogram;
mod rows;
mod search;
mod tally;

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

pub(super) use self::group::groups;
pub(super) use self::histogram::histogram;
pub(super) use self::rows::{RowScan, rows};
pub(super) use self::search::{Search, search};
use super::filter::Plan;
use super::hot::HotBatch;
use super::reader::Reader;
use super::recent::{Recent, Taken};
use super::segment::{Segment, SegmentError};
use super::view::View;
use crate::store::error::StoreError;
use crate::store::filter::Filter;
use crate::store::query::{Cursor, ScanMonitor, TimeRange};

/// The threads that count for one question; searches have one. So two cores are not held for long by one question, and
/// ingest, which has threads of its own, gets its share from the system.
const THREADS: usize = 2;

/// Why a scan did not end.
#[derive(Debug)]
pub(super) enum ScanError {
    Store(StoreError),
    /// The segment is damaged: without it, the scan can be tried again.
    Damaged(Arc<Segment>, String),
}

impl From<StoreError> for ScanError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Rows that are read together.
#[derive(Clone, Copy)]
enum Source<'a> {
    Hot(&'a HotBatch),
    Group(&'a Arc<Segment>, usize),
}

/// A part that may hold matching rows, with its earliest and latest time.
#[derive(Clone, Copy)]
struct Part<'a> {
    source: Source<'a>,
    rows: usize,
    min_time: i64,
    max_time: i64,
}

impl<'a> Part<'a> {
    fn open(&self) -> Result<Reader<'a>, ScanError> {
        match self.source {
            Source::Hot(batch) => Ok(Reader::hot(batch)),
            Source::Group(segment, group) => segment
                .group(group)
                .map(Reader::Group)
                .map_err(|error| self.failed(error)),
        }
    }

    /// The scan's error for that of the part's segment.
    fn failed(&self, error: SegmentError) -> ScanError {
        match (self.source, error) {
            (Source::Group(segment, _), SegmentError::Io(error)) => {
                StoreError::io("reading a segment", segment.path(), error).into()
            }
            (Source::Group(segment, _), damaged) => {
                ScanError::Damaged(Arc::clone(segment), damaged.to_string())
            }
            (Source::Hot(_), error) => {
                StoreError::Internal(format!("rows in memory cannot be read: {error}")).into()
            }
        }
    }
}

/// What a scan looks for, and what it learnt of segments on the way.
struct Scan<'a> {
    plan: &'a Plan<'a>,
    range: TimeRange,
    /// What is known of the filter; `None` if it takes every event, or nothing is to be remembered of it.
    taken: Option<Arc<Taken>>,
    /// For each segment, by its first number, the rows that the actor stands in whom the filter asks for, if it does.
    actors: Mutex<HashMap<u64, Option<Arc<[u32]>>>>,
}

impl<'a> Scan<'a> {
    fn new(plan: &'a Plan<'a>, range: TimeRange) -> Self {
        Self {
            plan,
            range,
            taken: None,
            actors: Mutex::default(),
        }
    }

    /// The same with what the last questions found, and for the next ones.
    fn remembering(plan: &'a Plan<'a>, range: TimeRange, filter: &Filter, recent: &Recent) -> Self {
        Self {
            taken: (!plan.takes_all()).then(|| recent.of(filter)),
            ..Self::new(plan, range)
        }
    }

    /// All the rows of the part that the filter takes, if they are known.
    fn taken(&self, part: &Part<'_>) -> Option<Arc<[u32]>> {
        match part.source {
            Source::Hot(_) => None,
            Source::Group(segment, group) => self.taken.as_ref()?.rows(segment.numbers(), group),
        }
    }

    /// The rows of the part, which was opened, that are meant.
    fn meant(&self, part: &Part<'_>, reader: &Reader<'_>) -> Result<Vec<u32>, ScanError> {
        let failed = |error| part.failed(error);
        if let Some(taken) = self.taken(part) {
            return reader
                .among(taken.to_vec(), self.range, None)
                .map_err(failed);
        }
        let rows = self.candidates(part, reader, None)?;
        let rows = reader.select(self.plan, &rows).map_err(failed)?;
        if let (Some(taken), Source::Group(segment, group)) = (&self.taken, part.source)
            && self.range.covers(part.min_time, part.max_time)
        {
            taken.remember(segment.numbers(), group, &rows);
        }
        Ok(rows)
    }

    /// The rows of the part, which was opened, that may be meant: within the range, and before the cursor.
    fn candidates(
        &self,
        part: &Part<'_>,
        reader: &Reader<'_>,
        before: Option<Cursor>,
    ) -> Result<Vec<u32>, ScanError> {
        let failed = |error| part.failed(error);
        let Source::Group(segment, group) = part.source else {
            return reader.within(self.range, before).map_err(failed);
        };
        match self.actor_rows(segment).map_err(failed)? {
            Some(rows) => {
                let rows = segment.rows_of_group(group, &rows);
                reader.among(rows, self.range, before).map_err(failed)
            }
            None => reader.within(self.range, before).map_err(failed),
        }
    }

    fn actor_rows(&self, segment: &Segment) -> Result<Option<Arc<[u32]>>, SegmentError> {
        let number = segment.numbers().first;
        let known = || self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = known().get(&number) {
            return Ok(rows.clone());
        }
        let rows = self.plan.indexed(&|test| segment.actor_rows(test))?;
        let rows: Option<Arc<[u32]>> = rows.map(Into::into);
        known().insert(number, rows.clone());
        Ok(rows)
    }
}

/// Works on the parts, in no order, and hands out what comes of each, with its place. Between parts, it tells the
/// monitor of its progress, and looks whether it was cancelled.
fn each_part<T: Send>(
    parts: &[Part<'_>],
    monitor: &ScanMonitor,
    work: impl Fn(usize, &Part<'_>) -> Result<T, ScanError> + Sync,
    mut take: impl FnMut(usize, T),
) -> Result<(), ScanError> {
    let work = |at, part: &Part<'_>| {
        if monitor.is_cancelled() {
            return Err(ScanError::Store(StoreError::Cancelled));
        }
        let done = work(at, part)?;
        monitor.advance(part.rows as u64);
        Ok(done)
    };
    if parts.len() < THREADS * 2 {
        for (at, part) in parts.iter().enumerate() {
            take(at, work(at, part)?);
        }
        return Ok(());
    }
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::sync_channel(THREADS * 2);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                while let at = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(part) = parts.get(at)
                    // After an error, nobody takes more.
                    && sender.send((at, work(at, part))).is_ok()
                {}
            });
        }
        drop(sender);
        for (at, done) in receiver {
            take(at, done?);
        }
        Ok(())
    })
}

fn rows_of(parts: &[Part<'_>]) -> u64 {
    parts.iter().map(|part| part.rows as u64).sum()
}

/// The parts that the range does not exclude, the newest first.
fn parts(view: &View, range: TimeRange) -> Vec<Part<'_>> {
    let hot = view.batches().map(|batch| {
        let (min_time, max_time) = batch.times();
        Part {
            source: Source::Hot(batch),
            rows: batch.rows().len(),
            min_time,
            max_time,
        }
    });
    let segments = view.segments.iter().filter(|segment| {
        let (min_time, max_time) = segment.times();
        !range.excludes(min_time, max_time)
    });
    let groups = segments.flat_map(|segment| {
        segment
            .groups()
            .iter()
            .enumerate()
            .map(move |(at, group)| Part {
                source: Source::Group(segment, at),
                rows: group.rows,
                min_time: group.min_time,
                max_time: group.max_time,
            })
    });
    let mut parts: Vec<Part<'_>> = hot
        .chain(groups)
        .filter(|part| !range.excludes(part.min_time, part.max_time))
        .collect();
    parts.sort_by_key(|part| Reverse(part.max_time));
    parts
}
