//! Copying a directory while a server works on it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::files::{Layout, dropped_events, journal_number, kept_number, settled, sync_dir};
use super::snapshot::segments;
use crate::store::error::StoreError;

/// Copies the journals and segments to another directory, which is made, and syncs them. Every row that was
/// acknowledged before the beginning is among them; a later one may be.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (from, to) = (Layout::of(from), Layout::create(to)?);
    // First, so that what is sealed meanwhile is copied as a segment at least.
    copy_journals(&from, &to)?;
    let mut copied = BTreeSet::new();
    loop {
        // Segments are made one, or go by retention, while they are copied: until all there is has been copied.
        let listed = segments(&from)?;
        let mut complete = true;
        let mut present = BTreeSet::new();
        for (name, path) in listed {
            let target = to.segment_file(name);
            if copied.contains(&target) || copy_file(&path, &target)? {
                present.insert(target);
            } else {
                complete = false;
            }
        }
        for gone in copied.difference(&present) {
            let removed = fs::remove_file(gone);
            removed.map_err(|error| StoreError::io("removing from the copy", gone, error))?;
        }
        complete &= copied == present;
        copied = present;
        if complete {
            break;
        }
    }
    sync_dir(&to.journal)?;
    sync_dir(&to.segments)
}

/// Copies the journals, those that are kept for the consumer, and what it released: whatever becomes of them meanwhile,
/// a start from the copy finds each event of a journal in it.
fn copy_journals(from: &Layout, to: &Layout) -> Result<(), StoreError> {
    let consumer = from.consumer_file();
    copy_file(&consumer, &to.consumer_file())?;
    for path in settled(&from.journal)? {
        if let Some(number) = journal_number(&path)
            && !copy_file(&path, &to.journal_file(number))?
        {
            copy_file(&from.kept_file(number), &to.kept_file(number))?;
        }
        if let Some(number) = kept_number(&path) {
            copy_file(&path, &to.kept_file(number))?;
        }
        if let Some((number, events)) = dropped_events(&path) {
            copy_file(&path, &to.dropped_file(number, events))?;
        }
    }
    Ok(())
}

/// Copies a file and syncs the copy; says whether the file was still there.
fn copy_file(from: &Path, to: &Path) -> Result<bool, StoreError> {
    let copied = fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    match copied {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("copying to the backup", to, error)),
    }
}
