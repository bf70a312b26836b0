//! `GET /`: the events that the filters select, and how many there were when.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sqreen::protocol::Timestamp;

use super::access::{self, Reader};
use super::actions::Met;
use super::{chart, page};
use crate::api::{self, Params};
use crate::server::{App, blocking};
use crate::store::{
    Cursor, EventFilter, EventPage, EventQuery, Histogram, HistogramQuery, StoreError,
};

/// The most bars of the histogram.
const BARS: i64 = 60;
const DAY: i64 = 86_400_000_000;

/// What a page shows.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) page: EventPage,
    /// What the client and the user of each event meet now.
    pub(super) actions: Vec<Met>,
    pub(super) histogram: Histogram,
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
    // A form sends its empty fields too.
    let given: Params = params
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .cloned()
        .collect();
    let query = match api::parse(&given) {
        Ok(query) => query,
        Err(problem) => {
            let page = page::explorer(reader, &given, &Err(problem.detail().to_owned()));
            return (StatusCode::BAD_REQUEST, page).into_response();
        }
    };
    let shared = Arc::clone(app);
    let found = blocking(move || find(&shared, &query))
        .await
        .and_then(|found| found);
    match found {
        Ok(found) => page::explorer(reader, &given, &Ok(found)).into_response(),
        Err(error) => {
            tracing::error!(%error, "events not read");
            let text = "The event store cannot be read now.".to_owned();
            let page = page::explorer(reader, &given, &Err(text));
            (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
        }
    }
}

fn find(app: &App, query: &EventQuery) -> Result<Found, StoreError> {
    let store = &app.store;
    let page = store.query(query)?;
    let (from, to) = range(&query.filter, page.events.first().map(|event| event.time));
    let width = to.saturating_sub(from);
    let bucket = chart::round_up(width / BARS + i64::from(width % BARS != 0));
    let histogram = store.histogram(&HistogramQuery {
        filter: query.filter.clone(),
        from,
        to,
        bucket,
    })?;
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
fn range(filter: &EventFilter, newest: Option<i64>) -> (i64, i64) {
    let now = Timestamp::now().as_micros();
    let until = newest
        .filter(|newest| now.saturating_sub(*newest) > DAY)
        .unwrap_or(now);
    let to = filter.to.unwrap_or_else(|| until.saturating_add(1));
    let from = filter.from.unwrap_or_else(|| to.saturating_sub(DAY));
    (from.min(to.saturating_sub(1)), to)
}

/// Path and query of the page after this one.
pub(super) fn next_link(params: &Params, next: Cursor) -> String {
    let kept = params.iter().filter(|(name, _)| name != "cursor");
    let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
    link("/", kept.chain([("cursor", next.to_string().as_str())]))
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
