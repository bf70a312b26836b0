//! `/api/v1/events`: pages, counts, searches, the live stream and exports.
//!
//! All take `filter`, in the language of [`Filter`](crate::store::Filter), and, but for the live stream, `from` and
//! `to`: RFC 3339 times or milliseconds since 1970, `to` exclusive.

mod counts;
mod csv;
mod export;
mod live;
mod page;
mod scan;
mod search;
mod sse;
mod view;

use axum::Router;
use axum::routing::get;

pub(crate) use self::counts::bucket;
pub(crate) use self::export::answer as export;
pub(crate) use self::live::answer as live;
pub(crate) use self::scan::Scans;
pub(crate) use self::sse::event as sse_event;
pub(crate) use self::view::EventView;
use crate::server::App;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/events", get(page::list))
        .route("/api/v1/events/histogram", get(counts::histogram))
        .route("/api/v1/events/groups", get(counts::groups))
        .route("/api/v1/events/search", get(search::search))
        .route("/api/v1/events/live", get(live::live))
        .route("/api/v1/events/export", get(export::export))
}
