//! `GET /`: the events that the filters select, and how many there were when. Other pages list events as this one.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sqreen::protocol::Timestamp;

use super::access::{self, Reader};
use super::actions::Met;
use super::page;
use crate::api::{self, Given, Params, Problem};
use crate::server::{App, blocking};
use crate::store::{
    Cursor, EventPage, EventQuery, Histogram, HistogramQuery, StoreError, TimeRange,
};

const DAY: i64 = 86_400_000_000;

/// The events that a page lists.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) page: EventPage,
    /// What the client and the user of each event meet now.
    pub(super) actions: Vec<Met>,
    pub(super) histogram: Histogram,
}

/// Why a page lists no events.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) status: StatusCode,
    /// For people.
    pub(super) reason: String,
}

/// A page that lists events, and who looks at it.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    pub(super) reader: &'a Reader,
    pub(super) path: &'static str,
    pub(super) params: &'a Params,
}

impl Listing<'_> {
    /// Path and query of the page.
    pub(super) fn here(&self) -> String {
        link(self.path, pairs(self.params))
    }

    /// Path and query of the page after this one.
    pub(super) fn next(&self, next: Cursor) -> String {
        let kept = pairs(self.params).filter(|(name, _)| *name != "cursor");
        let next = next.to_string();
        link(self.path, kept.chain([("cursor", next.as_str())]))
    }
}

pub(super) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Response {
    match app.explorer.reader(&headers) {
        Some(reader) => page(&app, &reader, &params).await,
        None => access::refuse("Sign in with the API token to see the events."),
    }
}

/// The page itself, for those who may see it.
pub(super) async fn page(app: &App, reader: &Reader, params: &Params) -> Response {
    let given = given(params);
    let query = Given::new(given.clone()).and_then(Given::events);
    let found = read(app, query).await;
    let listing = Listing {
        reader,
        path: "/",
        params: &given,
    };
    (status(&found), page::explorer(&listing, &found)).into_response()
}

/// The parameters that say something: a form sends its empty fields too.
pub(super) fn given(params: &Params) -> Params {
    let given = params.iter().filter(|(_, value)| !value.trim().is_empty());
    given.cloned().collect()
}

/// The events that the query selects.
pub(super) async fn read(app: &App, query: Result<EventQuery, Problem>) -> Result<Found, Unread> {
    let query = query.map_err(|problem| Unread {
        status: StatusCode::BAD_REQUEST,
        reason: problem.detail().to_owned(),
    })?;
    let shared = Arc::clone(app);
    let found = blocking(move || find(&shared, &query)).await;
    found.and_then(|found| found).map_err(|error| {
        tracing::error!(%error, "events not read");
        Unread {
            status: StatusCode::SERVICE_UNAVAILABLE,
            reason: "The event store cannot be read now.".to_owned(),
        }
    })
}

/// The status of a page that lists this.
pub(super) fn status(found: &Result<Found, Unread>) -> StatusCode {
    match found {
        Ok(_) => StatusCode::OK,
        Err(unread) => unread.status,
    }
}

fn find(app: &App, query: &EventQuery) -> Result<Found, StoreError> {
    let store = &app.store;
    let page = store.query(query)?;
    let (from, to) = range(query.range, page.events.first().map(|event| event.time));
    let bucket = api::bucket(from, to);
    let histogram =
        store.histogram(&HistogramQuery::new(query.filter.clone(), from, to, bucket))?;
    let actions = page
        .events
        .iter()
        .map(|event| Met::by(app, event))
        .collect();
    Ok(Found {
        page,
        actions,
        histogram,
    })
}

/// The range asked for; what is missing of it is the day before now, or before the newest event.
fn range(asked: TimeRange, newest: Option<i64>) -> (i64, i64) {
    let now = Timestamp::now().as_micros();
    let until = newest
        .filter(|newest| now.saturating_sub(*newest) > DAY)
        .unwrap_or(now);
    let to = asked.to.unwrap_or_else(|| until.saturating_add(1));
    let from = asked.from.unwrap_or_else(|| to.saturating_sub(DAY));
    (from.min(to.saturating_sub(1)), to)
}

fn pairs(params: &Params) -> impl Iterator<Item = (&str, &str)> {
    params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Path and query.
pub(super) fn link<'a>(path: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut link = path.to_owned();
    for (place, (name, value)) in params.into_iter().enumerate() {
        link.push(if place == 0 { '?' } else { '&' });
        encode(name, &mut link);
        link.push('=');
        encode(value, &mut link);
    }
    link
}

fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}
