//! `/api/v1/actions`: security responses and their settings.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sqreen::protocol::Timestamp;

use super::body::Object;
use super::openapi::{Described, Operation, Param, Tag, Time};
use super::params::{self, DEFAULT_LIMIT, Given, ItemId};
use super::problem::Problem;
use super::{ACT, MANAGE, READ};
use crate::actions::{NewAction, SettingsChange};
use crate::auth::Caller;
use crate::routes::{delete, get, post, put};
use crate::server::{App, blocking};
use crate::state::{ActionCursor, ActionRecord, Id, Kind, Settings, Targets, User, network};

const MAX_LIMIT: usize = 1_000;

const PATH: &str = "/api/v1/actions";
const ONE: &str = "/api/v1/actions/{id}";
const SETTINGS: &str = "/api/v1/actions/settings";

pub(super) fn routes() -> Vec<Described> {
    let operation = |id, summary| Operation::new(Tag::Actions, id, summary);
    let block = json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": 300});
    vec![
        get(PATH, READ, list).described(
            operation("listActions", "The security responses, the newest first")
                .query([
                    Param::one_of(
                        "state",
                        "In force (the default), or ended",
                        &["live", "past"],
                    ),
                    Param::text(
                        "app",
                        "Those for this application alone, or for all",
                        "shop",
                    ),
                    params::limit(MAX_LIMIT, DEFAULT_LIMIT),
                    params::cursor("00000000000000000000000000000007"),
                ])
                .answer::<ActionPage>(200, "A page of actions"),
        ),
        post(PATH, ACT, create).described(
            operation(
                "createAction",
                "Blocks or redirects addresses, networks or users",
            )
            .body::<NewAction>(block)
            .answer::<ActionView>(201, "The action, in force from now on")
            .conflict("Critical addresses that are not allowed, or too many actions"),
        ),
        get(SETTINGS, READ, settings).described(
            operation("getActionSettings", "The settings of all actions")
                .answer::<SettingsView>(200, "The settings"),
        ),
        put(SETTINGS, MANAGE, set).described(
            operation("setActionSettings", "Changes the settings of all actions")
                .body::<SettingsChange>(json!({"dry_run": false}))
                .answer::<SettingsView>(200, "The settings as they are now"),
        ),
        get(ONE, READ, show).described(
            operation("getAction", "One action").answer::<ActionView>(200, "The action"),
        ),
        delete(ONE, ACT, lift).described(
            operation("liftAction", "Ends an action")
                .answer::<ActionView>(200, "The action; one that had ended stays as it was"),
        ),
    ]
}

/// An action with every key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Action")]
pub(super) struct ActionView {
    id: Id,
    #[schemars(extend("enum" = ["live", "lifted", "replaced", "expired"]))]
    state: &'static str,
    #[schemars(with = "Kind")]
    action: &'static str,
    /// The one application that it is for; `null` for all.
    app: Option<String>,
    /// Addresses and networks.
    ip_cidr: Vec<String>,
    /// Each by its identifiers.
    users: Vec<User>,
    /// Where a redirect leads.
    url: Option<String>,
    /// Whether it is reported only.
    dry_run: bool,
    /// Whether one identifier of a user is enough.
    match_any: bool,
    comment: String,
    /// Who or what decided it, such as `operator`.
    origin: String,
    /// Why its targets are critical, where that was allowed.
    run: Option<Id>,
    critical: Option<String>,
    #[schemars(with = "Time")]
    created_at: Timestamp,
    created_by: String,
    /// `null` is for ever.
    #[schemars(with = "Option<Time>")]
    expires_at: Option<Timestamp>,
    #[schemars(with = "Option<Time>")]
    lifted_at: Option<Timestamp>,
    lifted_by: Option<String>,
    /// The action that took its place.
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

#[derive(Debug, Serialize, JsonSchema)]
struct ActionPage {
    actions: Vec<ActionView>,
    /// The `cursor` of the page after; `null` if this is the last.
    next: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActionSettings")]
struct SettingsView {
    /// Whether all actions are reported only.
    dry_run: bool,
    /// Whether critical addresses may be blocked without saying so each time.
    allow_critical_ips: bool,
}

impl From<Settings> for SettingsView {
    fn from(settings: Settings) -> Self {
        Self {
            dry_run: settings.dry_run,
            allow_critical_ips: settings.allow_critical_ips,
        }
    }
}

async fn create(
    by: Caller,
    State(app): State<App>,
    Object(fields): Object,
) -> Result<Response, Problem> {
    let shared = Arc::clone(&app);
    let record = blocking(move || shared.actions.create(fields, &by)).await??;
    let place = format!("{PATH}/{}", record.action.id);
    let view = Json(ActionView::from(record));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], view).into_response())
}

async fn show(State(app): State<App>, ItemId(id): ItemId) -> Result<Json<ActionView>, Problem> {
    let shared = Arc::clone(&app);
    let record = blocking(move || shared.actions.get(id)).await??;
    let record = record.ok_or_else(Problem::not_found)?;
    Ok(Json(record.into()))
}

/// Lifts; an action that has ended already stays as it is.
async fn lift(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<ActionView>, Problem> {
    let shared = Arc::clone(&app);
    let record = blocking(move || shared.actions.lift(id, &by)).await??;
    let record = record.ok_or_else(Problem::not_found)?;
    Ok(Json(record.into()))
}

async fn list(State(app): State<App>, mut given: Given) -> Result<Json<ActionPage>, Problem> {
    let past = match given.text("state").as_deref() {
        None | Some("live") => false,
        Some("past") => true,
        Some(_) => return Err(Problem::field("state", "state: neither live nor past")),
    };
    let of = given.text("app");
    let limit = given.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let cursor = given.cursor_of::<ActionCursor>()?;
    given.end()?;
    let shared = Arc::clone(&app);
    let page = blocking(move || {
        if past {
            shared.actions.past_page(of.as_deref(), cursor, limit)
        } else {
            shared.actions.live_page(of.as_deref(), cursor, limit)
        }
    });
    let (records, next) = page.await??;
    Ok(Json(ActionPage {
        actions: records.into_iter().map(ActionView::from).collect(),
        next: next.map(|next| next.to_string()),
    }))
}

async fn settings(State(app): State<App>) -> Json<SettingsView> {
    Json(app.actions.settings().into())
}

async fn set(
    by: Caller,
    State(app): State<App>,
    Object(fields): Object,
) -> Result<Json<SettingsView>, Problem> {
    let shared = Arc::clone(&app);
    let settings = blocking(move || shared.actions.set(fields, &by)).await??;
    Ok(Json(settings.into()))
}
