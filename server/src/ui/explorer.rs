//! `GET /`: the events that the filters select, and how many there were when.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use sqreen::protocol::Timestamp;

use super::{access, chart, page};
use crate::api::{self, Params};
use crate::server::{App, blocking};
use crate::store::{
    Cursor, EventFilter, EventPage, EventQuery, EventStore, Histogram, HistogramQuery, StoreError,
};

/// The most bars of the histogram.
const BARS: i64 = 60;
const DAY: i64 = 86_400_000_000;

/// What a page shows.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) page: EventPage,
    pub(super) histogram: Histogram,
}

pub(super) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Response {
    if app.explorer.knows(&headers) {
        page(&app, &params).await
    } else {
        access::refuse("Sign in with the API token to see the events.")
    }
}

/// The page itself, for those who may see it.
pub(super) async fn page(app: &App, params: &Params) -> Response {
    // A form sends its empty fields too.
    let given: Params = params
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .cloned()
        .collect();
    let query = match api::parse(&given) {
        Ok(query) => query,
        Err(problem) => {
            let page = page::explorer(&given, &Err(problem.detail().to_owned()));
            return (StatusCode::BAD_REQUEST, page).into_response();
        }
    };
    let store = Arc::clone(&app.store);
    let found = blocking(move || find(&*store, &query))
        .await
        .and_then(|found| found);
    match found {
        Ok(found) => page::explorer(&given, &Ok(found)).into_response(),
        Err(error) => {
            tracing::error!(%error, "events not read");
            let text = "The event store cannot be read now.".to_owned();
            let page = page::explorer(&given, &Err(text));
            (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
        }
    }
}

fn find(store: &dyn EventStore, query: &EventQuery) -> Result<Found, StoreError> {
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
    Ok(Found { page, histogram })
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
    let mut link = String::from("/?");
    for (name, value) in params.iter().filter(|(name, _)| name != "cursor") {
        encode(name, &mut link);
        link.push('=');
        encode(value, &mut link);
        link.push('&');
    }
    link + &format!("cursor={next}")
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
