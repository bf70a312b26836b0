//! `/api/v1/events`: pages, counts, searches, the live stream, exports, and events one by one.
//!
//! All but the last take `filter`, in the language of [`Filter`](crate::store::Filter), and, but for the live stream, `from` and
//! `to`: RFC 3339 times or milliseconds since 1970, `to` exclusive.

mod counts;
mod csv;
mod export;
mod live;
mod one;
mod page;
mod scan;
mod search;
mod sse;
mod view;

pub(crate) use self::counts::bucket;
pub(crate) use self::export::answer as export;
pub(crate) use self::live::answer as live;
pub(crate) use self::scan::Scans;
pub(super) use self::scan::{Scan, place};
pub(crate) use self::sse::answer as sse_answer;
pub(crate) use self::sse::event as sse_event;
pub(crate) use self::view::EventView;
use super::READ;
use super::openapi::{Described, Operation, Param, Tag};
use super::params;
use crate::routes::get;
use crate::store::{GroupQuery, HistogramQuery};

pub(super) fn routes() -> Vec<Described> {
    let operation = |id, summary| Operation::new(Tag::Events, id, summary);
    let chosen = || [params::filter()].into_iter().chain(params::range());
    let by = || Param::text("by", "The field whose values are told apart", "ip");
    let bucket = "The width of a bucket in seconds; without it, one that makes 60 buckets at most";
    let grouped = Param::text(
        "by",
        "The field whose most frequent values, at most 1,000, are meant instead of events",
        "ip",
    );
    let format = Param::one_of("format", "The form of the file", &["csv", "ndjson"]);
    vec![
        get("/api/v1/events", READ, page::list).described(
            operation("listEvents", "Events, the newest first")
                .query(params::page())
                .answer::<page::Page>(200, "A page of events"),
        ),
        get("/api/v1/events/histogram", READ, counts::histogram).described(
            operation("countEvents", "Counts over time; the last day, unless a range is given")
                .query(chosen())
                .query([
                    Param::number("bucket_s", bucket, counts::MAX_BUCKET_S, 3_600)
                        .without_default(),
                    by(),
                    Param::number(
                        "series",
                        "How many of the most frequent values, with `by` alone",
                        HistogramQuery::MAX_SERIES,
                        counts::DEFAULT_SERIES,
                    ),
                ])
                .answer::<counts::HistogramView>(200, "The counts"),
        ),
        get("/api/v1/events/groups", READ, counts::groups).described(
            operation("groupEvents", "The most frequent values of a field")
                .query(chosen())
                .query([
                    by().required(),
                    params::limit(GroupQuery::MAX_LIMIT, counts::DEFAULT_GROUPS),
                ])
                .answer::<counts::GroupsView>(200, "Values with their events, addresses and users"),
        ),
        get("/api/v1/events/search", READ, search::search).described(
            operation("searchEvents", "A page of events as a stream, each as soon as it is certain")
                .query(params::page())
                .stream(
                    "Server-sent events: `found` with an `Event`, `progress` with `scanned` and `rows`, and at the end \
                     `done` with `next`, or `failed` with `detail`. A stream that ends with neither was cut off",
                ),
        ),
        get("/api/v1/events/live", READ, live::live).described(
            operation("followEvents", "Events as they are stored from now on")
                .query([params::filter()])
                .stream(
                    "Server-sent events: `found` with an `Event`; `missed` with the number of `events` that were stored \
                     while the reader was too slow, `null` if it is not known",
                ),
        ),
        get("/api/v1/events/{event}", READ, one::show).described(
            operation("getEvent", "One event")
                .query([
                    params::time("time", "Its time", "2026-11-23T00:00:00.000001Z").required(),
                ])
                .answer::<EventView>(200, "The event"),
        ),
        get("/api/v1/events/export", READ, export::export).described(
            operation("exportEvents", "All events that are meant, or the most frequent values of a field, as a file")
                .query([format.required()])
                .query(chosen())
                .query([grouped])
                .text(
                    "A file that is complete if it ends without an error: CSV by RFC 4180, or an `Event` on each line, \
                     a `Group` with `by`",
                    &["text/csv", "application/x-ndjson"],
                ),
        ),
    ]
}
