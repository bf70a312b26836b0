//! The events of one append.

use super::embedded::BatchBuilder;
use super::error::StoreError;
use super::event::StoredEvent;

/// Events that are to be stored together, each encoded as it comes, so that none is held in any other form.
#[derive(Debug)]
pub struct AppendBatch {
    pub(super) rows: BatchBuilder,
    limit: usize,
}

impl AppendBatch {
    /// The most bytes of one append, encoded.
    pub const MAX_BYTES: usize = 32 << 20;

    /// An empty batch that takes [`MAX_BYTES`](Self::MAX_BYTES).
    #[must_use]
    pub fn new() -> Self {
        Self::with_limit(Self::MAX_BYTES)
    }

    /// An empty batch that takes this many bytes encoded, at most [`MAX_BYTES`](Self::MAX_BYTES).
    #[must_use]
    pub fn with_limit(bytes: usize) -> Self {
        Self {
            rows: BatchBuilder::default(),
            limit: bytes.min(Self::MAX_BYTES),
        }
    }

    /// A batch of these events.
    ///
    /// # Errors
    ///
    /// Those of [`push`](Self::push).
    pub fn of(events: &[StoredEvent]) -> Result<Self, StoreError> {
        let mut batch = Self::new();
        for event in events {
            batch.push(event)?;
        }
        Ok(batch)
    }

    /// Adds an event. One that is refused leaves no trace in the batch, which takes others still.
    ///
    /// The limits of an event are 1 MiB, and 100 levels of nesting in each JSON field.
    ///
    /// # Errors
    ///
    /// [`StoreError::EventTooLarge`] or [`StoreError::EventTooDeep`], with the place that the event would have had, or
    /// [`StoreError::AppendTooLarge`] if the batch has no room for it.
    pub fn push(&mut self, event: &StoredEvent) -> Result<(), StoreError> {
        self.rows.push_event_within(event, self.limit)
    }

    /// How many events there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.rows()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes that the events take in memory and, before compression, in a journal.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.len()
    }
}

impl Default for AppendBatch {
    fn default() -> Self {
        Self::new()
    }
}
