//! `GET /api/v1/events`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::super::params::Given;
use super::super::problem::Problem;
use super::view::EventView;
use crate::server::{App, scanning};
use crate::store::Cursor;

#[derive(Debug, Serialize)]
pub(super) struct Page {
    events: Vec<EventView>,
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
