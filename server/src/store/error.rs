//! What can go wrong in the store.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// An error of an [`EventStore`](super::EventStore).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused. The store stays usable: reads go on, and the next append tries again.
    Io {
        /// What the store was doing.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer; shared, since one failed write answers many appends.
        source: Arc<io::Error>,
    },
    /// Another process, or another store of this one, has the data directory open.
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// The store was closed.
    Closed,
    /// More appends are waiting than the store holds in memory, or sealing fails and rows pile up. Try again later.
    Overloaded,
    /// An event is larger than the store takes.
    EventTooLarge {
        /// The event's place in the append, from 0.
        index: usize,
        /// Its size encoded as JSON, in bytes.
        bytes: usize,
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// A JSON field of an event is nested deeper than the store takes.
    EventTooDeep {
        /// The event's place in the append, from 0.
        index: usize,
        /// The field.
        field: &'static str,
        /// The most levels that are taken.
        limit: usize,
    },
    /// The events of one append are larger, together, than the store takes.
    AppendTooLarge {
        /// Their size encoded as JSON, in bytes.
        bytes: usize,
        /// The most that is taken, in bytes.
        limit: usize,
    },
    /// Whoever asked needs the answer no longer, and cancelled the scan.
    Cancelled,
    /// The question itself is wrong.
    Query(QueryError),
    /// The store failed inside; the text says how.
    Internal(String),
}

impl StoreError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source: Arc::new(source),
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, .. } => {
                write!(f, "store: {action} failed: {}", path.display())
            }
            Self::Locked { dir } => write!(
                f,
                "store: data directory is in use by another process: {}",
                dir.display()
            ),
            Self::Closed => f.write_str("store: closed"),
            Self::Overloaded => f.write_str("store: overloaded, too much is waiting to be written"),
            Self::EventTooLarge {
                index,
                bytes,
                limit,
            } => {
                write!(f, "event {index} takes {bytes} bytes, the limit is {limit}")
            }
            Self::EventTooDeep {
                index,
                field,
                limit,
            } => {
                write!(
                    f,
                    "event {index}: {field} is nested deeper than {limit} levels"
                )
            }
            Self::AppendTooLarge { bytes, limit } => {
                write!(
                    f,
                    "the events take {bytes} bytes together, the limit is {limit}"
                )
            }
            Self::Cancelled => f.write_str("store: the scan was cancelled"),
            Self::Query(error) => error.fmt(f),
            Self::Internal(text) => write!(f, "store: {text}"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(&**source),
            Self::Query(error) => Some(error),
            _ => None,
        }
    }
}

impl From<QueryError> for StoreError {
    fn from(error: QueryError) -> Self {
        Self::Query(error)
    }
}

/// A query that no store could answer; each names the field at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueryError {
    /// `limit` is not within 1 to [`EventQuery::MAX_LIMIT`](super::EventQuery::MAX_LIMIT).
    Limit {
        /// The limit asked for.
        given: usize,
    },
    /// `cursor` is none that a page ended with.
    Cursor,
    /// `from` is not before `to`.
    Range,
    /// `bucket` is not above 0.
    BucketWidth {
        /// The width asked for, in microseconds.
        given: i64,
    },
    /// `series` is not within 1 to [`HistogramQuery::MAX_SERIES`](super::HistogramQuery::MAX_SERIES).
    Series {
        /// The number asked for.
        given: usize,
    },
    /// `limit` is not within 1 to [`GroupQuery::MAX_LIMIT`](super::GroupQuery::MAX_LIMIT).
    Groups {
        /// The limit asked for.
        given: usize,
    },
    /// The range holds more than [`HistogramQuery::MAX_BUCKETS`](super::HistogramQuery::MAX_BUCKETS) buckets.
    TooManyBuckets {
        /// The number of buckets asked for.
        given: u64,
    },
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Limit { given } => {
                write!(
                    f,
                    "limit: {given} is not within 1 to {}",
                    super::EventQuery::MAX_LIMIT
                )
            }
            Self::Cursor => f.write_str("cursor: not a cursor of this store"),
            Self::Range => f.write_str("from: must be before to"),
            Self::BucketWidth { given } => write!(f, "bucket: {given} microseconds is not above 0"),
            Self::Series { given } => write!(
                f,
                "series: {given} is not within 1 to {}",
                super::HistogramQuery::MAX_SERIES
            ),
            Self::Groups { given } => write!(
                f,
                "limit: {given} is not within 1 to {}",
                super::GroupQuery::MAX_LIMIT
            ),
            Self::TooManyBuckets { given } => {
                write!(
                    f,
                    "bucket: the range holds {given} buckets, the limit is {}",
                    super::HistogramQuery::MAX_BUCKETS
                )
            }
        }
    }
}

impl std::error::Error for QueryError {}
