//! The JSON API under `/api/v1`: bearer API token, errors as RFC 9457 problems.

mod actions;
mod allowlist;
mod events;
mod params;
mod problem;

use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

pub(crate) use self::events::{EventView, Scans, bucket, export, live, sse_event};
pub(crate) use self::params::{Given, Params};
pub(crate) use self::problem::Problem;
use crate::server::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .merge(events::router())
        .route("/api/v1/outcomes", get(outcomes))
        .route("/api/v1/actions", post(actions::create).get(actions::list))
        .route(
            "/api/v1/actions/settings",
            get(actions::settings).put(actions::set),
        )
        .route(
            "/api/v1/actions/{id}",
            delete(actions::lift).get(actions::get),
        )
        .route(
            "/api/v1/allowlist",
            post(allowlist::add).get(allowlist::list),
        )
        .route("/api/v1/allowlist/{id}", delete(allowlist::remove))
}

/// Who decides what comes with the API token.
const BY: &str = "api";

/// A request with a token of the API.
#[derive(Debug)]
pub(crate) struct Bearer;

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let credentials = parts.headers.get(header::AUTHORIZATION);
        let credentials = credentials
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let token = credentials.split_once(' ').and_then(|(scheme, token)| {
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        match token {
            Some(token) if app.tokens.api(token).is_some() => Ok(Self),
            _ => Err(Problem::unauthorized()),
        }
    }
}

/// Reads a body that is a JSON object.
fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    serde_json::from_slice(body)
        .map_err(|error| Problem::field("body", format!("body: not a JSON object: {error}")))
}

async fn outcomes(_: Bearer, State(app): State<App>) -> Json<Value> {
    Json(json!({
        "outcomes": app.ledger.rows(),
        "ignored": app.intake.ignored.rows(),
        "limited": app.intake.rates.rows(),
    }))
}
