//! `/api/v1/playbooks`: what is evaluated, and how far its word goes.

mod form;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqreen::protocol::Timestamp;

pub(super) use self::form::PlaybookFields;
use super::body::Object;
use super::openapi::{Described, Operation, Tag, Time};
use super::problem::Problem;
use super::{ACT, READ};
use crate::auth::Caller;
use crate::playbooks::{Current, Stage, read_json, write};
use crate::routes::{delete, get, post, put};
use crate::server::{App, Shared, blocking};
use crate::state::{RunCount, Source, StateError};

const DAY: i64 = 86_400_000_000;
/// The most versions of one answer.
const MAX_VERSIONS: usize = 100;

const ONE: &str = "/api/v1/playbooks/{slug}";

pub(super) fn routes() -> Vec<Described> {
    let operation = |id, summary| Operation::new(Tag::Playbooks, id, summary);
    let example = json!({
        "name": "Guessed passwords", "actor": "ip", "at_least": 6, "period": "5min",
        "trigger": {"event": "users.login", "where": "properties.success:false"},
        "responses": [{"action": "block_ip", "duration": "5min"}],
    });
    vec![
        get("/api/v1/playbooks", READ, list).described(
            operation("listPlaybooks", "All playbooks")
                .answer::<PlaybookList>(200, "All of them, by slug"),
        ),
        get("/api/v1/playbooks/templates", READ, templates).described(
            operation("listPlaybookTemplates", "The predefined playbooks")
                .answer::<Templates>(200, "All of them, without a stage"),
        ),
        get(ONE, READ, show).described(
            operation("getPlaybook", "One playbook").answer::<PlaybookView>(200, "The playbook"),
        ),
        put(ONE, ACT, store).described(
            operation("putPlaybook", "Makes a playbook, or another version of one")
                .body::<PlaybookBody>(example)
                .answer::<PlaybookView>(201, "The playbook, which is new")
                .answer::<PlaybookView>(200, "The playbook as it is now")
                .conflict("Another version is there than the one that it should take the place of"),
        ),
        delete(ONE, ACT, remove).described(
            operation("removePlaybook", "Removes a playbook, but not what it did")
                .nothing("It is gone"),
        ),
        put("/api/v1/playbooks/{slug}/stage", ACT, stage).described(
            operation("stagePlaybook", "Sets how far a playbook's word goes")
                .body::<StageBody>(json!({"stage": "shadow"}))
                .answer::<PlaybookView>(200, "The playbook as it is now"),
        ),
        get("/api/v1/playbooks/{slug}/versions", READ, versions).described(
            operation("listPlaybookVersions", "The versions of a playbook")
                .answer::<Versions>(200, "The newest 100, the newest first"),
        ),
        post("/api/v1/playbooks/{slug}/undo", ACT, undo).described(
            operation(
                "undoPlaybook",
                "Stops a playbook, and lifts all that it put in force",
            )
            .answer::<Lifted>(
                200,
                "How many actions were lifted; if it was enforced, it is in shadow now",
            ),
        ),
    ]
}

/// A playbook, and which version it takes the place of.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "it is the form of what a reader of its own takes apart"
)]
struct PlaybookBody {
    /// The version that it takes the place of; absent or 0 for a new one.
    version: Option<u32>,
    /// `file` is the word of a file, as that of `playbooks apply`: the playbook must pass its tests, and files that are
    /// applied later overwrite it. Absent: `edited`, which they overwrite only when told to.
    source: Option<SourceName>,
    #[schemars(flatten)]
    fields: PlaybookFields,
}

