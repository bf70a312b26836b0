//! The rows of a directory, read without changing it: also while a server works on it.
//!
//! Journals are listed before segments, so that rows that are sealed meanwhile are found in one of the two, and
//! segments are listed until two lists are equal, since the system lists a folder bit by bit. What is stored after the
//! beginning may be there or not.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{Layout, Numbers, SegmentName, journal_number, list, segment_name, settled};
use super::frame::{self, ScanReport};
use super::hot::{BatchBuilder, HotBatch};
use super::scan::{self, RowScan, ScanError};
use super::segment::{Segment, SegmentError};
use super::view::View;
use crate::store::error::StoreError;
use crate::store::event::StoredEvent;
use crate::store::filter::{Field, Filter};
use crate::store::query::{ScanMonitor, TimeRange};
use crate::store::row::EventFields;

/// How often it is begun anew where files go while they are read.
const ATTEMPTS: usize = 10;

/// Rows that are decoded at a time.
const BLOCK_ROWS: usize = 4_096;

/// The journals of a directory, by number.
pub(super) fn journals(layout: &Layout) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let mut journals = Vec::new();
    for path in list(&layout.journal)? {
        journals.extend(journal_number(&path).map(|number| (number, path)));
    }
    journals.sort();
    Ok(journals)
}

/// The segments of a directory by number, without those whose rows are in another.
pub(super) fn segments(layout: &Layout) -> Result<Vec<(SegmentName, PathBuf)>, StoreError> {
    let named = settled(&layout.segments)?
        .into_iter()
        .filter_map(|path| Some((segment_name(&path)?, path)));
    let named: Vec<(SegmentName, PathBuf)> = named.collect();
    let all: Vec<Numbers> = named.iter().map(|(name, _)| name.numbers).collect();
    let outdone =
        |(name, _): &(SegmentName, PathBuf)| all.iter().any(|wide| wide.outdoes(name.numbers));
    Ok(named.into_iter().filter(|named| !outdone(named)).collect())
}

/// Reads the rows of a journal, a frame at a time.
pub(super) fn read_journal(
    number: u64,
    path: &Path,
    mut visit: impl FnMut(HotBatch),
) -> io::Result<ScanReport> {
    let data = fs::read(path)?;
    frame::scan(number, &data, |raw| {
        let mut builder = BatchBuilder::default();
        let all_read = builder.push_frame(raw, |_, _| true);
        visit(builder.finish());
        all_read
    })
}

/// Reads the events of a segment, some at a time, in the order of their times.
pub(super) fn read_segment(
    segment: &Segment,
    mut visit: impl FnMut(Vec<StoredEvent>) -> Result<(), StoreError>,
) -> Result<(), ReadError> {
    for (group, info) in segment.groups().iter().enumerate() {
        for start in (0..info.rows).step_by(BLOCK_ROWS) {
            let end = info.rows.min(start + BLOCK_ROWS);
            visit(segment.events_within(group, start..end)?)?;
        }
    }
    Ok(())
}

/// Why a segment was not read to its end.
#[derive(Debug)]
pub(super) enum ReadError {
    Segment(SegmentError),
    /// What was done with its events failed.
    Visit(StoreError),
}

impl From<SegmentError> for ReadError {
    fn from(error: SegmentError) -> Self {
        Self::Segment(error)
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Visit(error)
    }
}

impl ReadError {
    /// As an error of the store.
    pub(super) fn of(self, path: &Path) -> StoreError {
        match self {
            Self::Segment(SegmentError::Io(error)) => {
                StoreError::io("reading a segment", path, error)
            }
            Self::Segment(error) => {
                StoreError::Internal(format!("segment {}: {error}", path.display()))
            }
            Self::Visit(error) => error,
        }
    }
}

/// All rows of one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) batches: Vec<HotBatch>,
}

impl Snapshot {
    pub(super) fn open(layout: &Layout) -> Result<Self, StoreError> {
        anew(|| Self::read(layout))
    }

    fn read(layout: &Layout) -> Result<Self, StoreError> {
        let mut batches = Vec::new();
        for (number, path) in journals(layout)? {
            let mut of_journal = Vec::new();
            match read_journal(number, &path, |batch| of_journal.push(batch)) {
                Ok(_) => batches.push((number, of_journal)),
                // It is a segment by now.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("reading the journal", path, error)),
            }
        }
        let mut opened = Vec::new();
        for (name, path) in segments(layout)? {
            let segment = Segment::open(&path, name);
            let segment = segment.map_err(|error| ReadError::from(error).of(&path))?;
            opened.push(Arc::new(segment));
        }
        let is_sealed = |number| {
            opened
                .iter()
                .any(|segment| segment.numbers().contains(number))
        };
        batches.retain(|(number, _)| !is_sealed(*number));
        Ok(Self {
            batches: batches.into_iter().flat_map(|(_, batch)| batch).collect(),
            segments: opened,
        })
    }
}

/// Does the work anew where a file that it read has gone: sealed, made one with others, or deleted by retention.
pub(super) fn anew<T>(mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    let mut attempt = 1;
    loop {
        match work() {
            Err(StoreError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// As [`EventStore::scan_rows`](crate::store::EventStore::scan_rows), of a directory on which a server may work. A
/// segment that is damaged is an error.
pub(crate) fn scan_rows(
    dir: &Path,
    filter: &Filter,
    range: TimeRange,
    fields: &[Field],
    monitor: &ScanMonitor,
    sink: &mut dyn FnMut(&dyn EventFields),
) -> Result<bool, StoreError> {
    let snapshot = Snapshot::open(&Layout::of(dir))?;
    let view = View {
        segments: Arc::new(snapshot.segments),
        sealing: Vec::new(),
        hot: snapshot.batches.into_iter().map(Arc::new).collect(),
    };
    let mut rows = RowScan {
        filter,
        range,
        fields,
        monitor,
        last: None,
    };
    scan::rows(&view, &mut rows, sink).map_err(|error| match error {
        ScanError::Store(error) => error,
        ScanError::Damaged(segment, reason) => {
            let path = segment.path().display();
            StoreError::Internal(format!("segment {path}: {reason}"))
        }
    })
}
