//! `/api/v1/actions`: security responses and their settings.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqreen::protocol::Timestamp;

use super::object;
use super::params::Params;
use super::problem::Problem;
use crate::auth::Caller;
use crate::server::{App, blocking};
use crate::state::{ActionCursor, ActionRecord, Id, Settings, Targets, User, network};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// An action with every key, times as RFC 3339.
#[derive(Debug, Serialize)]
pub(super) struct ActionView {
    id: Id,
    /// `live`, `lifted`, `replaced` or `expired`.
    state: &'static str,
    action: &'static str,
    app: Option<String>,
    ip_cidr: Vec<String>,
    users: Vec<User>,
    url: Option<String>,
    dry_run: bool,
    match_any: bool,
    comment: String,
    origin: String,
    run: Option<Id>,
    critical: Option<String>,
    created_at: Timestamp,
    created_by: String,
    expires_at: Option<Timestamp>,
    lifted_at: Option<Timestamp>,
    lifted_by: Option<String>,
    replaced_by: Option<Id>,
}

impl From<ActionRecord> for ActionView {
    fn from(record: ActionRecord) -> Self {
        let state = record.state(Timestamp::now().as_micros());
        let action = record.action;
        let (ip_cidr, users) = match &action.targets {
            Targets::Ips(nets) => (nets.iter().map(network).collect(), Vec::new()),
            Targets::Users(users) => (Vec::new(), users.clone()),
        };
        Self {
            id: action.id,
            state,
            action: action.kind.name(),
            app: action.app.as_deref().map(str::to_owned),
            ip_cidr,
            users,
            url: action.url.clone(),
            dry_run: action.dry_run,
            match_any: action.match_any,
            comment: record.comment,
            origin: record.origin,
            run: record.run,
            critical: record.critical,
            created_at: Timestamp::from_micros(record.created_at),
            created_by: record.created_by,
            expires_at: action.expires_at.map(Timestamp::from_micros),
            lifted_at: record.lifted_at.map(Timestamp::from_micros),
            lifted_by: record.lifted_by,
            replaced_by: record.replaced_by,
        }
    }
}

pub(super) async fn create(
    by: Caller,
    State(app): State<App>,
    body: Bytes,
) -> Result<Response, Problem> {
    let fields = object(&body)?;
    let shared = Arc::clone(&app);
    let record = blocking(move || shared.actions.create(fields, &by)).await??;
    let place = format!("/api/v1/actions/{}", record.action.id);
    let view = Json(ActionView::from(record));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], view).into_response())
}

pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ActionView>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let shared = Arc::clone(&app);
    let record = blocking(move || shared.actions.get(id)).await??;
    record
        .map(|record| Json(record.into()))
        .ok_or_else(Problem::not_found)
}

/// Lifts; an action that has ended already stays as it is.
pub(super) async fn lift(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<ActionView>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found())?;
    let shared = Arc::clone(&app);
    let record = blocking(move || shared.actions.lift(id, &by)).await??;
    record
        .map(|record| Json(record.into()))
        .ok_or_else(Problem::not_found)
}

/// Which actions are asked for.
#[derive(Debug)]
struct Wanted {
    past: bool,
    app: Option<String>,
    limit: usize,
    cursor: Option<ActionCursor>,
}

impl Wanted {
    fn parse(params: &Params) -> Result<Self, Problem> {
        let mut wanted = Self {
            past: false,
            app: None,
            limit: DEFAULT_LIMIT,
            cursor: None,
        };
        for (place, (name, value)) in params.iter().enumerate() {
            let earlier = params.iter().take(place);
            if earlier.clone().any(|(earlier, _)| earlier == name) {
                return Err(Problem::field(name, format!("{name}: given twice")));
            }
            match (name.as_str(), value.as_str()) {
                ("state", "live") => wanted.past = false,
                ("state", "past") => wanted.past = true,
                ("state", _) => return Err(Problem::field(name, "state: neither live nor past")),
                ("app", app) => wanted.app = Some(app.to_owned()),
                ("limit", limit) => {
                    let limit = limit
                        .parse()
                        .ok()
                        .filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    let wrong =
                        || Problem::field(name, format!("limit: not a number of 1 to {MAX_LIMIT}"));
                    wanted.limit = limit.ok_or_else(wrong)?;
                }
                ("cursor", cursor) => {
                    let wrong =
                        |_| Problem::field(name, "cursor: not the `next` of an answer before");
                    wanted.cursor = Some(cursor.parse().map_err(wrong)?);
                }
                _ => return Err(Problem::field(name, format!("{name}: unknown parameter"))),
            }
        }
        Ok(wanted)
    }
}

pub(super) async fn list(
    State(app): State<App>,
    params: Result<Query<Params>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    let Query(params) = params.map_err(|error| Problem::field("query", error.body_text()))?;
    let wanted = Wanted::parse(&params)?;
    let shared = Arc::clone(&app);
    let page = blocking(move || {
        let Wanted {
            past,
            app,
            limit,
            cursor,
        } = wanted;
        if past {
            shared.actions.past_page(app.as_deref(), cursor, limit)
        } else {
            shared.actions.live_page(app.as_deref(), cursor, limit)
        }
    });
    let (records, next) = page.await??;
    let actions: Vec<_> = records.into_iter().map(ActionView::from).collect();
    let next = next.map(|next| next.to_string());
    Ok(Json(json!({"actions": actions, "next": next})))
}

fn settings_view(settings: Settings) -> Json<Value> {
    Json(json!({
        "dry_run": settings.dry_run,
        "allow_critical_ips": settings.allow_critical_ips,
    }))
}

pub(super) async fn settings(State(app): State<App>) -> Json<Value> {
    settings_view(app.actions.settings())
}

pub(super) async fn set(
    by: Caller,
    State(app): State<App>,
    body: Bytes,
) -> Result<Json<Value>, Problem> {
    let fields: Map<String, Value> = object(&body)?;
    let shared = Arc::clone(&app);
    let settings = blocking(move || shared.actions.set(fields, &by)).await??;
    Ok(settings_view(settings))
}
