//! The journal that is being written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use zstd::bulk::Compressor;

use super::disk;
use super::files::{Layout, sync_dir};
use super::frame;
use crate::store::error::StoreError;

/// One journal file, open for writing at its end.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    number: u64,
    /// Where the last good frame ends.
    len: u64,
    /// Whether something may lie behind `len` that a failed write left.
    dirty: bool,
    compressor: Compressor<'static>,
    buffer: Vec<u8>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("path", &self.path)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl Journal {
    /// Starts a new, empty journal.
    pub(super) fn create(layout: &Layout, number: u64) -> Result<Self, StoreError> {
        let path = layout.journal_file(number);
        let file = disk::create_new(&path)
            .map_err(|error| StoreError::io("creating the journal", &path, error))?;
        if let Err(error) = sync_dir(&layout.journal) {
            // The number is needed for the next attempt. Whether the removal works, nothing was written there.
            drop(disk::remove(&path));
            return Err(error);
        }
        Self::over(file, path, number, 0)
    }

    /// Goes on with a journal whose first `len` bytes are good; what lies behind them is cut off.
    pub(super) fn reopen(layout: &Layout, number: u64, len: u64) -> Result<Self, StoreError> {
        let path = layout.journal_file(number);
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|error| StoreError::io("opening the journal", &path, error))?;
        let mut journal = Self::over(file, path, number, len)?;
        journal
            .repair()
            .map_err(|error| journal.error("cutting off the journal's end", error))?;
        Ok(journal)
    }

    fn over(file: File, path: PathBuf, number: u64, len: u64) -> Result<Self, StoreError> {
        let compressor = Compressor::new(1)
            .map_err(|error| StoreError::io("starting compression for", &path, error))?;
        Ok(Self {
            file,
            path,
            number,
            len,
            dirty: false,
            compressor,
            buffer: Vec::new(),
        })
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The bytes of whole frames.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Cuts off what a failed write may have left, before the journal is left alone: later it would be read.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        match self.dirty {
            true => self
                .repair()
                .map_err(|error| self.error("repairing the journal", error)),
            false => Ok(()),
        }
    }

    /// Writes the rows as one frame, which tells whether they were imported; they are on disk when this returns.
    ///
    /// On an error nothing of them counts as written: the file is cut back to the last good frame, now or before the
    /// next write.
    pub(super) fn write(&mut self, raw: &[u8], imported: bool) -> Result<(), StoreError> {
        self.finish()?;
        frame::encode(
            self.number,
            self.len,
            raw,
            imported,
            &mut self.compressor,
            &mut self.buffer,
        )
        .map_err(|error| self.error("compressing for the journal", error))?;
        if let Err(error) = self
            .file
            .write_all(&self.buffer)
            .and_then(|()| disk::sync(&self.file, &self.path))
        {
            if let Err(error) = self.repair() {
                tracing::warn!(%error, "the journal cannot be repaired yet; the next append tries again");
            }
            return Err(self.error("writing the journal", error));
        }
        self.len += self.buffer.len() as u64;
        Ok(())
    }

    fn repair(&mut self) -> io::Result<()> {
        self.dirty = true;
        self.file.set_len(self.len)?;
        disk::sync(&self.file, &self.path)?;
        self.dirty = false;
        Ok(())
    }

    fn error(&self, action: &'static str, error: io::Error) -> StoreError {
        StoreError::io(action, &self.path, error)
    }
}
