//! `/playbooks` and `/runs`: what is watched, what is done about it, and what was done.

mod after;
mod edit;
mod editor;
mod fields;
mod list;
mod preview;
mod run;
mod runs;
mod show;
mod words;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::Markup;
use sqreen::protocol::Timestamp;

pub(super) use self::edit::{add, edit, new, save};
pub(super) use self::run::{show as run, undo as undo_run};
pub(super) use self::runs::{of_actor, show as runs};
use self::show::Shown;
use super::access::{Reader, Sent, value};
use super::explorer::link;
use super::page::{self, Here};
use super::room::Tables;
use super::signin;
use crate::api::Params;
use crate::playbooks::Stage;
use crate::server::{App, Shared, blocking};
use crate::state::{RunQuery, StateError};

const PATH: &str = "/playbooks";
const DAY: i64 = 86_400_000_000;
/// The most runs that a playbook's page shows.
const RECENT: usize = 10;
/// The most versions that a playbook's page shows.
const VERSIONS: usize = 50;

fn path(slug: &str) -> String {
    format!("{PATH}/{slug}")
}

fn document(title: &str, reader: &Reader, content: &Markup) -> Markup {
    page::document(title, Some(Here::new(PATH, reader)), content)
}

fn refuse(reader: &Reader, status: StatusCode, reason: &str) -> Response {
    let here = Some(Here::new(PATH, reader));
    let page = page::refusal("Playbook", here, reason, &[(PATH, "Playbooks")]);
    (status, page).into_response()
}

fn unknown(reader: &Reader) -> Response {
    refuse(
        reader,
        StatusCode::NOT_FOUND,
        "There is none of this name any more.",
    )
}

/// Does what blocks on the state store; its failure is an answer.
async fn read<T, F>(app: &App, work: F) -> Result<T, Response>
where
    T: Send + 'static,
    F: FnOnce(&Shared) -> Result<T, StateError> + Send + 'static,
{
    let shared = Arc::clone(app);
    match blocking(move || work(&shared)).await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(signin::unavailable(&error)),
        Err(error) => Err(signin::unavailable(&error)),
    }
}

/// `GET /playbooks?playbooks=…`.
pub(super) async fn show(
    State(app): State<App>,
    Query(params): Query<Params>,
    reader: Reader,
) -> Result<Response, Response> {
    let since = Timestamp::now().as_micros() - DAY;
    let counts = read(&app, move |shared| shared.state.count_runs(since)).await?;
    let (_, all) = app.playbooks.current();
    let stats = app.runner.stats();
    let tables = Tables::new(PATH, &[], &params);
    let content = list::markup(&all, &counts, &stats, tables, &reader);
    Ok(document("Playbooks", &reader, &content).into_response())
}

/// `GET /playbooks/{slug}`.
pub(super) async fn one(
    State(app): State<App>,
    Path(slug): Path<String>,
    reader: Reader,
) -> Result<Response, Response> {
    let current = app.playbooks.get(&slug).ok_or_else(|| unknown(&reader))?;
    let now = Timestamp::now().as_micros();
    let (counts, live, runs, versions) = read(&app, move |shared| {
        let query = RunQuery {
            slug: Some(&slug),
            ..RunQuery::default()
        };
        Ok((
            shared.state.count_runs(now - DAY)?,
            shared.state.live_actions_of(&slug, now)?.len(),
            shared.state.runs(query, RECENT)?,
            shared.playbooks.versions(&slug, VERSIONS)?,
        ))
    })
    .await?;
    let shown = Shown {
        reader: &reader,
        current: &current,
        counts,
        live,
        runs,
        versions,
    };
    Ok(document(&current.playbook.name, &reader, &shown.markup()).into_response())
}

/// `POST /playbooks/{slug}/stage` with `stage`.
pub(super) async fn stage(
    State(app): State<App>,
    Path(slug): Path<String>,
    sent: Sent,
) -> Result<Response, Response> {
    let Some(stage) = value(&sent.fields, "stage").and_then(Stage::of_name) else {
        let reason = "stage: none of draft, shadow, enforce";
        return Ok(refuse(&sent.reader, StatusCode::BAD_REQUEST, reason));
    };
    let (back, by) = (path(&slug), sent.reader.caller.clone());
    let staged = read(&app, move |shared| {
        shared.playbooks.set_stage(&slug, stage, None, &by)
    });
    staged.await?.ok_or_else(|| unknown(&sent.reader))?;
    Ok(Redirect::to(&back).into_response())
}

/// `POST /playbooks/{slug}/undo`: stops it, and lifts all that it put in force.
pub(super) async fn undo(
    State(app): State<App>,
    Path(slug): Path<String>,
    sent: Sent,
) -> Result<Response, Response> {
    // One that was removed has no page of its own.
    let back = match app.playbooks.get(&slug) {
        Some(_) => path(&slug),
        None => link("/runs", [("playbook", slug.as_str())]),
    };
    let by = sent.reader.caller.clone();
    read(&app, move |shared| shared.responder().undo_all(&slug, &by)).await?;
    Ok(Redirect::to(&back).into_response())
}

/// `POST /playbooks/{slug}/remove`.
pub(super) async fn remove(
    State(app): State<App>,
    Path(slug): Path<String>,
    sent: Sent,
) -> Result<Response, Response> {
    let by = sent.reader.caller.clone();
    match read(&app, move |shared| shared.playbooks.remove(&slug, &by)).await? {
        true => Ok(Redirect::to(PATH).into_response()),
        false => Err(unknown(&sent.reader)),
    }
}
