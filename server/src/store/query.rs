//! Questions to the store, and their answers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::error::QueryError;
use super::event::{EventId, StoredEvent};

/// Which events a query is about. Every condition that is given must hold; the default takes every event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The application, exactly.
    pub app: Option<String>,
    /// The event's name, exactly.
    pub name: Option<String>,
    /// The client's address, exactly.
    pub ip: Option<IpAddr>,
    /// The user: the value of any of the identifiers, or `key:value` for one of them. A value that is not a string
    /// is compared by its JSON text.
    pub user: Option<String>,
    /// The earliest time, inclusive, in microseconds since the Unix epoch.
    pub from: Option<i64>,
    /// The latest time, exclusive, in microseconds since the Unix epoch.
    pub to: Option<i64>,
}

impl EventFilter {
    /// Says whether the event meets every condition.
    #[must_use]
    pub fn matches(&self, event: &StoredEvent) -> bool {
        self.time_matches(event.time)
            && self.app.as_ref().is_none_or(|app| *app == event.app)
            && self.name.as_ref().is_none_or(|name| *name == event.name)
            && self.ip.is_none_or(|ip| event.ip == Some(ip))
            && self.user.as_ref().is_none_or(|user| {
                event
                    .user
                    .as_ref()
                    .is_some_and(|identifiers| user_matches(identifiers, user))
            })
    }

    /// Says whether the time lies within `from` and `to`.
    #[must_use]
    pub fn time_matches(&self, time: i64) -> bool {
        self.from.is_none_or(|from| time >= from) && self.to.is_none_or(|to| time < to)
    }

    /// Says whether no event between the two times, both inclusive, can match.
    pub(super) fn excludes(&self, min: i64, max: i64) -> bool {
        self.from.is_some_and(|from| max < from) || self.to.is_some_and(|to| min >= to)
    }
}

/// Says whether an identifier's value, or its `key:value`, is `wanted`.
pub(super) fn user_matches(identifiers: &BTreeMap<String, Value>, wanted: &str) -> bool {
    identifiers.iter().any(|(key, value)| {
        let text;
        let value = match value {
            Value::String(value) => value.as_str(),
            other => {
                text = other.to_string();
                text.as_str()
            }
        };
        wanted == value
            || wanted
                .strip_prefix(key.as_str())
                .and_then(|rest| rest.strip_prefix(':'))
                .is_some_and(|rest| rest == value)
    })
}

/// Asks for events, newest first: by time, then by id, both descending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Which events.
    pub filter: EventFilter,
    /// How many at most: 1 to [`EventQuery::MAX_LIMIT`].
    pub limit: usize,
    /// Where the page before ended; `None` for the first page.
    pub cursor: Option<Cursor>,
}

impl EventQuery {
    /// The most events of one page.
    pub const MAX_LIMIT: usize = 1000;

    /// Asks for the newest `limit` events that the filter takes.
    #[must_use]
    pub fn new(filter: EventFilter, limit: usize) -> Self {
        Self {
            filter,
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

/// Asks how many events there are in each of the buckets that divide a time range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistogramQuery {
    /// Which events; its own `from` and `to`, if given, narrow the range further.
    pub filter: EventFilter,
    /// Where the first bucket starts, in microseconds since the Unix epoch.
    pub from: i64,
    /// Where the range ends, exclusive; the last bucket is cut there.
    pub to: i64,
    /// The width of a bucket, in microseconds.
    pub bucket: i64,
}

impl HistogramQuery {
    /// The most buckets of one histogram.
    pub const MAX_BUCKETS: u64 = 10_000;

    /// Checks the range and the width, and returns the number of buckets.
    ///
    /// # Errors
    ///
    /// [`QueryError::Range`], [`QueryError::BucketWidth`] or [`QueryError::TooManyBuckets`].
    pub fn validate(&self) -> Result<usize, QueryError> {
        if self.from >= self.to {
            return Err(QueryError::Range);
        }
        if self.bucket <= 0 {
            return Err(QueryError::BucketWidth { given: self.bucket });
        }
        let buckets = self
            .to
            .abs_diff(self.from)
            .div_ceil(self.bucket.unsigned_abs());
        usize::try_from(buckets)
            .ok()
            .filter(|_| buckets <= Self::MAX_BUCKETS)
            .ok_or(QueryError::TooManyBuckets { given: buckets })
    }

    /// The filter with its times narrowed to the range.
    pub(super) fn narrowed(&self) -> EventFilter {
        EventFilter {
            from: Some(
                self.filter
                    .from
                    .map_or(self.from, |from| from.max(self.from)),
            ),
            to: Some(self.filter.to.map_or(self.to, |to| to.min(self.to))),
            ..self.filter.clone()
        }
    }

    /// The bucket that a time within the range falls into.
    pub(super) fn bucket_of(&self, time: i64) -> Option<usize> {
        usize::try_from(time.abs_diff(self.from) / self.bucket.unsigned_abs()).ok()
    }
}

/// Counts of events over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Where the first bucket starts, in microseconds since the Unix epoch.
    pub from: i64,
    /// The width of a bucket, in microseconds.
    pub bucket: i64,
    /// The count of each bucket, in order of time.
    pub counts: Vec<u64>,
}
