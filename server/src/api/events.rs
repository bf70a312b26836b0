//! `GET /api/v1/events`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Serialize;

use super::Bearer;
use super::filter::{self, Params};
use super::problem::Problem;
use super::view::EventView;
use crate::server::{App, blocking};
use crate::store::Cursor;

#[derive(Debug, Serialize)]
pub(super) struct Page {
    events: Vec<EventView>,
    next: Option<Cursor>,
}

pub(super) async fn list(
    _: Bearer,
    State(app): State<App>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(params) = params.map_err(|error| Problem::field("query", error.body_text()))?;
    let query = filter::parse(&params)?;
    let store = Arc::clone(&app.store);
    let page = blocking(move || store.query(&query)).await??;
    Ok(Json(Page {
        events: page.events.into_iter().map(EventView::from).collect(),
        next: page.next,
    }))
}
