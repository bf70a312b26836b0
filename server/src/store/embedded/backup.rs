//! Copying a directory while a server works on it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::files::{Layout, dropped_events, journal_number, kept_number, settled, sync_dir};
use super::snapshot::{journals, segments};
use crate::store::error::StoreError;

/// Copies the journals and segments to another directory, which is made, and syncs them. Every row that was
/// acknowledged before the beginning is among them; a later one may be.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (from, to) = (Layout::of(from), Layout::create(to)?);
    // Before the journals, so that what was released is in the copy.
    let has_consumer = copy_file(&from.consumer_file(), &to.consumer_file())?;
    // Before the segments, so that what is sealed meanwhile is copied as a segment at least.
    let journals = journals(&from)?;
    for (number, path) in &journals {
        copy_file(path, &to.journal_file(*number))?;
    }
    // What is before the first of them is sealed.
    let mut last = journals
        .first()
        .map_or(0, |(first, _)| first.saturating_sub(1));
    let mut copied = BTreeSet::new();
    loop {
        // Segments are made one, or go by retention, while they are copied: until all there is has been copied.
        let listed = segments(&from)?;
        let mut complete = true;
        let mut present = BTreeSet::new();
        for (name, path) in listed {
            last = last.max(name.numbers.last);
            let target = to.segment_file(name);
            if copied.contains(&target) || copy_file(&path, &target)? {
                present.insert(target);
            } else {
                complete = false;
            }
        }
        for gone in copied.difference(&present) {
            remove(gone)?;
        }
        complete &= copied == present;
        copied = present;
        if complete {
            break;
        }
    }
    if has_consumer {
        copy_kept(&from, &to, last)?;
    }
    sync_dir(&to.journal)?;
    sync_dir(&to.segments)
}

/// Copies what is kept for the consumer, of the journals up to `last`, whose rows are all sealed. So a consumer finds in
/// the copy what queries do.
fn copy_kept(from: &Layout, to: &Layout, last: u64) -> Result<(), StoreError> {
    for path in settled(&from.journal)? {
        let sealed = journal_number(&path);
        if let Some(number) = sealed.or_else(|| kept_number(&path)).filter(|n| *n <= last) {
            // Between being sealed and being kept it has the one name, then the other.
            let copy = to.kept_file(number);
            if copy_file(&path, &copy)? || copy_file(&from.kept_file(number), &copy)? {
                // It was still written when it was copied.
                remove(&to.journal_file(number))?;
            }
        }
        if let Some((number, events)) = dropped_events(&path).filter(|(n, _)| *n <= last) {
            copy_file(&path, &to.dropped_file(number, events))?;
        }
    }
    Ok(())
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("removing from the copy", path, error))
        }
        _ => Ok(()),
    }
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
