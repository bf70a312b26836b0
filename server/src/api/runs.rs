//! `/api/v1/runs`: each time a playbook fired, what came of it, and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::events::EventView;
use super::params::Given;
use super::problem::Problem;
use crate::auth::Caller;
use crate::playbooks::{RunResponse, event_places, read_json, responses};
use crate::server::{App, blocking};
use crate::state::{Id, RunQuery, RunRecord};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// A run with every key, times as RFC 3339.
#[derive(Debug, Serialize)]
pub(super) struct RunView {
    id: Id,
    playbook: String,
    version: i64,
    stage: String,
    /// Who had set the stage.
    approved_by: String,
    outcome: String,
    reason: Option<String>,
    /// An address or range, or the identifiers of a user.
    actor: Value,
    group: Option<String>,
    at: Timestamp,
    decided_at: Timestamp,
    counted: Value,
    responses: Vec<RunResponse>,
    undone_at: Option<Timestamp>,
    undone_by: Option<String>,
}

impl From<&RunRecord> for RunView {
    fn from(run: &RunRecord) -> Self {
        Self {
            id: run.id,
            playbook: run.slug.clone(),
            version: run.version,
            stage: run.stage.clone(),
            approved_by: run.approved_by.clone(),
            outcome: run.outcome.clone(),
            reason: run.reason.clone(),
            actor: match run.actor.starts_with('{') {
                true => read_json(&run.actor),
                false => run.actor.clone().into(),
            },
            group: run.group.clone(),
            at: Timestamp::from_micros(run.at),
            decided_at: Timestamp::from_micros(run.decided_at),
            counted: read_json(&run.counted),
            responses: responses(run),
            undone_at: run.undone_at.map(Timestamp::from_micros),
            undone_by: run.undone_by.clone(),
        }
    }
}

/// The newest runs, the newest first: of `playbook`, of `outcome`, of `actor`, and before the place that `cursor` tells.
pub(super) async fn list(State(app): State<App>, mut given: Given) -> Result<Json<Value>, Problem> {
    let [playbook, outcome, actor] = ["playbook", "outcome", "actor"].map(|name| given.text(name));
    let limit = given.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let wrong = |_| Problem::field("cursor", "cursor: not the `next` of an answer before");
    let cursor = given.text("cursor").map(|text| text.parse::<i64>());
    let before = cursor.transpose().map_err(wrong)?;
    given.end()?;
    let shared = Arc::clone(&app);
    let runs = blocking(move || {
        let query = RunQuery {
            slug: playbook.as_deref(),
            outcome: outcome.as_deref(),
            actor: actor.as_deref(),
            since: None,
            before,
        };
        shared.state.runs(query, limit + 1)
    });
    let mut runs = runs.await??;
    let more = runs.len() > limit;
    runs.truncate(limit);
    let next = runs.last().filter(|_| more).map(|run| run.row.to_string());
    let runs: Vec<_> = runs.iter().map(RunView::from).collect();
    Ok(Json(json!({"runs": runs, "next": next})))
}

/// A run, the version of the playbook that made it, and the events that did; of those, what the store still has.
pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id: Id = id.parse().map_err(|_| Problem::not_found())?;
    let shared = Arc::clone(&app);
    let found = blocking(move || {
        let Some(run) = shared.state.run(id)? else {
            return Ok(None);
        };
        let version = shared.state.playbook_version(&run.slug, run.version)?;
        let places = event_places(&run).into_iter();
        let found = places.map(|(time, id)| shared.store.find(id, time));
        let events = found.collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Problem>(Some((run, version, events)))
    });
    let (run, version, events) = found.await??.ok_or_else(Problem::not_found)?;
    let events: Vec<_> = events.into_iter().flatten().map(EventView::from).collect();
    let mut view = json!(RunView::from(&run));
    if let Some(view) = view.as_object_mut() {
        let playbook = version.as_ref().map(|version| read_json(&version.body));
        view.insert("definition".to_owned(), json!(playbook));
        view.insert(
            "approved_by".to_owned(),
            json!(version.map(|version| version.by)),
        );
        view.insert("events".to_owned(), json!(events));
    }
    Ok(Json(view))
}

pub(super) async fn undo(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<RunView>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let shared = Arc::clone(&app);
    let run = blocking(move || shared.responder().undo(id, &by)).await??;
    run.map(|run| Json(RunView::from(&run)))
        .ok_or_else(Problem::not_found)
}
