//! Opening a data directory: what was left by a graceful stop, or by none.
//!
//! For each number there is, at any moment, a journal, a segment, or for a short while both. So:
//!
//! - a segment's draft is removed: its journal is still there;
//! - a segment that is whole outdoes the journal of its number, which is removed, or kept for the consumer;
//! - a segment that took the place of several outdoes those that are still there, which are removed;
//! - a segment that is damaged is set aside, and the journal of its number, if there is one, is read instead;
//! - the last journal is cut behind its last good frame and goes on; the others wait to be sealed.

use std::cmp::Reverse;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::dedupe::DedupeWindow;
use super::disk;
use super::files::{
    Layout, Numbers, damaged_name, journal_number, list, segment_name, set_aside, sync_dir,
};
use super::frame::{self, ScanReport};
use super::hot::{BatchBuilder, HotBatch, merge};
use super::journal::Journal;
use super::kept::Kept;
use super::options::StoreOptions;
use super::segment::{Segment, SegmentError};
use super::view::{Counters, SealPart, View};
use super::writer::now;
use crate::store::error::StoreError;

/// What a data directory held.
#[derive(Debug)]
pub(super) struct Recovered {
    pub(super) view: View,
    pub(super) counters: Counters,
    pub(super) journal: Journal,
    pub(super) dedupe: DedupeWindow,
    pub(super) kept: Kept,
    /// Whether any of the hot rows is one for consumers.
    pub(super) has_accepted: bool,
}

/// Reads the data directory, and makes it consistent.
pub(super) fn recover(layout: &Layout, options: &StoreOptions) -> Result<Recovered, StoreError> {
    let counters = Counters::default();
    let mut dedupe = DedupeWindow::new(options.dedupe_window, options.dedupe_ids);
    let mut kept = Kept::read(layout)?;
    let mut journals = Vec::new();
    for path in list(&layout.journal)? {
        journals.extend(journal_number(&path).map(|number| (number, path)));
    }
    journals.sort();
    let has_journal =
        |numbers: Numbers| journals.iter().any(|(number, _)| numbers.contains(*number));
    let mut segments = open_segments(layout, &counters, has_journal)?;
    remember_ids(&mut segments, &mut dedupe, &counters)?;
    let mut next = segments
        .iter()
        .map(|segment| segment.numbers().last + 1)
        .fold(kept.next(), u64::max);
    let mut view = View {
        segments: Arc::new(segments),
        ..View::default()
    };
    let (mut journal, mut has_accepted) = (None, false);
    while let Some((number, path)) = (!journals.is_empty()).then(|| journals.remove(0)) {
        next = next.max(number + 1);
        if view
            .segments
            .iter()
            .any(|segment| segment.numbers().contains(number))
        {
            // Whether any of its rows is one for consumers is not known here.
            kept.sealed(layout, number, true)?;
            continue;
        }
        let (batches, report) = read_journal(number, &path, &mut dedupe)?;
        counters
            .damaged_frames
            .fetch_add(report.damaged_frames, Ordering::Relaxed);
        counters
            .torn_bytes
            .fetch_add(report.torn_bytes, Ordering::Relaxed);
        if report.damaged_frames > 0 {
            keep_copy(&path, number, report);
        }
        if journals.is_empty() {
            view.hot = batches;
            has_accepted = report.has_accepted;
            journal = Some(Journal::reopen(layout, number, report.good_len)?);
        } else if batches.is_empty() {
            remove(&path)?;
        } else {
            let journal_bytes = report.good_len;
            view.sealing.push(Arc::new(SealPart {
                number,
                batches,
                journal_bytes,
                has_accepted: report.has_accepted,
            }));
        }
    }
    sync_dir(&layout.journal)?;
    let journal = match journal {
        Some(journal) => journal,
        None => Journal::create(layout, next)?,
    };
    Ok(Recovered {
        view,
        counters,
        journal,
        dedupe,
        kept,
        has_accepted,
    })
}

