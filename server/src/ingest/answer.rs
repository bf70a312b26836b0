//! Answers that every agent understands: JSON with a `status`.

use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

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
    /// The body does not arrive.
    Slow(String),
    /// Too many events of the application have come; more may after this time.
    Busy(Duration),
    /// The server cannot take it now.
    Unavailable(String),
}

impl Refusal {
    /// What to count a body as, if its agent may not come again with it.
    pub(super) fn loses(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge(_) => Some("body:too_large"),
            Self::Body(_) | Self::Encoding(_) => Some("body:unreadable"),
            Self::Slow(_) => Some("body:slow"),
            Self::Unavailable(_) => Some("body:unavailable"),
            Self::Token | Self::Session | Self::Busy(_) => None,
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "events not stored");
        Self::Unavailable("the event store cannot take events now".to_owned())
    }
}

fn refused(error: &str) -> Json<Value> {
    Json(json!({"status": false, "error": error}))
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
            Self::Slow(error) => (StatusCode::REQUEST_TIMEOUT, error),
            Self::Busy(wait) => {
                let error = "too many events: over the limit of the application, come again";
                let seconds = wait.as_secs() + 1;
                let retry = [(header::RETRY_AFTER, seconds.to_string())];
                let refused = refused(error);
                return (StatusCode::TOO_MANY_REQUESTS, retry, refused).into_response();
            }
            Self::Unavailable(error) => {
                let retry = [(header::RETRY_AFTER, "1")];
                let refused = refused(&error);
                return (StatusCode::SERVICE_UNAVAILABLE, retry, refused).into_response();
            }
        };
        (status, refused(&error)).into_response()
    }
}
