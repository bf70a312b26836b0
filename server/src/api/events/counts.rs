//! `GET /api/v1/events/histogram` and `GET /api/v1/events/groups`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

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
const MAX_BUCKET_S: usize = 3_660 * 86_400;

const DEFAULT_SERIES: usize = 10;
const DEFAULT_GROUPS: usize = 20;

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
) -> Result<Json<Value>, Problem> {
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
    Ok(Json(histogram_view(histogram, to)))
}

fn histogram_view(histogram: Histogram, to: i64) -> Value {
    let mut view = json!({
        "from": Timestamp::from_micros(histogram.from),
        "to": Timestamp::from_micros(to),
        "bucket_s": histogram.bucket / SECOND,
        "counts": histogram.counts,
    });
    let breakdown = |Breakdown {
                         series,
                         other,
                         absent,
                     }| {
        let series: Vec<_> = series
            .into_iter()
            .map(|series| json!({"value": series.value, "counts": series.counts}))
            .collect();
        json!({"series": series, "other": other, "absent": absent})
    };
    if let Some(Value::Object(breakdown)) = histogram.breakdown.map(breakdown)
        && let Some(view) = view.as_object_mut()
    {
        view.extend(breakdown);
    }
    view
}

/// Takes `filter from to by limit`.
pub(super) async fn groups(
    State(app): State<App>,
    mut given: Given,
) -> Result<Json<Value>, Problem> {
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
    Ok(Json(groups_view(&groups)))
}

fn groups_view(groups: &Groups) -> Value {
    let group = |group: &Group| {
        json!({
            "value": group.value,
            "events": group.events,
            "ips": distinct(group.ips),
            "users": distinct(group.users),
            "first": Timestamp::from_micros(group.first),
            "last": Timestamp::from_micros(group.last),
        })
    };
    json!({
        "groups": groups.rows.iter().map(group).collect::<Vec<_>>(),
        "values": distinct(groups.values),
        "events": groups.events,
        "absent": groups.absent,
    })
}

fn distinct(distinct: Distinct) -> Value {
    json!({"count": distinct.count, "exact": distinct.exact})
}
