//! Errors as RFC 9457 problem details.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::actions::ActionError;
use crate::state::StateError;
use crate::store::StoreError;

/// A request that the API refuses.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// The parameter that is wrong.
    field: Option<String>,
}

impl Problem {
    pub(super) fn unauthorized() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            detail: "authorization: expected `Bearer` and the API token".to_owned(),
            field: None,
        }
    }

    pub(super) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            detail: detail.into(),
            field: Some(field.to_owned()),
        }
    }

    pub(super) fn not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            detail: "there is none of this id".to_owned(),
            field: None,
        }
    }

    fn conflict(detail: String, field: Option<String>) -> Self {
        Self {
            status: StatusCode::CONFLICT,
            detail,
            field,
        }
    }

    /// What is wrong, for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::Query(error) = error {
            return Self {
                status: StatusCode::BAD_REQUEST,
                detail: error.to_string(),
                field: None,
            };
        }
        tracing::error!(%error, "events not read");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            detail: "the event store cannot be read now".to_owned(),
            field: None,
        }
    }
}

impl From<ActionError> for Problem {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::Field(error) => Self::field(&error.field, error.to_string()),
            ActionError::Critical(error) => {
                let detail =
                    format!("{error}; post it with \"allow_critical\": true if that is meant");
                Self::conflict(detail, Some(error.field))
            }
            ActionError::Full(detail) => Self::conflict(detail, None),
            ActionError::State(error) => error.into(),
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        tracing::error!(%error, "state store not usable");
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            detail: "the state store cannot be used now".to_owned(),
            field: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let (Some(field), Some(body)) = (self.field, body.as_object_mut()) {
            body.insert("field".to_owned(), field.into());
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        let json = header::HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = header::HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
