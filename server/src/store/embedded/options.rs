//! How an embedded store behaves.

use std::time::Duration;

/// Options of an [`EmbeddedStore`](super::EmbeddedStore). The defaults suit a server of one or two cores.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreOptions {
    /// Hot rows are sealed into a segment when there are this many of them. Default 100,000.
    pub seal_rows: usize,
    /// Hot rows are sealed when, encoded as JSON, they take this many bytes of memory; the journal, which is
    /// compressed, stays below it. Default 64 MiB.
    pub seal_bytes: usize,
    /// Hot rows are sealed when the oldest is in memory for so long, however few they are. Default 1 hour.
    pub seal_age: Duration,
    /// Segments whose rows are all older than this are deleted. Default: none are.
    ///
    /// A segment goes as a whole, so a row outlives the age by as much as the youngest row of its segment is younger.
    /// A row is as old as its event, or as its receipt where a client claims a later time.
    pub retention_age: Option<Duration>,
    /// While all segments take more bytes than this, the oldest is deleted, by its youngest row. The journal and the
    /// rows in memory, at most four times [`seal_bytes`](Self::seal_bytes), are not counted. Default: no limit.
    pub retention_bytes: Option<u64>,
    /// Once the store had a consumer, sealed journals that it has not released are kept, up to this many bytes; beyond
    /// it the oldest is dropped, as is one that is older than [`retention_age`](Self::retention_age), and the consumer
    /// told of what it missed. Default 1 GiB.
    pub kept_bytes: u64,
    /// How long the id of an event is remembered, to recognise it if it is sent again. Default 24 hours.
    pub dedupe_window: Duration,
    /// The most ids that are remembered, at 11 to 15 bytes of memory each; beyond it the oldest eighth is forgotten, and
    /// counted in [`StoreStats::dedupe_forgotten`](crate::store::StoreStats::dedupe_forgotten). Default 4,000,000.
    pub dedupe_ids: usize,
}

impl StoreOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            seal_rows: 100_000,
            seal_bytes: 64 << 20,
            seal_age: Duration::from_secs(60 * 60),
            retention_age: None,
            retention_bytes: None,
            kept_bytes: 1 << 30,
            dedupe_window: Duration::from_secs(24 * 60 * 60),
            dedupe_ids: 4_000_000,
        }
    }

    /// Sets [`seal_rows`](Self::seal_rows).
    #[must_use]
    pub fn seal_rows(mut self, rows: usize) -> Self {
        self.seal_rows = rows;
        self
    }

    /// Sets [`seal_bytes`](Self::seal_bytes).
    #[must_use]
    pub fn seal_bytes(mut self, bytes: usize) -> Self {
        self.seal_bytes = bytes;
        self
    }

    /// Sets [`seal_age`](Self::seal_age).
    #[must_use]
    pub fn seal_age(mut self, age: Duration) -> Self {
        self.seal_age = age;
        self
    }

    /// Sets [`retention_age`](Self::retention_age).
    #[must_use]
    pub fn retention_age(mut self, age: Duration) -> Self {
        self.retention_age = Some(age);
        self
    }

    /// Sets [`retention_bytes`](Self::retention_bytes).
    #[must_use]
    pub fn retention_bytes(mut self, bytes: u64) -> Self {
        self.retention_bytes = Some(bytes);
        self
    }

    /// Sets [`kept_bytes`](Self::kept_bytes).
    #[must_use]
    pub fn kept_bytes(mut self, bytes: u64) -> Self {
        self.kept_bytes = bytes;
        self
    }

    /// Sets [`dedupe_window`](Self::dedupe_window).
    #[must_use]
    pub fn dedupe_window(mut self, window: Duration) -> Self {
        self.dedupe_window = window;
        self
    }

    /// Sets [`dedupe_ids`](Self::dedupe_ids).
    #[must_use]
    pub fn dedupe_ids(mut self, ids: usize) -> Self {
        self.dedupe_ids = ids;
        self
    }
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self::new()
    }
}
