//! Checking a directory: every checksum, and that every row can be read.

use std::fs;
use std::io;
use std::path::Path;

use super::files::{Layout, kept_number, list};
use super::segment::{Segment, SegmentError};
use super::snapshot::{ReadError, journals, read_journal, read_segment, segments};
use crate::store::error::StoreError;

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct CheckReport {
    /// Events that can be read.
    pub(crate) events: u64,
    pub(crate) segments: u64,
    pub(crate) journals: u64,
    /// Bytes at the end of journals that are no whole frame: a write that is under way, or was interrupted and never
    /// answered.
    pub(crate) unfinished_bytes: u64,
    /// Files that were set aside as damaged before.
    pub(crate) set_aside: u64,
    /// Each damage, with the file.
    pub(crate) damage: Vec<String>,
}

/// Reads all of the directory, which another process may have open.
pub(crate) fn check(dir: &Path) -> Result<CheckReport, StoreError> {
    let layout = Layout::of(dir);
    let mut report = CheckReport::default();
    let mut hot = Vec::new();
    check_kept(&layout, &mut report)?;
    for (number, path) in journals(&layout)? {
        let mut events = 0;
        let read = read_journal(number, &path, |batch| {
            let rows = batch.rows().iter();
            events += rows.filter(|row| batch.event(row).is_ok()).count() as u64;
        });
        match read {
            Ok(scan) => {
                report.journals += 1;
                report.unfinished_bytes += scan.torn_bytes;
                if scan.damaged_frames > 0 {
                    report.damage.push(format!(
                        "{}: {} damaged stretches",
                        path.display(),
                        scan.damaged_frames
                    ));
                }
                hot.push((number, events));
            }
            // It is a segment by now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("reading the journal", path, error)),
        }
    }
    let mut sealed = Vec::new();
    for (name, path) in segments(&layout)? {
        sealed.push(name.numbers);
        let mut events = 0;
        let read = Segment::open(&path, name)
            .map_err(ReadError::from)
            .and_then(|segment| {
                segment.verify()?;
                read_segment(&segment, |read| {
                    events += read.len() as u64;
                    Ok(())
                })
            });
        report.events += events;
        match read {
            Ok(()) => report.segments += 1,
            Err(ReadError::Segment(SegmentError::Io(error)))
                if error.kind() == io::ErrorKind::NotFound =>
            {
                // Made one with others, or deleted: not damaged.
                report.events -= events;
            }
            Err(ReadError::Segment(
                error @ (SegmentError::Damaged(_) | SegmentError::Version(_)),
            )) => report.damage.push(format!("{}: {error}", path.display())),
            Err(error) => return Err(error.of(&path)),
        }
    }
    let unsealed = hot
        .iter()
        .filter(|(number, _)| !sealed.iter().any(|numbers| numbers.contains(*number)));
    report.events += unsealed.map(|(_, events)| events).sum::<u64>();
    for folder in [&layout.journal, &layout.segments] {
        let damaged = list(folder)?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "damaged"));
        report.set_aside += damaged.count() as u64;
    }
    Ok(report)
}

/// Looks for damage in the journals that are kept for the consumer; their events are counted in segments.
fn check_kept(layout: &Layout, report: &mut CheckReport) -> Result<(), StoreError> {
    for path in list(&layout.journal)? {
        let Some(number) = kept_number(&path) else {
            continue;
        };
        match read_journal(number, &path, drop) {
            Ok(scan) if scan.damaged_frames > 0 => report.damage.push(format!(
                "{}: {} damaged stretches",
                path.display(),
                scan.damaged_frames
            )),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("reading a kept journal", path, error)),
        }
    }
    Ok(())
}

/// The bytes of all files of a store's directory.
pub(crate) fn bytes(dir: &Path) -> Result<u64, StoreError> {
    let layout = Layout::of(dir);
    let mut bytes = 0;
    for folder in [&layout.journal, &layout.segments] {
        for path in list(folder)? {
            bytes += fs::metadata(&path)
                .map_err(|error| StoreError::io("reading the size of", path, error))?
                .len();
        }
    }
    Ok(bytes)
}
