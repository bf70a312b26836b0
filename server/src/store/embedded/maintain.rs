//! What is done beside reading and writing: hot rows are sealed when they are old, segments deleted when they are too
//! old or too many, and small ones made one.
//!
//! # One of several
//!
//! Low traffic is sealed by time, so segments become many and small, and each costs every query something. Neighbours
//! are made one when it takes no more memory than a usual segment, and at least doubles the largest of them: so a row
//! is written again a few times at most. The new file is named by the first and the last number that it stands for,
//! synced, and only then are the others removed. At the next start, whatever a good segment of a wider stretch of
//! numbers covers is removed: so a crash in between doubles no row, and loses none.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::files::Numbers;
use super::hot::{BatchBuilder, HotBatch};
use super::options::StoreOptions;
use super::segment::{self, Segment, SegmentError};
use super::snapshot::{ReadError, read_segment};
use super::view::Shared;
use super::writer::now;
use crate::store::error::StoreError;

/// How often it is done.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// How long it is left after it failed.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The fewest segments that are made one.
const FEWEST: usize = 8;

/// The most segments that are made one at a time.
const MOST: usize = 64;

/// Where there is a retention by age, segments that are made one lie within this part of it, so that old rows do not
/// live on for the sake of young ones.
const SPAN: i64 = 8;

/// Does what is due, and says how long to wait for the next time.
pub(super) fn run(shared: &Shared, options: &StoreOptions) -> Duration {
    let hot_since = shared.hot_since.load(Ordering::Relaxed);
    if now().saturating_sub(hot_since) >= micros(options.seal_age) {
        // Nobody waits for the answer; a store that is closing seals nothing.
        let (reply, _) = std::sync::mpsc::channel();
        drop(shared.queue.request_seal(reply));
    }
    match look_after(shared, options) {
        Ok(()) => EVERY,
        Err(error) => {
            let reason = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(%error, reason, "segments cannot be looked after");
            AFTER_FAILURE
        }
    }
}

