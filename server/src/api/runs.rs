//! `/api/v1/runs`: each time a playbook fired, what came of it, and why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use sqreen::protocol::Timestamp;

use super::events::EventView;
use super::openapi::{Described, Operation, Param, Tag, Time};
use super::params::{self, DEFAULT_LIMIT, Given, ItemId};
use super::problem::Problem;
use super::{ACT, READ};
use crate::auth::Caller;
use crate::playbooks::{Outcome, RunResponse, event_places, read_json, responses};
use crate::routes::{get, post};
use crate::server::{App, blocking};
use crate::state::{Id, RunQuery, RunRecord};

const MAX_LIMIT: usize = 1_000;

pub(super) fn routes() -> Vec<Described> {
    let operation = |id, summary| Operation::new(Tag::Playbooks, id, summary);
    vec![
        get("/api/v1/runs", READ, list).described(
            operation("listRuns", "Each time a playbook fired, the newest first")
                .query([
                    Param::text(
                        "playbook",
                        "Those of this playbook alone, by its slug",
                        "guessed",
                    ),
                    Param::one_of(
                        "outcome",
                        "Those that came to this alone",
                        &Outcome::ALL.map(Outcome::name),
                    ),
                    Param::text(
                        "actor",
                        "Those on this address, range or user, as a run tells it",
                        "203.0.113.7",
                    ),
                    params::limit(MAX_LIMIT, DEFAULT_LIMIT),
                    params::cursor("17"),
                ])
                .answer::<Runs>(200, "A page of runs"),
        ),
        get("/api/v1/runs/{id}", READ, show).described(
            operation("explainRun", "Why a playbook fired, and what came of it")
                .answer::<Explained>(200, "The run, its playbook as it was, and its events"),
        ),
        post("/api/v1/runs/{id}/undo", ACT, undo).described(
            operation("undoRun", "Lifts what a run put in force")
                .answer::<RunView>(200, "The run; one that was undone stays as it was"),
        ),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Runs {
    runs: Vec<RunView>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

/// A run, and why it was.
#[derive(Debug, Serialize, JsonSchema)]
struct Explained {
    #[serde(flatten)]
    run: RunView,
    /// The fields of the playbook as it was.
    definition: Value,
    /// Who had written that version.
    written_by: Option<String>,
    /// The events that made it, as far as they are still stored.
    events: Vec<EventView>,
}

/// A run with every key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Run")]
struct RunView {
    id: Id,
    playbook: String,
    version: i64,
    stage: String,
    /// Who had last stored the version or set its stage.
    approved_by: String,
    outcome: String,
    reason: Option<String>,
    /// An address or range, or the identifiers of a user.
    actor: Value,
    group: Option<String>,
    #[schemars(with = "Time")]
    at: Timestamp,
    #[schemars(with = "Time")]
    decided_at: Timestamp,
    counted: Value,
    responses: Vec<RunResponse>,
    #[schemars(with = "Option<Time>")]
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
async fn list(State(app): State<App>, mut given: Given) -> Result<Json<Runs>, Problem> {
    let [playbook, outcome, actor] = ["playbook", "outcome", "actor"].map(|name| given.text(name));
    if let Some(outcome) = &outcome
        && !Outcome::ALL.iter().any(|known| known.name() == outcome)
    {
        let names = Outcome::ALL.map(Outcome::name).join(", ");
        return Err(Problem::field(
            "outcome",
            format!("outcome: none of {names}"),
        ));
    }
    let limit = given.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let before = given.cursor_of()?;
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
    let runs = runs.iter().map(RunView::from).collect();
    Ok(Json(Runs { runs, next }))
}

async fn show(State(app): State<App>, ItemId(id): ItemId) -> Result<Json<Explained>, Problem> {
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
    let definition = version.as_ref().map(|version| read_json(&version.body));
    Ok(Json(Explained {
        run: RunView::from(&run),
        definition: definition.unwrap_or_default(),
        written_by: version.map(|version| version.by),
        events: events.into_iter().flatten().map(EventView::from).collect(),
    }))
}

async fn undo(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<RunView>, Problem> {
    let shared = Arc::clone(&app);
    let run = blocking(move || shared.responder().undo(id, &by)).await??;
    run.map(|run| Json(RunView::from(&run)))
        .ok_or_else(Problem::not_found)
}
