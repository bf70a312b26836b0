//! Events by the values of a field.

use super::TimeRange;
use crate::store::error::QueryError;
use crate::store::filter::{Field, Filter};

/// Asks for the most frequent values of a field, and what there is of each.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupQuery {
    /// Which events.
    pub filter: Filter,
    /// When they happened.
    pub range: TimeRange,
    /// The field.
    pub by: Field,
    /// How many values at most: 1 to [`GroupQuery::MAX_LIMIT`].
    pub limit: usize,
    /// Whether to count the addresses and users of each value, which takes most of the time.
    pub distinct: bool,
}

impl GroupQuery {
    /// The most values of one answer.
    pub const MAX_LIMIT: usize = 1000;

    /// Checks the limit.
    ///
    /// # Errors
    ///
    /// [`QueryError::Groups`] if it is out of range.
    pub fn validate(&self) -> Result<(), QueryError> {
        if (1..=Self::MAX_LIMIT).contains(&self.limit) {
            Ok(())
        } else {
            Err(QueryError::Groups { given: self.limit })
        }
    }
}

/// The most frequent values of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups {
    /// The values, the most frequent first; equally frequent ones by their text.
    pub rows: Vec<Group>,
    /// How many values there are in all. Where it is not exact, there were too many to keep count of: the rarest
    /// were let go, so that the counts of values that are nearly as rare may be too low.
    pub values: Distinct,
    /// How many events there are in all, with the field or without.
    pub events: u64,
    /// How many of them are without the field.
    pub absent: u64,
}

/// The events of one value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The value, as filters compare it.
    pub value: String,
    /// How many events have it.
    pub events: u64,
    /// How many addresses they came from; 0 and not exact where that was not asked.
    pub ips: Distinct,
    /// How many users they are of; two users are the same if all their identifiers are. 0 and not exact where that
    /// was not asked.
    pub users: Distinct,
    /// When the first of them happened, in microseconds since the Unix epoch.
    pub first: i64,
    /// When the last of them happened, in microseconds since the Unix epoch.
    pub last: i64,
}

/// How many different values there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distinct {
    /// The number.
    pub count: u64,
    /// Whether it is exact; otherwise there are at least as many.
    pub exact: bool,
}
