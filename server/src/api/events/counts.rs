//! `GET /api/v1/events/histogram` and `GET /api/v1/events/groups`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sqreen::protocol::Timestamp;

use super::super::openapi::Time;
use super::super::params::Given;
use super::super::problem::Problem;
use crate::server::{App, scanning};
use crate::store::{
    Breakdown, Distinct, Group, GroupQuery, Groups, Histogram, HistogramQuery, QueryError,
    StoreError,
};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The most buckets that a histogram has whose width nobody chose.
const BUCKETS: i64 = 60;

/// Some ten years, in seconds.
pub(super) const MAX_BUCKET_S: usize = 3_660 * 86_400;

pub(super) const DEFAULT_SERIES: usize = 10;
pub(super) const DEFAULT_GROUPS: usize = 20;

/// The widths that people are used to, in microseconds.
const WIDTHS: [i64; 13] = [
    SECOND,
    5 * SECOND,
    15 * SECOND,
    60 * SECOND,
    300 * SECOND,
    900 * SECOND,
    1_800 * SECOND,
    3_600 * SECOND,
    3 * 3_600 * SECOND,
    12 * 3_600 * SECOND,
    DAY,
    7 * DAY,
    30 * DAY,
];

/// The width of a bucket that divides the range into 60 at most, in microseconds: one that people are used to, unless
/// that is beyond 30 days.
pub(crate) fn bucket(from: i64, to: i64) -> i64 {
    let range = to.saturating_sub(from);
    let width = range / BUCKETS + i64::from(range % BUCKETS != 0);
    let known = WIDTHS.into_iter().find(|known| *known >= width);
    known.unwrap_or(width)
}

/// Takes `filter from to bucket_s by series`. Without `to` the range ends now, without `from` it is a day long.
pub(super) async fn histogram(
    State(app): State<App>,
    mut given: Given,
) -> Result<Json<HistogramView>, Problem> {
    let (filter, range) = (given.filter()?, given.range()?);
    let to = range.to.unwrap_or_else(|| Timestamp::now().as_micros());
    let from = range.from.unwrap_or_else(|| to.saturating_sub(DAY));
    let chosen = given.number("bucket_s", MAX_BUCKET_S)?;
    let chosen = chosen
        .and_then(|seconds| i64::try_from(seconds).ok())
        .map(|seconds| seconds.saturating_mul(SECOND));
    let by = given.field("by")?;
    let series = given.number("series", HistogramQuery::MAX_SERIES)?;
    if by.is_none() && series.is_some() {
        return Err(Problem::field("series", "series: only with by"));
    }
    given.end()?;
    let query = HistogramQuery {
        by,
        series: series.unwrap_or(DEFAULT_SERIES),
        ..HistogramQuery::new(filter, from, to, chosen.unwrap_or_else(|| bucket(from, to)))
    };
    let store = Arc::clone(&app.store);
    let histogram = scanning(move |monitor| store.histogram(&query, monitor)).await;
    let histogram = histogram.map_err(|error| match error {
        StoreError::Query(QueryError::TooManyBuckets { given }) => {
            let most = HistogramQuery::MAX_BUCKETS;
            let detail = format!("bucket_s: the range holds {given} buckets, the limit is {most}");
            Problem::field("bucket_s", detail)
        }
        error => error.into(),
    })?;
    Ok(Json(HistogramView::new(histogram, to)))
}

/// Counts over time.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Histogram")]
pub(super) struct HistogramView {
    /// Where the first bucket begins.
    #[schemars(with = "Time")]
    from: Timestamp,
    #[schemars(with = "Time")]
    to: Timestamp,
    /// The width of a bucket, in seconds.
    bucket_s: i64,
    /// The count of each bucket, in order of time.
    counts: Vec<u64>,
    #[serde(flatten)]
    breakdown: Option<BreakdownView>,
}

/// The same counts by the values of `by`; bucket by bucket, they add up to all.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Breakdown")]
struct BreakdownView {
    /// The most frequent values.
    series: Vec<SeriesView>,
    /// The counts of all other values.
    other: Vec<u64>,
    /// The counts of the events without the field.
    absent: Vec<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Series")]
struct SeriesView {
    value: String,
    counts: Vec<u64>,
}

impl HistogramView {
    fn new(histogram: Histogram, to: i64) -> Self {
        Self {
            from: Timestamp::from_micros(histogram.from),
            to: Timestamp::from_micros(to),
            bucket_s: histogram.bucket / SECOND,
            counts: histogram.counts,
            breakdown: histogram.breakdown.map(BreakdownView::from),
        }
    }
}

impl From<Breakdown> for BreakdownView {
    fn from(breakdown: Breakdown) -> Self {
        let series = breakdown.series.into_iter().map(|series| SeriesView {
            value: series.value,
            counts: series.counts,
        });
        Self {
            series: series.collect(),
            other: breakdown.other,
            absent: breakdown.absent,
        }
    }
}

/// Takes `filter from to by limit`.
pub(super) async fn groups(
    State(app): State<App>,
    mut given: Given,
) -> Result<Json<GroupsView>, Problem> {
    let (filter, range) = (given.filter()?, given.range()?);
    let by = given.field("by")?;
    let limit = given.number("limit", GroupQuery::MAX_LIMIT)?;
    given.end()?;
    let query = GroupQuery {
        filter,
        range,
        by: by.ok_or_else(|| Problem::field("by", "by: missing; it is a field, such as `ip`"))?,
        limit: limit.unwrap_or(DEFAULT_GROUPS),
        distinct: true,
    };
    let store = Arc::clone(&app.store);
    let groups = scanning(move |monitor| store.groups(&query, monitor)).await?;
    Ok(Json(groups.into()))
}

/// The most frequent values of a field.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Groups")]
pub(super) struct GroupsView {
    /// The most frequent first.
    groups: Vec<GroupView>,
    /// How many values there are in all.
    values: DistinctView,
    /// How many events there are in all, with the field or without.
    events: u64,
    /// How many of them are without the field.
    absent: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Group")]
pub(super) struct GroupView {
    value: String,
    events: u64,
    /// How many addresses they came from.
    ips: DistinctView,
    /// How many users they are of.
    users: DistinctView,
    #[schemars(with = "Time")]
    first: Timestamp,
    #[schemars(with = "Time")]
    last: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Distinct")]
struct DistinctView {
    count: u64,
    /// Otherwise there are at least as many.
    exact: bool,
}

impl From<Groups> for GroupsView {
    fn from(groups: Groups) -> Self {
        Self {
            groups: groups.rows.into_iter().map(GroupView::from).collect(),
            values: groups.values.into(),
            events: groups.events,
            absent: groups.absent,
        }
    }
}

impl From<Group> for GroupView {
    fn from(group: Group) -> Self {
        Self {
            value: group.value,
            events: group.events,
            ips: group.ips.into(),
            users: group.users.into(),
            first: Timestamp::from_micros(group.first),
            last: Timestamp::from_micros(group.last),
        }
    }
}

impl From<Distinct> for DistinctView {
    fn from(distinct: Distinct) -> Self {
        Self {
            count: distinct.count,
            exact: distinct.exact,
        }
    }
}
