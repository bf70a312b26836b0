//! Counts of events over time.

use super::TimeRange;
use crate::store::error::QueryError;
use crate::store::filter::{Field, Filter};

/// Asks how many events there are in each of the buckets that divide a time range.
///
/// With a field in [`by`](Self::by), the counts are also given for each of its most frequent values.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramQuery {
    /// Which events.
    pub filter: Filter,
    /// Where the first bucket starts, in microseconds since the Unix epoch.
    pub from: i64,
    /// Where the range ends, exclusive; the last bucket is cut there.
    pub to: i64,
    /// The width of a bucket, in microseconds.
    pub bucket: i64,
    /// The field whose values are told apart.
    pub by: Option<Field>,
    /// How many of the values have counts of their own: 1 to [`HistogramQuery::MAX_SERIES`]. Without
    /// [`by`](Self::by) it says nothing.
    pub series: usize,
}

impl HistogramQuery {
    /// The most buckets of one histogram.
    pub const MAX_BUCKETS: u64 = 10_000;

    /// The most values with counts of their own.
    pub const MAX_SERIES: usize = 100;

    /// Counts all the events between the two times, in buckets of that width.
    #[must_use]
    pub fn new(filter: Filter, from: i64, to: i64, bucket: i64) -> Self {
        Self {
            filter,
            from,
            to,
            bucket,
            by: None,
            series: 10,
        }
    }

    /// Checks the range, the width and the number of series, and returns the number of buckets.
    ///
    /// # Errors
    ///
    /// [`QueryError::Range`], [`QueryError::BucketWidth`], [`QueryError::TooManyBuckets`] or
    /// [`QueryError::Series`].
    pub fn validate(&self) -> Result<usize, QueryError> {
        if self.from >= self.to {
            return Err(QueryError::Range);
        }
        if self.by.is_some() && !(1..=Self::MAX_SERIES).contains(&self.series) {
            return Err(QueryError::Series { given: self.series });
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

    /// The range of time.
    #[must_use]
    pub fn range(&self) -> TimeRange {
        TimeRange {
            from: Some(self.from),
            to: Some(self.to),
        }
    }

    /// The bucket that a time within the range falls into.
    pub(in crate::store) fn bucket_of(&self, time: i64) -> Option<usize> {
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
    /// The same counts by value, if a field was given.
    pub breakdown: Option<Breakdown>,
}

/// The counts of a histogram, told apart by the values of a field. Bucket by bucket, they add up to all counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// The most frequent values, the most frequent first; equally frequent ones by their text.
    pub series: Vec<Series>,
    /// The counts of all other values.
    pub other: Vec<u64>,
    /// The counts of the events without the field.
    pub absent: Vec<u64>,
}

/// The counts of one value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The value, as filters compare it.
    pub value: String,
    /// The count of each bucket, in order of time.
    pub counts: Vec<u64>,
}
