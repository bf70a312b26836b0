//! `/api/v1/allowlist`: what no action concerns.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::object;
use super::problem::Problem;
use crate::auth::Caller;
use crate::server::{App, blocking};
use crate::state::{AllowEntry, Id, network};

/// An entry with every key, times as RFC 3339.
#[derive(Debug, Serialize)]
pub(super) struct AllowView {
    id: Id,
    ips: Vec<String>,
    paths: Vec<String>,
    comment: String,
    created_at: Timestamp,
    created_by: String,
    removed_at: Option<Timestamp>,
    removed_by: Option<String>,
}

impl From<AllowEntry> for AllowView {
    fn from(entry: AllowEntry) -> Self {
        Self {
            id: entry.id,
            ips: entry.ips.iter().map(network).collect(),
            paths: entry.paths,
            comment: entry.comment,
            created_at: Timestamp::from_micros(entry.created_at),
            created_by: entry.created_by,
            removed_at: entry.removed_at.map(Timestamp::from_micros),
            removed_by: entry.removed_by,
        }
    }
}

pub(super) async fn list(State(app): State<App>) -> Json<Value> {
    let entries: Vec<_> = app
        .actions
        .allowed()
        .into_iter()
        .map(AllowView::from)
        .collect();
    Json(json!({"entries": entries}))
}

pub(super) async fn add(
    by: Caller,
    State(app): State<App>,
    body: Bytes,
) -> Result<(StatusCode, Json<AllowView>), Problem> {
    let fields = object(&body)?;
    let shared = Arc::clone(&app);
    let entry = blocking(move || shared.actions.allow(fields, &by)).await??;
    Ok((StatusCode::CREATED, Json(entry.into())))
}

/// Removes; an entry that was removed already stays as it is.
pub(super) async fn remove(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<AllowView>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let shared = Arc::clone(&app);
    let entry = blocking(move || shared.actions.disallow(id, &by)).await??;
    entry
        .map(|entry| Json(entry.into()))
        .ok_or_else(Problem::not_found)
}
