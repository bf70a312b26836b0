//! Answering queries: one path over the rows in memory and those in segments.
//!
//! The rows lie in parts, each with its earliest and latest time: the batches in memory, and the row groups of the
//! segments. A query takes them newest first and stops when no other part can hold anything newer than what it has.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use super::filter::Filter;
use super::hot::HotBatch;
use super::segment::{Segment, SegmentError};
use super::view::View;
use crate::store::error::StoreError;
use crate::store::event::{EventId, StoredEvent};
use crate::store::query::{Cursor, EventPage, EventQuery, Histogram, HistogramQuery};

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

enum Part<'a> {
    Hot(&'a HotBatch),
    Group(&'a Arc<Segment>, usize),
}

/// A part that may hold matching rows, with its earliest and latest time.
struct Candidate<'a> {
    part: Part<'a>,
    min_time: i64,
    max_time: i64,
}

/// The parts that the filter's times do not exclude, the newest first.
fn candidates<'a>(view: &'a View, filter: &Filter) -> Vec<Candidate<'a>> {
    let hot = view.batches().map(|batch| {
        let (min_time, max_time) = batch.times();
        Candidate {
            part: Part::Hot(batch),
            min_time,
            max_time,
        }
    });
    let segments = view.segments.iter().filter(|segment| {
        let (min_time, max_time) = segment.times();
        !filter.wanted.excludes(min_time, max_time)
    });
    let groups = segments.flat_map(|segment| {
        segment
            .groups()
            .iter()
            .enumerate()
            .map(move |(at, group)| Candidate {
                part: Part::Group(segment, at),
                min_time: group.min_time,
                max_time: group.max_time,
            })
    });
    let mut parts: Vec<Candidate<'a>> = hot
        .chain(groups)
        .filter(|part| !filter.wanted.excludes(part.min_time, part.max_time))
        .collect();
    parts.sort_by_key(|part| Reverse(part.max_time));
    parts
}

/// A row that was found: ordered by time, then by id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    time: i64,
    id: EventId,
    part: usize,
    row: usize,
}

/// The newest `most` rows among those that were offered.
struct Newest {
    most: usize,
    heap: BinaryHeap<Reverse<Hit>>,
}

impl Newest {
    fn offer(&mut self, hit: Hit) {
        if self.heap.len() < self.most {
            self.heap.push(Reverse(hit));
        } else if let Some(mut oldest) = self.heap.peek_mut()
            && oldest.0 < hit
        {
            *oldest = Reverse(hit);
        }
    }

    /// Says whether rows no newer than `time` cannot be among the newest any more.
    fn outdoes(&self, time: i64) -> bool {
        self.heap.len() >= self.most && self.heap.peek().is_some_and(|oldest| oldest.0.time > time)
    }
}

/// Answers a page. The query is valid.
pub(super) fn page(view: &View, query: &EventQuery) -> Result<EventPage, ScanError> {
    let filter = Filter::new(query.filter.clone());
    let parts = candidates(view, &filter);
    // One more tells whether there is another page.
    let most = query.limit + 1;
    let mut newest = Newest {
        most,
        heap: BinaryHeap::with_capacity(most),
    };
    for (at, candidate) in parts.iter().enumerate() {
        if newest.outdoes(candidate.max_time) {
            break;
        }
        if query
            .cursor
            .is_some_and(|cursor| cursor.time < candidate.min_time)
        {
            continue;
        }
        match candidate.part {
            Part::Hot(batch) => {
                for (row, found) in batch.matching(&filter) {
                    let place = Cursor {
                        time: found.time,
                        id: found.id,
                    };
                    if query.cursor.is_none_or(|cursor| place < cursor) {
                        newest.offer(Hit {
                            time: found.time,
                            id: found.id,
                            part: at,
                            row,
                        });
                    }
                }
            }
            Part::Group(segment, group) => {
                let found = segment
                    .find_last(group, &filter, query.cursor, most)
                    .map_err(|error| failed(segment, error))?;
                for found in found {
                    newest.offer(Hit {
                        time: found.time,
                        id: found.id,
                        part: at,
                        row: found.row,
                    });
                }
            }
        }
    }
    let mut hits = newest.heap.into_sorted_vec();
    let more = hits.len() > query.limit;
    hits.truncate(query.limit);
    let next = hits.last().filter(|_| more).map(|Reverse(hit)| Cursor {
        time: hit.time,
        id: hit.id,
    });
    let hits: Vec<Hit> = hits.into_iter().map(|Reverse(hit)| hit).collect();
    Ok(EventPage {
        events: read(&parts, &hits)?,
        next,
    })
}

/// Reads the rows that were found, part by part, and returns them in the order of the hits.
fn read(parts: &[Candidate<'_>], hits: &[Hit]) -> Result<Vec<StoredEvent>, ScanError> {
    // By part and row, so that each part is read once and in its own order.
    let mut places: BTreeMap<usize, BTreeMap<usize, usize>> = BTreeMap::new();
    for (place, hit) in hits.iter().enumerate() {
        places.entry(hit.part).or_default().insert(hit.row, place);
    }
    let mut events: BTreeMap<usize, StoredEvent> = BTreeMap::new();
    for (part, rows) in places {
        let read = match parts.get(part).map(|candidate| &candidate.part) {
            Some(Part::Hot(batch)) => rows
                .keys()
                .filter_map(|row| batch.rows().get(*row))
                .map(|row| batch.event(row))
                .collect::<Result<_, _>>()?,
            Some(Part::Group(segment, group)) => {
                let wanted: Vec<usize> = rows.keys().copied().collect();
                segment
                    .events(*group, &wanted)
                    .map_err(|error| failed(segment, error))?
            }
            None => Vec::new(),
        };
        events.extend(rows.into_values().zip(read));
    }
    Ok(events.into_values().collect())
}

/// Counts events over time. The query is valid, and has `buckets` buckets.
pub(super) fn histogram(
    view: &View,
    query: &HistogramQuery,
    buckets: usize,
) -> Result<Histogram, ScanError> {
    let filter = Filter::new(query.narrowed());
    let mut counts = vec![0_u64; buckets];
    let mut count = |time: i64, rows: u64| {
        if let Some(bucket) = query
            .bucket_of(time)
            .and_then(|bucket| counts.get_mut(bucket))
        {
            *bucket += rows;
        }
    };
    for candidate in candidates(view, &filter) {
        match candidate.part {
            Part::Hot(batch) => batch
                .matching(&filter)
                .for_each(|(_, row)| count(row.time, 1)),
            Part::Group(segment, group) => {
                let (min, max) = (candidate.min_time, candidate.max_time);
                let rows = segment.groups().get(group).map_or(0, |group| group.rows);
                let whole = filter.takes_all()
                    && filter.wanted.time_matches(min)
                    && filter.wanted.time_matches(max);
                if whole && query.bucket_of(min) == query.bucket_of(max) {
                    count(min, rows as u64);
                } else {
                    let times = segment.times_of(group, &filter);
                    let times = times.map_err(|error| failed(segment, error))?;
                    times.into_iter().for_each(|time| count(time, 1));
                }
            }
        }
    }
    Ok(Histogram {
        from: query.from,
        bucket: query.bucket,
        counts,
    })
}

fn failed(segment: &Arc<Segment>, error: SegmentError) -> ScanError {
    match error {
        SegmentError::Io(error) => {
            ScanError::Store(StoreError::io("reading a segment", segment.path(), error))
        }
        damaged => ScanError::Damaged(Arc::clone(segment), damaged.to_string()),
    }
}
