//! Questions to the store, and their answers.

mod group;
mod histogram;
mod search;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::group::{Distinct, Group, GroupQuery, Groups};
pub use self::histogram::{Breakdown, Histogram, HistogramQuery, Series};
pub use self::search::{ScanMonitor, Searched, Step};
use super::error::QueryError;
use super::event::{EventId, StoredEvent};
use super::filter::Filter;

/// A range of time, in microseconds since the Unix epoch; the default is all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// The earliest time, inclusive.
    pub from: Option<i64>,
    /// The latest time, exclusive.
    pub to: Option<i64>,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        from: None,
        to: None,
    };

    /// Says whether the time lies within.
    #[must_use]
    pub fn contains(&self, time: i64) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    /// Says whether nothing between the two times, both inclusive, lies within.
    pub(super) fn excludes(&self, min: i64, max: i64) -> bool {
        self.from.is_some_and(|from| max < from) || self.to.is_some_and(|to| min >= to)
    }

    /// Says whether all between the two times, both inclusive, lies within.
    pub(super) fn covers(&self, min: i64, max: i64) -> bool {
        self.contains(min) && self.contains(max)
    }
}

/// Asks for events, newest first: by time, then by id, both descending.
#[derive(Clone, Debug, PartialEq)]
pub struct EventQuery {
    /// Which events.
    pub filter: Filter,
    /// When they happened.
    pub range: TimeRange,
    /// How many at most: 1 to [`EventQuery::MAX_LIMIT`].
    pub limit: usize,
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<Cursor>,
}

impl EventQuery {
    /// The most events of one page.
    pub const MAX_LIMIT: usize = 1000;

    /// Asks for the newest `limit` events that the filter takes, of all of time.
    #[must_use]
    pub fn new(filter: Filter, limit: usize) -> Self {
        Self {
            filter,
            range: TimeRange::ALL,
            limit,
            cursor: None,
        }
    }

    /// Checks the limit.
    ///
    /// # Errors
    ///
    /// [`QueryError::Limit`] if it is out of range.
    pub fn validate(&self) -> Result<(), QueryError> {
        if (1..=Self::MAX_LIMIT).contains(&self.limit) {
            Ok(())
        } else {
            Err(QueryError::Limit { given: self.limit })
        }
    }
}

/// The place of an event in the order of [`EventQuery`]: opaque text to clients.
///
/// Paging by cursor is stable: events that arrive between two pages neither repeat nor hide others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(super) time: i64,
    pub(super) id: EventId,
}

impl Cursor {
    /// The place of the event.
    #[must_use]
    pub fn of(event: &StoredEvent) -> Self {
        Self {
            time: event.time,
            id: event.id,
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:016x}{:032x}",
            self.time,
            u128::from_be_bytes(*self.id.as_bytes())
        )
    }
}

impl FromStr for Cursor {
    type Err = QueryError;

    fn from_str(text: &str) -> Result<Self, QueryError> {
        // `from_str_radix` would take a sign.
        if text.len() != 48 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(QueryError::Cursor);
        }
        let (time, id) = text.split_at(16);
        let time = u64::from_str_radix(time, 16).map_err(|_| QueryError::Cursor)?;
        let id = u128::from_str_radix(id, 16).map_err(|_| QueryError::Cursor)?;
        Ok(Self {
            time: time.cast_signed(),
            id: EventId::from_bytes(id.to_be_bytes()),
        })
    }
}

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One page of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPage {
    /// The events, newest first.
    pub events: Vec<StoredEvent>,
    /// Where the next page starts; `None` if this was the last.
    pub next: Option<Cursor>,
}
