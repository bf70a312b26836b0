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

pub(crate) use self::counts::bucket;
pub(crate) use self::export::answer as export;
pub(crate) use self::live::answer as live;
pub(crate) use self::scan::Scans;
pub(super) use self::scan::{Scan, place};
pub(super) use self::sse::answer as sse_answer;
pub(crate) use self::sse::event as sse_event;
pub(crate) use self::view::EventView;
use crate::routes::{Endpoint, Needs, get};
use crate::state::Role;

pub(super) fn routes() -> Vec<Endpoint> {
    const READ: Needs = Needs::Api(Role::Viewer);
    vec![
        get("/api/v1/events", READ, page::list),
        get("/api/v1/events/histogram", READ, counts::histogram),
        get("/api/v1/events/groups", READ, counts::groups),
        get("/api/v1/events/search", READ, search::search),
        get("/api/v1/events/live", READ, live::live),
        get("/api/v1/events/export", READ, export::export),
    ]
}
