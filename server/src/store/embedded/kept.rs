//! The journals that are sealed and kept for the consumer.
//!
//! Whoever has a consumer has a file `journal/consumer`, with the position that was released, up to a journal: what is
//! before it is deleted, and a journal that is sealed later is renamed `….kept` instead of being removed. So the next
//! start does not take its rows for hot ones; and if the start finds journal and segment, it does what the sealer did
//! not come to. What is beyond the limit becomes an empty `…-N.dropped`, which tells how many events were in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use super::disk;
use super::files::{Layout, dropped_events, kept_number, list, sync_dir};
use super::frame;
use super::hot::BatchBuilder;
use super::options::StoreOptions;
use crate::store::consume::Position;
use crate::store::error::StoreError;

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// What is before it is not needed; `None` where there never was a consumer.
    released: Option<Position>,
    /// The journals that are kept, by their numbers.
    journals: BTreeMap<u64, KeptJournal>,
    /// The events of those that were dropped.
    dropped: BTreeMap<u64, u64>,
    /// The directory is no longer this store's.
    closed: bool,
}

#[derive(Debug)]
struct KeptJournal {
    bytes: u64,
    /// When its last rows came, as far as the system tells.
    written: SystemTime,
}

impl KeptJournal {
    fn look_at(path: &Path) -> Result<Self, StoreError> {
        let look = || {
            let metadata = fs::metadata(path)?;
            Ok(Self {
                bytes: metadata.len(),
                written: metadata.modified()?,
            })
        };
        look().map_err(|error| StoreError::io("looking at", path, error))
    }
}

impl Kept {
    /// What a directory holds.
    pub(super) fn read(layout: &Layout) -> Result<Self, StoreError> {
        let path = layout.consumer_file();
        let released = match fs::read(&path) {
            Ok(text) => {
                let text = std::str::from_utf8(&text).unwrap_or_default();
                // It was synced before it had its name; whatever damaged it, nothing that is kept is let go.
                Some(text.parse().unwrap_or(Position::new(0, 0, 0)))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreError::io("reading the released position", path, error)),
        };
        let mut kept = Self {
            released,
            ..Self::default()
        };
        for path in list(&layout.journal)? {
            if let Some(number) = kept_number(&path) {
                kept.journals.insert(number, KeptJournal::look_at(&path)?);
            }
            if let Some((number, events)) = dropped_events(&path) {
                kept.dropped.insert(number, events);
            }
        }
        if let Some(released) = released {
            kept.remove_before(layout, released)?;
        }
        Ok(kept)
    }

    /// The first number that no journal had, as far as is known here.
    pub(super) fn next(&self) -> u64 {
        let kept = self.journals.keys().chain(self.dropped.keys());
        let last = kept.max().map_or(1, |last| last + 1);
        self.released.map_or(last, |at| last.max(at.journal))
    }

    pub(super) fn journals(&self) -> u64 {
        self.journals.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.journals.values().map(|journal| journal.bytes).sum()
    }

