//! The consumer of the journal: first what is on disk, then what the writer hands on.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use zstd::bulk::Decompressor;

use super::frame;
use super::hot::BatchBuilder;
use super::tail::Turn;
use super::view::Shared;
use crate::store::consume::{Consumed, Consumer, EventBatch, Position};
use crate::store::error::StoreError;

/// Reads journals up to where the writer's commits are waiting, and then takes those.
#[derive(Debug)]
pub(super) struct JournalConsumer {
    shared: Arc<Shared>,
    number: u64,
    /// What is before it was handed out.
    next: Position,
    /// The journals are to be read to there.
    until: Option<Position>,
    reading: Option<Reading>,
    /// What is to be told of before anything else.
    missed: Option<u64>,
}

/// A part of a journal.
struct Reading {
    journal: u64,
    /// Where the data begins.
    base: u64,
    data: Vec<u8>,
    decompressor: Decompressor<'static>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("journal", &self.journal)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

impl JournalConsumer {
    pub(super) fn open(shared: &Arc<Shared>, from: Option<Position>) -> Result<Self, StoreError> {
        // Held, so that nothing is removed that it is about to need.
        let mut kept = shared.kept();
        let end = shared.tail.end();
        let from = from.map_or(end, |from| from.min(end));
        let released = kept.released().map(|released| released.min(end));
        // What was sealed before there was a consumer is gone, as is what was released.
        let first = released.map_or(end.journal, |released| released.journal);
        let is_gone = from.journal < first;
        let next = released.filter(|_| is_gone).unwrap_or(from);
        match kept.release(&shared.layout, next) {
            // Then more is kept than is needed, until the next time.
            Err(error @ StoreError::Io { .. }) if kept.released().is_some() => {
                tracing::warn!(%error, "the position from which is consumed cannot be released");
            }
            released => released?,
        }
        Ok(Self {
            number: shared.tail.join(),
            shared: Arc::clone(shared),
            next,
            until: None,
            reading: None,
            missed: is_gone.then_some(0),
        })
    }

    /// Hands out what is before `until`; `None` if there is nothing more.
    fn read(&mut self, until: Position) -> Result<Option<Consumed>, StoreError> {
        while self.next < until {
            let journal = self.next.journal;
            let is_last = journal == until.journal;
            let mut reading = match self.reading.take().filter(|part| part.journal == journal) {
                Some(reading) => reading,
                None => match self.load(is_last.then_some(until.frame))? {
                    Some(reading) => reading,
                    None => {
                        if let Some(events) = self.shared.kept().dropped(journal) {
                            *self.missed.get_or_insert(0) += events;
                        }
                        self.next = Position::new(journal + 1, 0, 0);
                        continue;
                    }
                },
            };
            if let Some(events) = self.missed.take() {
                self.reading = Some(reading);
                return Ok(Some(Consumed::Missed(events)));
            }
            match reading.batch(&mut self.next) {
                Some(batch) => {
                    self.reading = Some(reading);
                    return Ok(Some(Consumed::Events(batch)));
                }
                None if is_last => self.next = until,
                None => self.next = Position::new(journal + 1, 0, 0),
            }
        }
        // It ends where that of the next time begins.
        self.reading = None;
        Ok(self.missed.take().map(Consumed::Missed))
    }

    /// Reads the journal in which it is, from there on; `None` if it is gone.
    fn load(&self, end: Option<u64>) -> Result<Option<Reading>, StoreError> {
        let Position { journal, frame, .. } = self.next;
        let layout = &self.shared.layout;
        // In the order in which a journal has these names.
        for path in [layout.journal_file(journal), layout.kept_file(journal)] {
            let decompressor = Decompressor::new();
            match read_part(&path, frame, end) {
                Ok(data) => {
                    return Ok(Some(Reading {
                        journal,
                        base: frame,
                        data,
                        decompressor: decompressor.map_err(failed(&path))?,
                    }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(&path)(error)),
            }
        }
        Ok(None)
    }
}

impl Reading {
    /// The rows of the next frame that has any for consumers; sets the position behind them.
    fn batch(&mut self, next: &mut Position) -> Option<EventBatch> {
        loop {
            let offset = next.frame.saturating_sub(self.base);
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let found = frame::first_good(self.journal, self.base, &self.data, offset);
            let (start, frame) = found?;
            let start = self.base + start as u64;
            let done = match start == next.frame {
                true => next.rows as usize,
                false => 0,
            };
            *next = Position::new(self.journal, self.base + frame.end as u64, 0);
            let mut builder = BatchBuilder::default();
            // What cannot be read was counted as damage when the journal was.
            if !frame.imported
                && let Ok(raw) = frame.raw(&mut self.decompressor)
            {
                builder.push_frame(&raw, |_, _| true);
            }
            let batch = EventBatch::hot(Arc::new(builder.finish()), self.journal, start, done);
            if !batch.is_empty() {
                return Some(batch);
            }
        }
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::io("reading the journal", path, error)
}

fn read_part(path: &Path, start: u64, end: Option<u64>) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut data = Vec::new();
    let most = end.map_or(u64::MAX, |end| end.saturating_sub(start));
    file.take(most).read_to_end(&mut data)?;
    Ok(data)
}

impl Consumer for JournalConsumer {
    fn next(&mut self, timeout: Duration) -> Result<Option<Consumed>, StoreError> {
        loop {
            if let Some(until) = self.until {
                if let Some(consumed) = self.read(until)? {
                    return Ok(Some(consumed));
                }
                self.until = None;
            }
            match self.shared.tail.turn(self.number, timeout) {
                Turn::Commit(commit, behind) => {
                    self.next = behind;
                    let batch = EventBatch::hot(commit.batch, behind.journal, commit.frame, 0);
                    return Ok(Some(Consumed::Events(batch)));
                }
                Turn::Read(until) => self.until = Some(until),
                Turn::Idle(here) => {
                    self.next = here.unwrap_or(self.next);
                    return Ok(None);
                }
                Turn::End => return Err(StoreError::Closed),
            }
        }
    }

    fn position(&self) -> Position {
        self.next
    }

    fn release(&self, position: Position) -> Result<(), StoreError> {
        let mut kept = self.shared.kept();
        if !self.shared.tail.is_current(self.number) {
            return Err(StoreError::Closed);
        }
        kept.release(&self.shared.layout, position.min(self.next))
    }

    fn waker(&self) -> Waker {
        Waker::from(Arc::new(Wakes(Arc::clone(&self.shared))))
    }
}

impl Drop for JournalConsumer {
    fn drop(&mut self) {
        self.shared.tail.leave(self.number);
    }
}

struct Wakes(Arc<Shared>);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.tail.wake();
    }
}
