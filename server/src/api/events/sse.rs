//! Server-sent events, each a name and one line of JSON.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde::Serialize;

/// One event of the stream.
pub(crate) fn event(name: &str, data: &impl Serialize) -> Event {
    let event = Event::default().event(name);
    // Views are texts, numbers and JSON: nothing of them can fail to be written.
    event.json_data(data).unwrap_or_default()
}

/// The answer; lines of comment show every 15 seconds that the stream lives.
pub(crate) fn answer(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response {
    // Proxies of the nginx kind would hold events back.
    let unbuffered = [("x-accel-buffering", "no")];
    let events = Sse::new(events).keep_alive(KeepAlive::default());
    (unbuffered, events).into_response()
}