    /// The events that were dropped and that the consumer has not passed.
    pub(super) fn dropped_events(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// The events of a journal that was dropped.
    pub(super) fn dropped(&self, number: u64) -> Option<u64> {
        self.dropped.get(&number).copied()
    }

    pub(super) fn released(&self) -> Option<Position> {
        self.released
    }

    /// The directory may be another's from now on.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Lets go what is before the position; durable before anything goes. From the first time on, journals are kept.
    pub(super) fn release(
        &mut self,
        layout: &Layout,
        position: Position,
    ) -> Result<(), StoreError> {
        if self.closed {
            return Err(StoreError::Closed);
        }
        match self.released {
            Some(released) if released.journal == position.journal => {
                // The journal stays as a whole; after a restart it matters only for a count.
                self.released = Some(released.max(position));
                return Ok(());
            }
            Some(released) if released > position => return Ok(()),
            _ => {}
        }
        let path = layout.consumer_file();
        let draft = path.with_extension("tmp");
        let write = || {
            let mut file = disk::create(&draft)?;
            file.write_all(position.to_string().as_bytes())?;
            disk::sync(&file, &draft)?;
            disk::rename(&draft, &path)
        };
        write().map_err(|error| StoreError::io("writing the released position", &path, error))?;
        sync_dir(&layout.journal)?;
        self.released = Some(position);
        self.remove_before(layout, position)
    }

    fn remove_before(&mut self, layout: &Layout, position: Position) -> Result<(), StoreError> {
        let mut removed = false;
        while let Some(entry) = self.journals.first_entry()
            && *entry.key() < position.journal
        {
            remove(&layout.kept_file(*entry.key()))?;
            entry.remove();
            removed = true;
        }
        while let Some(entry) = self.dropped.first_entry()
            && *entry.key() < position.journal
        {
            remove(&layout.dropped_file(*entry.key(), *entry.get()))?;
            entry.remove();
            removed = true;
        }
        match removed {
            true => sync_dir(&layout.journal),
            false => Ok(()),
        }
    }

    /// Keeps a journal that is sealed, or removes it; the folder is not synced.
    pub(super) fn sealed(
        &mut self,
        layout: &Layout,
        number: u64,
        has_accepted: bool,
    ) -> Result<(), StoreError> {
        let path = layout.journal_file(number);
        let unreleased = self.released.is_some_and(|at| number >= at.journal);
        if !(unreleased && has_accepted) {
            return disk::remove(&path)
                .map_err(|error| StoreError::io("removing a sealed journal", path, error));
        }
        let kept = layout.kept_file(number);
        disk::rename(&path, &kept)
            .map_err(|error| StoreError::io("keeping a sealed journal", &path, error))?;
        self.journals.insert(number, KeptJournal::look_at(&kept)?);
        Ok(())
    }

    /// Drops the oldest journals that are too many, or older than events may be.
    pub(super) fn limit(
        &mut self,
        layout: &Layout,
        options: &StoreOptions,
    ) -> Result<(), StoreError> {
        let oldest = options
            .retention_age
            .and_then(|age| SystemTime::now().checked_sub(age));
        let mut dropped = false;
        while let Some((number, journal)) = self.journals.first_key_value()
            && (self.bytes() > options.kept_bytes
                || oldest.is_some_and(|oldest| journal.written < oldest))
        {
            let number = *number;
            self.drop_journal(layout, number)?;
            self.journals.remove(&number);
            dropped = true;
        }
        match dropped {
            true => sync_dir(&layout.journal),
            false => Ok(()),
        }
    }

    fn drop_journal(&mut self, layout: &Layout, number: u64) -> Result<(), StoreError> {
        let path = layout.kept_file(number);
        let from = self.released.filter(|at| at.journal == number);
        let from = from.unwrap_or(Position::new(number, 0, 0));
        let io = |error| StoreError::io("dropping a kept journal", &path, error);
        let events = count(&path, from).map_err(io)?;
        let left = layout.dropped_file(number, events);
        disk::rename(&path, &left).map_err(io)?;
        self.dropped.insert(number, events);
        tracing::warn!(
            journal = number,
            events,
            "events were dropped before they were consumed"
        );
        // It has its name: only the space is still to be given back.
        disk::create(&left).map(drop).map_err(io)
    }
}

/// The events of a journal from a position on.
fn count(path: &Path, from: Position) -> std::io::Result<u64> {
    let data = fs::read(path)?;
    let mut decompressor = zstd::bulk::Decompressor::new()?;
    let mut at = usize::try_from(from.frame).unwrap_or(usize::MAX);
    let mut events = 0;
    while let Some((start, frame)) = frame::first_good(from.journal, 0, &data, at) {
        at = frame.end;
        if !frame.imported {
            let mut builder = BatchBuilder::default();
            builder.push_frame(&frame.raw(&mut decompressor)?, |_, _| true);
            let done = if start as u64 == from.frame {
                u64::from(from.rows)
            } else {
                0
            };
            events += (builder.rows() as u64).saturating_sub(done);
        }
    }
    Ok(events)
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match disk::remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("removing a kept journal", path, error))
        }
        _ => Ok(()),
    }
}
