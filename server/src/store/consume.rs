//! The events as they are accepted, each once and in one order, for whoever must miss none.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::embedded::HotBatch;
use super::error::StoreError;
use super::event::StoredEvent;
use super::row::EventRow;

/// A place between two events, in the order in which a store accepted them: what lies before it is done.
///
/// As text, such as `7.4096.2`, it is for a checkpoint. It says where in which journal the group of events begins that
/// was made durable together, and how many of the group are done, so it outlives restarts, and damage elsewhere. It
/// means nothing to another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub(super) journal: u64,
    /// The offset of a frame in the journal.
    pub(super) frame: u64,
    /// The rows of that frame that are done.
    pub(super) rows: u32,
}

impl Position {
    pub(super) fn new(journal: u64, frame: u64, rows: usize) -> Self {
        Self {
            journal,
            frame,
            // A frame is at most 64 MiB.
            rows: rows as u32,
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.journal, self.frame, self.rows)
    }
}

/// The text given is no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePositionError(());

impl fmt::Display for ParsePositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no position in the events: expected three numbers, such as `7.4096.2`")
    }
}

impl std::error::Error for ParsePositionError {}

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '.');
        let mut next = || {
            let part = parts.next()?;
            // The standard library would take a sign.
            let plain = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u64>().ok().filter(|_| plain)
        };
        let read = || Some((next()?, next()?, u32::try_from(next()?).ok()?));
        let mut read = read;
        let (journal, frame, rows) = read().ok_or(ParsePositionError(()))?;
        Ok(Self {
            journal,
            frame,
            rows,
        })
    }
}

/// What a consumer is handed.
#[derive(Clone, Debug)]
pub enum Consumed {
    /// Events that were accepted together.
    Events(EventBatch),
    /// About that many events come next in the order that are no longer there for a consumer: since it had released
    /// them, or was so far behind that they were dropped. They are stored nevertheless. 0 where their number is not
    /// known.
    Missed(u64),
}

/// Hands out each accepted event once, in the order of their acceptance, on a thread of its own.
///
/// A store has one consumer: whoever calls [`EventStore::consume`](super::EventStore::consume) next takes its place.
pub trait Consumer: fmt::Debug + Send {
    /// Waits for what comes next, for so long at most; `None` if nothing did, or a [waker](Self::waker) was used.
    ///
    /// # Errors
    ///
    /// [`StoreError::Closed`] once the store is closed and everything was handed out, or another consumer has taken
    /// the place of this one; [`StoreError::Io`] if the disk refuses: calling again goes on where it was.
    fn next(&mut self, timeout: Duration) -> Result<Option<Consumed>, StoreError>;

    /// Where it is: behind everything that was handed out.
    fn position(&self) -> Position;

    /// Says that what lies before the position is not asked for again, also not after a restart. Writes to the disk
    /// once in a while; blocks.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the disk refuses; then more is kept than is needed.
    fn release(&self, position: Position) -> Result<(), StoreError>;

    /// Ends the wait of [`next`](Self::next), now or when it is called next, from any thread.
    fn waker(&self) -> Waker;
}

/// Events that were accepted together, in their order. Cheap to clone; no event is decoded before it is looked at.
#[derive(Clone, Debug)]
pub struct EventBatch {
    rows: Rows,
    journal: u64,
    frame: u64,
    /// The first row that is meant.
    first: usize,
}

#[derive(Clone, Debug)]
enum Rows {
    Hot(Arc<HotBatch>),
    Events(Arc<[StoredEvent]>),
}

impl EventBatch {
    /// The rows of a frame, from `first` on.
    pub(super) fn hot(batch: Arc<HotBatch>, journal: u64, frame: u64, first: usize) -> Self {
        Self {
            rows: Rows::Hot(batch),
            journal,
            frame,
            first,
        }
    }

    /// Events that come from elsewhere than a store's journal, such as those of a test; `number` orders batches.
    #[must_use]
    pub fn of_events(number: u64, events: Vec<StoredEvent>) -> Self {
        Self {
            rows: Rows::Events(events.into()),
            journal: number,
            frame: 0,
            first: 0,
        }
    }

    fn all(&self) -> usize {
        match &self.rows {
            Rows::Hot(batch) => batch.rows().len(),
            Rows::Events(events) => events.len(),
        }
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all().saturating_sub(self.first)
    }

    /// Says whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The events in their order, each with the position behind it.
    pub fn rows(&self) -> impl Iterator<Item = (Position, EventRow<'_>)> {
        (self.first..self.all()).filter_map(|place| {
            let row = match &self.rows {
                Rows::Hot(batch) => EventRow::hot(batch, batch.rows().get(place)?),
                Rows::Events(events) => EventRow::stored(events.get(place)?),
            };
            Some((Position::new(self.journal, self.frame, place + 1), row))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_written() {
        let position = Position::new(7, 4096, 2);
        assert_eq!(position.to_string(), "7.4096.2");
        assert_eq!("7.4096.2".parse(), Ok(position));
        assert!(position < "7.4097.0".parse().unwrap());
        assert!("10.0.0".parse::<Position>().unwrap() > position);
        for text in [
            "",
            "7",
            "7.1",
            "7.1.",
            "7.1.+2",
            "7.1.2.3",
            "7.1.4294967296",
            "-7.1.2",
        ] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