/// Deletes and makes one what is to be.
pub(super) fn look_after(shared: &Shared, options: &StoreOptions) -> Result<(), StoreError> {
    let _alone = shared
        .maintenance
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    delete(shared, options);
    shared.kept().limit(&shared.layout, options)?;
    while compact(shared, options)? {}
    Ok(())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Deletes what is past its time.
fn delete(shared: &Shared, options: &StoreOptions) {
    let view = shared.view();
    for segment in expired(&view.segments, options, now()) {
        if !replace(shared, std::slice::from_ref(&segment), None) {
            continue;
        }
        let (rows, bytes) = (segment.rows(), segment.bytes());
        let counters = &shared.counters;
        counters.expired_segments.fetch_add(1, Ordering::Relaxed);
        counters.expired_events.fetch_add(rows, Ordering::Relaxed);
        tracing::info!(segment = %segment.numbers(), rows, bytes, "segment deleted by retention");
    }
}

/// The segments that the retention leaves no room for, the oldest first.
fn expired(segments: &[Arc<Segment>], options: &StoreOptions, now: i64) -> Vec<Arc<Segment>> {
    let mut by_age: Vec<&Arc<Segment>> = segments.iter().collect();
    by_age.sort_by_key(|segment| segment.youngest());
    let horizon = options
        .retention_age
        .map_or(i64::MIN, |age| now.saturating_sub(micros(age)));
    let limit = options.retention_bytes.unwrap_or(u64::MAX);
    let mut left: u64 = segments.iter().map(|segment| segment.bytes()).sum();
    let mut expired = Vec::new();
    for segment in by_age {
        if segment.youngest() >= horizon && left <= limit {
            break;
        }
        left -= segment.bytes();
        expired.push(Arc::clone(segment));
    }
    expired
}

/// Shows readers one segment instead of the others, whose files go once nobody reads them. Does nothing, and says so,
/// where one of the others is gone already, such as set aside as damaged.
fn replace(shared: &Shared, old: &[Arc<Segment>], new: Option<Arc<Segment>>) -> bool {
    let is_old = |segment: &Arc<Segment>| old.iter().any(|other| Arc::ptr_eq(other, segment));
    let replaced = shared.change(|view| {
        if view
            .segments
            .iter()
            .filter(|segment| is_old(segment))
            .count()
            < old.len()
        {
            return false;
        }
        let segments = Arc::make_mut(&mut view.segments);
        segments.retain(|segment| !is_old(segment));
        segments.extend(new);
        segments.sort_by_key(|segment| segment.numbers().first);
        true
    });
    if replaced {
        old.iter().for_each(|segment| segment.retire());
    }
    replaced
}

/// Makes one stretch of small segments one, if there is any; says whether there was.
fn compact(shared: &Shared, options: &StoreOptions) -> Result<bool, StoreError> {
    let view = shared.view();
    // A journal that waits to be sealed must not fall within the numbers of another segment.
    let waiting: Vec<u64> = view.sealing.iter().map(|part| part.number).collect();
    let Some(stretch) = stretch(&view.segments, &waiting, options) else {
        return Ok(false);
    };
    let old = view.segments.get(stretch).unwrap_or_default();
    let (Some(first), Some(last)) = (old.first(), old.last()) else {
        return Ok(false);
    };
    let numbers = Numbers {
        first: first.numbers().first,
        last: last.numbers().last,
    };
    let mut batches = Vec::new();
    for segment in old {
        match read_all(segment) {
            Ok(read) => batches.extend(read),
            Err(ReadError::Segment(error @ SegmentError::Damaged(_))) => {
                shared.set_aside(segment, &error.to_string());
                return Ok(true);
            }
            Err(error) => return Err(error.of(segment.path())),
        }
    }
    let new = Arc::new(segment::write(&shared.layout, numbers, &batches)?);
    let (rows, bytes) = (new.rows(), new.bytes());
    if replace(shared, old, Some(Arc::clone(&new))) {
        shared.counters.compactions.fetch_add(1, Ordering::Relaxed);
        let segments = old.len();
        tracing::info!(segment = %numbers, segments, rows, bytes, "segments made one");
    } else {
        new.retire();
    }
    Ok(true)
}

/// The rows of a segment.
fn read_all(segment: &Segment) -> Result<Vec<Arc<HotBatch>>, ReadError> {
    let mut batches = Vec::new();
    read_segment(segment, |events| {
        let mut builder = BatchBuilder::default();
        for event in &events {
            builder.push_event(event)?;
        }
        batches.push(Arc::new(builder.finish()));
        Ok(())
    })?;
    Ok(batches)
}

/// A stretch of neighbours that are to be made one: the youngest that there is, and as long as it can be.
fn stretch(
    segments: &[Arc<Segment>],
    waiting: &[u64],
    options: &StoreOptions,
) -> Option<Range<usize>> {
    let sizes: Vec<Size> = segments.iter().map(|segment| Size::of(segment)).collect();
    let limit = Limit {
        rows: options.seal_rows as u64,
        raw_bytes: options.seal_bytes as u64,
        span: options
            .retention_age
            .map_or(i64::MAX, |age| micros(age) / SPAN),
    };
    let parted = |before: &Size, after: &Size| {
        let between = before.numbers.last..=after.numbers.first;
        waiting.iter().any(|number| between.contains(number))
    };
    choose(&sizes, &limit, parted)
}

/// What matters of a segment here.
#[derive(Clone, Copy, Debug)]
struct Size {
    numbers: Numbers,
    rows: u64,
    raw_bytes: u64,
    youngest: i64,
}

impl Size {
    fn of(segment: &Segment) -> Self {
        Self {
            numbers: segment.numbers(),
            rows: segment.rows(),
            raw_bytes: segment.raw_bytes(),
            youngest: segment.youngest(),
        }
    }
}

/// The most that is made one.
#[derive(Debug)]
struct Limit {
    rows: u64,
    raw_bytes: u64,
    span: i64,
}

fn choose(
    sizes: &[Size],
    limit: &Limit,
    parted: impl Fn(&Size, &Size) -> bool,
) -> Option<Range<usize>> {
    for end in (FEWEST..=sizes.len()).rev() {
        let mut found = None;
        let (mut rows, mut raw_bytes, mut largest) = (0, 0, 0);
        let (mut oldest, mut youngest) = (i64::MAX, i64::MIN);
        let mut after: Option<&Size> = None;
        for (start, size) in sizes.iter().enumerate().take(end).rev().take(MOST) {
            rows += size.rows;
            raw_bytes += size.raw_bytes;
            largest = size.rows.max(largest);
            oldest = size.youngest.min(oldest);
            youngest = size.youngest.max(youngest);
            if rows > limit.rows
                || raw_bytes > limit.raw_bytes
                || youngest.saturating_sub(oldest) > limit.span
                || after.is_some_and(|after| parted(size, after))
            {
                break;
            }
            if end - start >= FEWEST && largest * 2 <= rows {
                found = Some(start..end);
            }
            after = Some(size);
        }
        if found.is_some() {
            return found;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(rows: &[u64]) -> Vec<Size> {
        let size = |(number, rows): (u64, &u64)| Size {
            numbers: Numbers::one(number),
            rows: *rows,
            raw_bytes: rows * 100,
            youngest: number as i64 * 10,
        };
        (1..).zip(rows).map(size).collect()
    }

    const LIMIT: Limit = Limit {
        rows: 1_000,
        raw_bytes: 1 << 20,
        span: i64::MAX,
    };

    #[test]
    fn a_row_is_written_again_a_few_times_at_most() {
        // Each step one small segment more; what is made one takes the place of its parts.
        let mut held: Vec<Size> = Vec::new();
        let (mut number, mut rewritten) = (0, 0);
        for _ in 0..2_000 {
            number += 1;
            let mut new = sizes(&[1]);
            new[0].numbers = Numbers::one(number);
            held.extend(new);
            if let Some(range) = choose(&held, &LIMIT, |_, _| false) {
                let old: Vec<Size> = held.drain(range.clone()).collect();
                let rows = old.iter().map(|size| size.rows).sum();
                rewritten += rows;
                let one = Size {
                    numbers: Numbers {
                        first: old[0].numbers.first,
                        last: old[old.len() - 1].numbers.last,
                    },
                    rows,
                    raw_bytes: rows * 100,
                    youngest: 0,
                };
                held.insert(range.start, one);
            }
        }
        assert!(held.len() < 40, "{} segments", held.len());
        assert!(rewritten < 2_000 * 10, "{rewritten} rows written again");
    }

    #[test]
    fn limits_and_waiting_journals_part_stretches() {
        let chosen = |rows: &[u64], limit: &Limit| choose(&sizes(rows), limit, |_, _| false);
        assert_eq!(chosen(&[10; 7], &LIMIT), None, "too few");
        assert_eq!(chosen(&[10; 9], &LIMIT), Some(0..9));
        assert_eq!(
            chosen(&[900, 200, 200, 200, 200, 200, 200, 200, 200], &LIMIT),
            None
        );
        assert_eq!(
            chosen(&[100, 10, 10, 10, 10, 10, 10, 10, 10], &LIMIT),
            Some(1..9)
        );
        let short = Limit { span: 80, ..LIMIT };
        assert_eq!(chosen(&[10; 12], &short), Some(3..12));
        let parted = |before: &Size, _: &Size| before.numbers.last == 4;
        assert_eq!(choose(&sizes(&[10; 9]), &LIMIT, parted), None);
        assert_eq!(choose(&sizes(&[10; 12]), &LIMIT, parted), Some(4..12));
    }
}
