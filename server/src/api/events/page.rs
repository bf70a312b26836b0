//! `GET /api/v1/events`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::super::params::Given;
use super::super::problem::Problem;
use super::view::EventView;
use crate::server::{App, scanning};
use crate::store::Cursor;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EventPage")]
pub(super) struct Page {
    events: Vec<EventView>,
    /// The `cursor` of the page after; `null` if this is the last.
    next: Option<Cursor>,
}

pub(super) async fn list(State(app): State<App>, given: Given) -> Result<Json<Page>, Problem> {
    let query = given.events()?;
    let store = Arc::clone(&app.store);
    let page = scanning(move |monitor| store.query(&query, monitor)).await?;
    Ok(Json(Page {
        events: page.events.into_iter().map(EventView::from).collect(),
        next: page.next,
    }))
}