/// Opens the segments that are good, by number, and sets the others aside.
fn open_segments(
    layout: &Layout,
    counters: &Counters,
    has_journal: impl Fn(Numbers) -> bool,
) -> Result<Vec<Arc<Segment>>, StoreError> {
    let mut segments: Vec<Arc<Segment>> = Vec::new();
    let mut named = Vec::new();
    for path in list(&layout.segments)? {
        if path.extension().is_some_and(|extension| extension == "tmp") {
            remove(&path)?;
        } else if let Some(name) = segment_name(&path) {
            named.push((name, path));
        }
    }
    // The widest first, so that what a good one outdoes is not even opened.
    named.sort_by_key(|(name, _)| Reverse(name.numbers.last - name.numbers.first));
    let all: Vec<Numbers> = named.iter().map(|(name, _)| name.numbers).collect();
    for (name, path) in named {
        let numbers = name.numbers;
        if segments.iter().any(|wide| wide.numbers().outdoes(numbers)) {
            remove(&path)?;
            continue;
        }
        let opened = Segment::open(&path, name).and_then(|segment| {
            // What is about to replace a journal or other segments is read to its end first.
            if has_journal(numbers) || all.iter().any(|other| numbers.outdoes(*other)) {
                segment.verify()?;
            }
            Ok(segment)
        });
        match opened {
            Ok(segment) => segments.push(Arc::new(segment)),
            Err(SegmentError::Io(error)) => {
                return Err(StoreError::io("opening a segment", path, error));
            }
            Err(error @ SegmentError::Version(_)) => {
                return Err(StoreError::Internal(format!(
                    "segment {}: {error}",
                    path.display()
                )));
            }
            Err(SegmentError::Damaged(reason)) => {
                counters.damaged_segments.fetch_add(1, Ordering::Relaxed);
                let aside = set_aside(&path)?;
                tracing::error!(reason, aside = %aside.display(), "segment is damaged and was set aside");
            }
        }
    }
    segments.sort_by_key(|segment| segment.numbers().first);
    Ok(segments)
}

/// Reads the ids that are within the window out of the segments; sets aside what cannot be read.
fn remember_ids(
    segments: &mut Vec<Arc<Segment>>,
    dedupe: &mut DedupeWindow,
    counters: &Counters,
) -> Result<(), StoreError> {
    let now = now();
    let horizon = dedupe.horizon(now);
    let mut damaged = Vec::new();
    for segment in segments
        .iter()
        .filter(|segment| segment.max_received() >= horizon)
    {
        for group in 0..segment.groups().len() {
            match segment.ids(group) {
                Ok(ids) => {
                    for (id, received) in
                        ids.into_iter().filter(|(_, received)| *received >= horizon)
                    {
                        dedupe.insert(id, received.min(now));
                    }
                }
                Err(SegmentError::Io(error)) => {
                    return Err(StoreError::io("reading a segment", segment.path(), error));
                }
                Err(error) => {
                    counters.damaged_segments.fetch_add(1, Ordering::Relaxed);
                    let aside = set_aside(segment.path())?;
                    tracing::error!(%error, aside = %aside.display(), "segment is damaged and was set aside");
                    damaged.push(segment.numbers());
                    break;
                }
            }
        }
    }
    segments.retain(|segment| !damaged.contains(&segment.numbers()));
    Ok(())
}

/// Reads the good rows of a journal, each id once.
fn read_journal(
    number: u64,
    path: &Path,
    dedupe: &mut DedupeWindow,
) -> Result<(Vec<Arc<HotBatch>>, ScanReport), StoreError> {
    let data =
        fs::read(path).map_err(|error| StoreError::io("reading the journal", path, error))?;
    // Every row of a journal is remembered, however old: it costs little, and keeps a row from being read twice.
    let now = now();
    let oldest = dedupe.horizon(now).min(now);
    let mut batches = Vec::new();
    let report = frame::scan(number, &data, |raw| {
        let mut builder = BatchBuilder::default();
        let all_read = builder.push_frame(raw, |id, received| {
            dedupe.insert(id, received.clamp(oldest, now))
        });
        let batch = builder.finish();
        if !batch.is_empty() {
            let (remain, batch) = merge(&batches, Arc::new(batch));
            batches.truncate(remain);
            batches.push(batch);
        }
        all_read
    })
    .map_err(|error| StoreError::io("reading the journal", path, error))?;
    if report.good_len == 0
        && let Some(version) = frame::other_version(&data)
    {
        return Err(StoreError::Internal(format!(
            "journal {} is of format {version}, which this version of the server does not read",
            path.display()
        )));
    }
    if report.torn_bytes > 0 {
        tracing::info!(
            journal = number,
            bytes = report.torn_bytes,
            "journal ends with an unfinished write, cut off"
        );
    }
    Ok((batches, report))
}

/// Keeps a copy of a journal with damage in it: the journal itself goes when its rows are sealed.
fn keep_copy(path: &Path, number: u64, report: ScanReport) {
    let copy = damaged_name(path);
    tracing::error!(
        journal = number,
        damaged = report.damaged_frames,
        copy = %copy.display(),
        "journal is damaged; what could be read was kept"
    );
    if !copy.exists()
        && let Err(error) = fs::copy(path, &copy)
    {
        tracing::warn!(%error, "the damaged journal cannot be copied");
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    disk::remove(path).map_err(|error| StoreError::io("removing a leftover", path, error))
}
