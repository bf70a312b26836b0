//! `GET /api/v1/events/search`: a page of events, each sent as soon as it is certain to be the next.
//!
//! `found` is an event as in a page, `progress` tells `scanned` of `rows` about ten times a second, `done` ends the
//! page with its `next`, and `failed` ends it where the store could not be read. A stream that ends with neither was
//! cut off. Closing the connection cancels the search.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use serde_json::{Value, json};

use super::super::Bearer;
use super::super::params::Given;
use super::super::problem::Problem;
use super::scan::{Outlet, Scan, place};
use super::sse;
use super::view::EventView;
use crate::server::App;
use crate::store::{EventQuery, EventStore, ScanMonitor, Step, StoreError};

/// How often progress is told, at most.
const PACE: Duration = Duration::from_millis(100);

/// Takes what a page takes.
pub(super) async fn search(
    _: Bearer,
    State(app): State<App>,
    given: Given,
) -> Result<Response, Problem> {
    let query = given.events()?;
    let place = place(&app.scans.searches)?;
    let store = Arc::clone(&app.store);
    let scan = Scan::start(&app, place, move |outlet| run(&*store, &query, outlet));
    Ok(sse::answer(stream::unfold(scan, |mut scan| async {
        let event = scan.next().await?.ok()?;
        Some((Ok::<_, Infallible>(event), scan))
    })))
}

fn run(
    store: &dyn EventStore,
    query: &EventQuery,
    outlet: &Outlet<Event>,
) -> Result<bool, StoreError> {
    let monitor = &outlet.monitor;
    let mut told: Option<Instant> = None;
    let searched = store.search(query, monitor, &mut |step| match step {
        Step::Event(event) => outlet.send(sse::event("found", &EventView::from(*event))),
        Step::Progress if told.is_none_or(|told| told.elapsed() >= PACE) => {
            told = Some(Instant::now());
            outlet.send(sse::event("progress", &progress(monitor)));
        }
        Step::Progress => {}
    });
    match searched {
        Ok(searched) if searched.cancelled => Ok(false),
        Ok(searched) => {
            let mut done = progress(monitor);
            if let Some(done) = done.as_object_mut() {
                done.insert("next".to_owned(), json!(searched.next));
            }
            outlet.send(sse::event("done", &done));
            Ok(true)
        }
        Err(error) => {
            let detail = "the event store cannot be read now";
            outlet.send(sse::event("failed", &json!({"detail": detail})));
            Err(error)
        }
    }
}

fn progress(monitor: &ScanMonitor) -> Value {
    json!({"scanned": monitor.scanned(), "rows": monitor.rows()})
}
