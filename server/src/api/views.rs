//! `/api/v1/views`: saved views.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sqreen::protocol::Timestamp;

use super::body::{Body, FromFields};
use super::openapi::{Described, Operation, Tag, Time};
use super::params::ItemId;
use super::problem::Problem;
use super::{ACT, READ};
use crate::auth::Caller;
use crate::fields::{FieldError, Fields};
use crate::routes::{delete, get, post};
use crate::server::{App, blocking};
use crate::state::{Id, SavedView};
use crate::views::{self, MAX_NAME, MAX_PLACE};

const PATH: &str = "/api/v1/views";

pub(super) fn routes() -> Vec<Described> {
    let example = json!({"name": "failed logins", "place": "/?filter=name:users.login&last=24h"});
    vec![
        get(PATH, READ, list).described(
            Operation::new(Tag::Events, "listViews", "The saved views, by name")
                .answer::<Views>(200, "All of them"),
        ),
        post(PATH, ACT, save).described(
            Operation::new(
                Tag::Events,
                "saveView",
                "Saves a page of events under a name",
            )
            .body::<NewView>(example)
            .answer::<ViewView>(201, "The view")
            .conflict("Another view has the name, or there are as many as there may be"),
        ),
        delete("/api/v1/views/{id}", ACT, remove).described(
            Operation::new(Tag::Events, "removeView", "Removes a saved view")
                .answer::<ViewView>(200, "What it was"),
        ),
    ]
}

/// A saved view, which all who sign in to the pages share.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "View")]
struct ViewView {
    id: Id,
    name: String,
    /// Path and query of the page.
    place: String,
    #[schemars(with = "Time")]
    created_at: Timestamp,
    created_by: String,
}

impl From<SavedView> for ViewView {
    fn from(view: SavedView) -> Self {
        Self {
            id: view.id,
            name: view.name,
            place: view.place,
            created_at: Timestamp::from_micros(view.created_at),
            created_by: view.created_by,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Views {
    views: Vec<ViewView>,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NewView {
    /// No other view has it, unless that one is replaced.
    #[schemars(length(min = 1, max = MAX_NAME))]
    name: String,
    /// Path and query of a page of events of this server, or of an actor.
    #[schemars(length(max = MAX_PLACE), regex(pattern = r"^/($|\?|actor\?)[!-~]*$"))]
    place: String,
    /// Whether a view that has the name is replaced; it keeps its id.
    replace: Option<bool>,
}

impl FromFields for NewView {
    fn read(fields: &mut Fields) -> Result<Self, FieldError> {
        Ok(Self {
            name: fields.needed("name", Fields::text, 4 * MAX_NAME)?,
            place: fields.needed("place", Fields::text, MAX_PLACE)?,
            replace: fields.flag("replace")?,
        })
    }
}

async fn list(State(app): State<App>) -> Result<Json<Views>, Problem> {
    let shared = Arc::clone(&app);
    let views = blocking(move || shared.state.views()).await??;
    let views = views.into_iter().map(ViewView::from).collect();
    Ok(Json(Views { views }))
}

async fn save(
    by: Caller,
    State(app): State<App>,
    Body(new): Body<NewView>,
) -> Result<(StatusCode, Json<ViewView>), Problem> {
    let shared = Arc::clone(&app);
    let replaces = new.replace.unwrap_or_default();
    let saved = blocking(move || views::save(&*shared.state, &new.name, &new.place, replaces, &by));
    let view = saved.await??;
    Ok((StatusCode::CREATED, Json(view.into())))
}

async fn remove(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<ViewView>, Problem> {
    let shared = Arc::clone(&app);
    let removed = blocking(move || views::remove(&*shared.state, id, &by)).await??;
    let view = removed.ok_or_else(Problem::not_found)?;
    Ok(Json(view.into()))
}
