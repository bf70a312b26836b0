//! `/api/v1/playbooks`: what is evaluated, and how far its word goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqreen::protocol::Timestamp;

use super::object;
use super::problem::Problem;
use crate::auth::Caller;
use crate::playbooks::{Current, Stage, read_json, write};
use crate::server::{App, Shared, blocking};
use crate::state::{RunCount, Source, StateError};

const DAY: i64 = 86_400_000_000;
/// The most versions of one answer.
const MAX_VERSIONS: usize = 100;

/// A playbook with its stage and version, times as RFC 3339.
#[derive(Debug, Serialize)]
pub(super) struct PlaybookView {
    #[serde(flatten)]
    fields: Map<String, Value>,
    tests: Value,
    version: i64,
    source: &'static str,
    changed_at: Timestamp,
    changed_by: String,
    staged_at: Timestamp,
    staged_by: String,
    /// Why it was put back to shadow.
    tripped: Option<String>,
    /// How often it fired within 24 hours, by outcome.
    fired: BTreeMap<String, u64>,
}

impl PlaybookView {
    fn new(current: &Current, counts: &[RunCount]) -> Self {
        let record = &current.record;
        let ours = counts.iter().filter(|count| count.slug == record.slug);
        Self {
            fields: write(&current.playbook, current.stage),
            tests: crate::playbooks::file::written(&current.tests),
            version: record.version,
            source: record.source.name(),
            changed_at: Timestamp::from_micros(record.changed_at),
            changed_by: record.changed_by.clone(),
            staged_at: Timestamp::from_micros(record.staged_at),
            staged_by: record.staged_by.clone(),
            tripped: record.tripped.clone(),
            fired: ours
                .map(|count| (count.outcome.clone(), count.runs))
                .collect(),
        }
    }
}

/// The runs of the last 24 hours. Blocks.
fn counts(shared: &Shared) -> Result<Vec<RunCount>, StateError> {
    shared.state.count_runs(Timestamp::now().as_micros() - DAY)
}

async fn view(app: &App, current: Arc<Current>) -> Result<Json<PlaybookView>, Problem> {
    let shared = Arc::clone(app);
    let counts = blocking(move || counts(&shared)).await??;
    Ok(Json(PlaybookView::new(&current, &counts)))
}

pub(super) async fn list(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let shared = Arc::clone(&app);
    let counts = blocking(move || counts(&shared)).await??;
    let (_, all) = app.playbooks.current();
    let playbooks = all
        .iter()
        .map(|current| PlaybookView::new(current, &counts));
    Ok(Json(json!({"playbooks": playbooks.collect::<Vec<_>>()})))
}

/// The predefined playbooks, each with its family and without a stage.
pub(super) async fn templates() -> Json<Value> {
    let templates = crate::playbooks::templates().iter().map(|template| {
        let mut fields = write(&template.entry.playbook, Stage::Draft);
        fields.remove("stage");
        let tests = crate::playbooks::file::written(&template.entry.tests);
        fields.insert("tests".to_owned(), tests);
        fields.insert("family".to_owned(), template.family.into());
        fields
    });
    Json(json!({"templates": templates.collect::<Vec<_>>()}))
}

pub(super) async fn get(
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<PlaybookView>, Problem> {
    let current = app.playbooks.get(&slug).ok_or_else(Problem::not_found)?;
    view(&app, current).await
}

/// Takes a playbook's fields, and `version`: the one that it takes the place of; absent or 0 for a new playbook.
pub(super) async fn put(
    by: Caller,
    State(app): State<App>,
    Path(slug): Path<String>,
    body: Bytes,
) -> Result<Response, Problem> {
    let mut fields = object(&body)?;
    let version = match fields.remove("version") {
        None | Some(Value::Null) => 0,
        Some(version) => {
            let wrong = || Problem::field("version", "version: not a whole number of 0 or more");
            let version = version.as_i64().filter(|version| *version >= 0);
            version.ok_or_else(wrong)?
        }
    };
    let source = match fields.remove("source").as_ref().map(Value::as_str) {
        None | Some(Some("edited")) => Source::Edited,
        Some(Some("file")) => Source::File,
        Some(_) => return Err(Problem::field("source", "source: neither edited nor file")),
    };
    let named = fields.entry("slug").or_insert_with(|| slug.clone().into());
    if *named != *slug {
        return Err(Problem::field("slug", "slug: not that of the path"));
    }
    let shared = Arc::clone(&app);
    let stored = blocking(move || shared.playbooks.put(fields, version, source, &by));
    let current = stored.await??;
    let status = match version {
        0 => StatusCode::CREATED,
        _ => StatusCode::OK,
    };
    Ok((status, view(&app, current).await?).into_response())
}

pub(super) async fn remove(
    by: Caller,
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<StatusCode, Problem> {
    let shared = Arc::clone(&app);
    match blocking(move || shared.playbooks.remove(&slug, &by)).await?? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found()),
    }
}

/// Takes `stage`.
pub(super) async fn stage(
    by: Caller,
    State(app): State<App>,
    Path(slug): Path<String>,
    body: Bytes,
) -> Result<Json<PlaybookView>, Problem> {
    let mut fields = object(&body)?;
    let stage = fields.remove("stage");
    let stage = stage
        .as_ref()
        .and_then(Value::as_str)
        .and_then(Stage::of_name);
    let wrong = || Problem::field("stage", "stage: none of draft, shadow, enforce");
    let stage = stage.ok_or_else(wrong)?;
    if let Some(name) = fields.keys().next() {
        return Err(Problem::field(name, format!("{name}: unknown field")));
    }
    let shared = Arc::clone(&app);
    let staged = blocking(move || shared.playbooks.set_stage(&slug, stage, None, &by));
    let current = staged.await??.ok_or_else(Problem::not_found)?;
    view(&app, current).await
}

/// The newest versions, the newest first.
pub(super) async fn versions(
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<Value>, Problem> {
    let shared = Arc::clone(&app);
    let versions = blocking(move || shared.playbooks.versions(&slug, MAX_VERSIONS)).await??;
    if versions.is_empty() {
        return Err(Problem::not_found());
    }
    let versions = versions.iter().map(|version| {
        json!({
            "version": version.version,
            "playbook": read_json(&version.body),
            "source": version.source.name(),
            "changed_at": Timestamp::from_micros(version.at),
            "changed_by": version.by,
        })
    });
    Ok(Json(json!({"versions": versions.collect::<Vec<_>>()})))
}

/// Lifts all that the playbook put in force.
pub(super) async fn undo(
    by: Caller,
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<Value>, Problem> {
    let shared = Arc::clone(&app);
    let lifted = blocking(move || shared.responder().undo_all(&slug, &by)).await??;
    Ok(Json(json!({"lifted": lifted})))
}
