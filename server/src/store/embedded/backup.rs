//! Copying a directory while a server works on it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::files::{Layout, sync_dir};
use super::snapshot::{journals, segments};
use crate::store::error::StoreError;

/// Copies the journals and segments to another directory, which is made, and syncs them. Every row that was
/// acknowledged before the beginning is among them; a later one may be.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (from, to) = (Layout::of(from), Layout::create(to)?);
    // First, so that what is sealed meanwhile is copied as a segment at least.
    for (number, path) in journals(&from)? {
        copy_file(&path, &to.journal_file(number))?;
    }
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

/// Copies a file and syncs the copy; says whether the file was still there.
fn copy_file(from: &Path, to: &Path) -> Result<bool, StoreError> {
    let copied = fs::copy(from, to).and_then(|_| File::open(to)?.sync_all());
    match copied {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("copying to the backup", to, error)),
    }
}
