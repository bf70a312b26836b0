//! Answers that every agent understands: JSON with a `status`.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::store::StoreError;

/// `{"status":true}`.
pub(super) fn ok() -> Response {
    Json(json!({"status": true})).into_response()
}

/// Why a request is refused.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The token is none of agents that is in force.
    Token,
    /// The session is unknown, or has ended.
    Session,
    /// The body cannot be read.
    Body(String),
    /// The body has an encoding that is not offered.
    Encoding(String),
    /// The body is too large.
    TooLarge(String),
    /// The server cannot take it now.
    Unavailable(String),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "events not stored");
        Self::Unavailable("the event store cannot take events now".to_owned())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Token => (
                StatusCode::UNAUTHORIZED,
                "x-api-key: not a valid token".to_owned(),
            ),
            Self::Session => (
                StatusCode::UNAUTHORIZED,
                "x-session-key: unknown session, log in again".to_owned(),
            ),
            Self::Body(error) => (StatusCode::BAD_REQUEST, error),
            Self::Encoding(error) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, error),
            Self::TooLarge(error) => (StatusCode::PAYLOAD_TOO_LARGE, error),
            Self::Unavailable(error) => {
                let body = Json(json!({"status": false, "error": error}));
                let retry = [(header::RETRY_AFTER, "1")];
                return (StatusCode::SERVICE_UNAVAILABLE, retry, body).into_response();
            }
        };
        (status, Json(json!({"status": false, "error": error}))).into_response()
    }
}
