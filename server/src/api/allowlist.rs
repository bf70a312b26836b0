//! `/api/v1/allowlist`: what no action concerns.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sqreen::protocol::Timestamp;

use super::body::Object;
use super::openapi::{Described, Operation, Tag, Time};
use super::params::ItemId;
use super::problem::Problem;
use super::{ACT, READ};
use crate::actions::NewAllowed;
use crate::auth::Caller;
use crate::routes::{delete, get, post};
use crate::server::{App, blocking};
use crate::state::{AllowEntry, Id, network};

const PATH: &str = "/api/v1/allowlist";

pub(super) fn routes() -> Vec<Described> {
    let example = json!({"ips": ["198.51.100.0/24"], "paths": ["/health"], "comment": "office"});
    vec![
        get(PATH, READ, list).described(
            Operation::new(Tag::Actions, "listAllowed", "The allow list")
                .answer::<Allowed>(200, "Its entries, the oldest first"),
        ),
        post(PATH, ACT, add).described(
            Operation::new(Tag::Actions, "allow", "Adds an entry to the allow list")
                .body::<NewAllowed>(example)
                .answer::<AllowView>(201, "The entry")
                .conflict("The allow list is full"),
        ),
        delete("/api/v1/allowlist/{id}", ACT, remove).described(
            Operation::new(
                Tag::Actions,
                "disallow",
                "Removes an entry of the allow list",
            )
            .answer::<AllowView>(200, "The entry; one that was removed stays as it was"),
        ),
    ]
}

/// An entry of the allow list with every key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AllowEntry")]
pub(super) struct AllowView {
    id: Id,
    /// Addresses and networks.
    ips: Vec<String>,
    /// What paths begin with.
    paths: Vec<String>,
    comment: String,
    #[schemars(with = "Time")]
    created_at: Timestamp,
    created_by: String,
    #[schemars(with = "Option<Time>")]
    removed_at: Option<Timestamp>,
    removed_by: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AllowList")]
struct Allowed {
    entries: Vec<AllowView>,
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

async fn list(State(app): State<App>) -> Json<Allowed> {
    let entries = app.actions.allowed();
    let entries = entries.into_iter().map(AllowView::from).collect();
    Json(Allowed { entries })
}

async fn add(
    by: Caller,
    State(app): State<App>,
    Object(fields): Object,
) -> Result<(StatusCode, Json<AllowView>), Problem> {
    let shared = Arc::clone(&app);
    let entry = blocking(move || shared.actions.allow(fields, &by)).await??;
    Ok((StatusCode::CREATED, Json(entry.into())))
}

/// Removes; an entry that was removed already stays as it is.
async fn remove(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<AllowView>, Problem> {
    let shared = Arc::clone(&app);
    let entry = blocking(move || shared.actions.disallow(id, &by)).await??;
    let entry = entry.ok_or_else(Problem::not_found)?;
    Ok(Json(entry.into()))
}