/// Who has the say: people who edit, or a file.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is the form of a text")]
enum SourceName {
    Edited,
    File,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "it is the form of what a reader of its own takes apart"
)]
struct StageBody {
    stage: Stage,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PlaybookList {
    playbooks: Vec<PlaybookView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Templates {
    templates: Vec<TemplateView>,
}

/// A predefined playbook: its fields, without a stage.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlaybookTemplate")]
struct TemplateView {
    family: &'static str,
    #[serde(flatten)]
    fields: Map<String, Value>,
    tests: Value,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Versions {
    versions: Vec<VersionView>,
}

/// A version of a playbook.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PlaybookVersion")]
struct VersionView {
    version: i64,
    /// Its fields.
    playbook: Value,
    #[schemars(with = "SourceName")]
    source: &'static str,
    #[schemars(with = "Time")]
    changed_at: Timestamp,
    changed_by: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Lifted {
    lifted: usize,
}

/// A playbook's fields with its stage and version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Playbook")]
struct PlaybookView {
    #[serde(flatten)]
    fields: Map<String, Value>,
    /// As they were written.
    tests: Value,
    version: i64,
    #[schemars(with = "SourceName")]
    source: &'static str,
    #[schemars(with = "Time")]
    changed_at: Timestamp,
    changed_by: String,
    #[schemars(with = "Time")]
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

async fn list(State(app): State<App>) -> Result<Json<PlaybookList>, Problem> {
    let shared = Arc::clone(&app);
    let counts = blocking(move || counts(&shared)).await??;
    let (_, all) = app.playbooks.current();
    let playbooks = all
        .iter()
        .map(|current| PlaybookView::new(current, &counts));
    let playbooks = playbooks.collect();
    Ok(Json(PlaybookList { playbooks }))
}

async fn templates() -> Json<Templates> {
    let templates = crate::playbooks::templates().iter().map(|template| {
        let mut fields = write(&template.entry.playbook, Stage::Draft);
        fields.remove("stage");
        TemplateView {
            family: template.family,
            fields,
            tests: crate::playbooks::file::written(&template.entry.tests),
        }
    });
    Json(Templates {
        templates: templates.collect(),
    })
}

async fn show(
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<PlaybookView>, Problem> {
    let current = app.playbooks.get(&slug).ok_or_else(Problem::not_found)?;
    view(&app, current).await
}

/// Takes a playbook's fields, and `version`: the one that it takes the place of; absent or 0 for a new playbook.
async fn store(
    by: Caller,
    State(app): State<App>,
    Path(slug): Path<String>,
    Object(mut fields): Object,
) -> Result<Response, Problem> {
    let version = match fields.remove("version") {
        None | Some(Value::Null) => 0,
        Some(version) => {
            let wrong = || Problem::field("version", "version: not a whole number of 0 or more");
            let version = version.as_i64().filter(|version| *version >= 0);
            version.ok_or_else(wrong)?
        }
    };
    let source = match fields.remove("source").unwrap_or_default() {
        Value::Null => Source::Edited,
        source if source == "edited" => Source::Edited,
        source if source == "file" => Source::File,
        _ => return Err(Problem::field("source", "source: neither edited nor file")),
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

async fn remove(
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
async fn stage(
    by: Caller,
    State(app): State<App>,
    Path(slug): Path<String>,
    Object(mut fields): Object,
) -> Result<Json<PlaybookView>, Problem> {
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
async fn versions(
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<Versions>, Problem> {
    let shared = Arc::clone(&app);
    let versions = blocking(move || shared.playbooks.versions(&slug, MAX_VERSIONS)).await??;
    if versions.is_empty() {
        return Err(Problem::not_found());
    }
    let versions = versions.into_iter().map(|version| VersionView {
        version: version.version,
        playbook: read_json(&version.body),
        source: version.source.name(),
        changed_at: Timestamp::from_micros(version.at),
        changed_by: version.by,
    });
    let versions = versions.collect();
    Ok(Json(Versions { versions }))
}

/// Puts the playbook to shadow if it is enforced, and lifts all that it put in force, also after it was removed.
async fn undo(
    by: Caller,
    State(app): State<App>,
    Path(slug): Path<String>,
) -> Result<Json<Lifted>, Problem> {
    let known = app.playbooks.get(&slug).is_some();
    let shared = Arc::clone(&app);
    let lifted = blocking(move || shared.responder().undo_all(&slug, &by)).await??;
    if lifted == 0 && !known {
        return Err(Problem::not_found());
    }
    Ok(Json(Lifted { lifted }))
}
