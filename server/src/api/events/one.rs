//! `GET /api/v1/events/{event}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};

use super::super::params::Given;
use super::super::problem::Problem;
use super::view::EventView;
use crate::server::{App, blocking};
use crate::store::EventId;

/// Takes `time`, since events are found by their time.
pub(super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    mut given: Given,
) -> Result<Json<EventView>, Problem> {
    let time = given.time("time")?;
    given.end()?;
    let time = time.ok_or_else(|| Problem::field("time", "time: missing; that of the event"))?;
    let id: EventId = id.parse().map_err(|_| Problem::not_found())?;
    let store = Arc::clone(&app.store);
    let event = blocking(move || store.find(id, time)).await??;
    event
        .map(|event| Json(event.into()))
        .ok_or_else(Problem::not_found)
}
