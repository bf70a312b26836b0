//! The JSON API under `/api/v1`: bearer API token, errors as RFC 9457 problems.

mod events;
mod filter;
mod problem;
mod view;

use axum::extract::{FromRequestParts, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::filter::{Params, parse};
use self::problem::Problem;
use crate::server::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/outcomes", get(outcomes))
        .route("/healthz", get(health))
}

/// A request with the API token.
#[derive(Debug)]
struct Reader;

impl FromRequestParts<App> for Reader {
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
            Some(token) if app.tokens.api.matches(token) => Ok(Self),
            _ => Err(Problem::unauthorized()),
        }
    }
}

async fn outcomes(_: Reader, State(app): State<App>) -> Json<Value> {
    Json(json!({"outcomes": app.ledger.rows()}))
}

async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}
