//! Errors as RFC 9457 problem details.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::actions::ActionError;
use crate::auth::{PersonError, TokenError};
use crate::fields::FieldError;
use crate::notify::NotifyError;
use crate::playbooks::PlaybookError;
use crate::playbooks::limits::MAX_PLAYBOOKS;
use crate::state::{Role, StateError};
use crate::store::{FilterError, StoreError};
use crate::views::ViewError;

/// The most bytes of a body.
pub(crate) const MAX_BODY: usize = 2 << 20;

/// A request that was refused, as RFC 9457 has it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct ProblemView {
    #[serde(rename = "type")]
    kind: &'static str,
    /// What the status is called.
    title: &'static str,
    status: u16,
    /// What is wrong, for people.
    detail: String,
    /// The parameter, or the field of the body, that is wrong; `body` if none of its fields can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Where in a `filter` it is wrong, in bytes from its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<usize>,
}

/// A request that the API refuses.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    /// The parameter that is wrong.
    field: Option<String>,
    /// Where the parameter is wrong, in bytes from its start.
    position: Option<usize>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            field: None,
            position: None,
        }
    }

    pub(crate) fn unauthorized() -> Self {
        let detail = "authorization: expected `Bearer` and a token of the API";
        Self::new(StatusCode::UNAUTHORIZED, detail)
    }

    /// The caller may not; whoever has this role may.
    pub(crate) fn forbidden(role: Role) -> Self {
        let detail = format!("authorization: this takes the role {}", role.name());
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    pub(crate) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// A parameter in the filter language that is wrong.
    pub(super) fn filter(field: &str, error: &FilterError) -> Self {
        Self {
            position: Some(error.position()),
            ..Self::field(field, format!("{field}: {error}"))
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is none of this id")
    }

    pub(super) fn unknown_parameter(name: &str) -> Self {
        Self::field(name, format!("{name}: unknown parameter"))
    }

    pub(super) fn too_large() -> Self {
        Self {
            field: Some("body".to_owned()),
            ..Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("body: longer than {MAX_BODY} bytes"),
            )
        }
    }

    /// The body did not come in time.
    pub(crate) fn slow() -> Self {
        Self {
            field: Some("body".to_owned()),
            ..Self::new(StatusCode::REQUEST_TIMEOUT, "body: took too long")
        }
    }

    /// There is no route of this path.
    pub(crate) fn no_route() -> Self {
        let detail = "there is nothing here; /api/v1/openapi.json has what there is";
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// There is, but not by this method.
    pub(crate) fn method() -> Self {
        let detail = "the header `allow` has the methods that there are here";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    /// Too many streams of this kind are open.
    pub(super) fn busy() -> Self {
        let detail = "as many of these run as the server takes; try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    fn conflict(detail: String, field: Option<String>) -> Self {
        Self {
            field,
            ..Self::new(StatusCode::CONFLICT, detail)
        }
    }

    /// What is wrong, for people.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The parameter that is wrong, and where in bytes from its start, if that is known.
    pub(crate) fn place(&self) -> Option<(&str, usize)> {
        Some((self.field.as_deref()?, self.position?))
    }

    /// The parameter that is wrong, if that is known.
    pub(crate) fn at(&self) -> Option<&str> {
        self.field.as_deref()
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::Query(error) = error {
            // Its text begins with the parameter.
            let detail = error.to_string();
            let field = detail.split(':').next().unwrap_or_default();
            return Self::field(field, detail.clone());
        }
        tracing::error!(%error, "events not read");
        let detail = "the event store cannot be read now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self {
            position: error.position,
            ..Self::field(&error.field, error.to_string())
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Field(error) => error.into(),
            TokenError::Full => Self::conflict(error.to_string(), None),
            TokenError::State(error) => error.into(),
        }
    }
}

impl From<ViewError> for Problem {
    fn from(error: ViewError) -> Self {
        match error {
            ViewError::Field(error) => error.into(),
            ViewError::Taken => Self::conflict(error.to_string(), Some("name".to_owned())),
            ViewError::Full => Self::conflict(error.to_string(), None),
            ViewError::State(error) => error.into(),
        }
    }
}

impl From<ActionError> for Problem {
    fn from(error: ActionError) -> Self {
        match error {
            ActionError::Field(error) => error.into(),
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

impl From<PlaybookError> for Problem {
    fn from(error: PlaybookError) -> Self {
        match error {
            PlaybookError::Field(error) => error.into(),
            PlaybookError::Changed(0) => {
                let detail = "version: there is no such playbook; 0 makes a new one".to_owned();
                Self::conflict(detail, Some("version".to_owned()))
            }
            PlaybookError::Changed(version) => {
                let detail =
                    format!("version: {version} is there, which someone else may have made");
                Self::conflict(detail, Some("version".to_owned()))
            }
            PlaybookError::Full => {
                let detail = format!("there are {MAX_PLAYBOOKS} playbooks, the limit");
                Self::conflict(detail, None)
            }
            PlaybookError::State(error) => error.into(),
        }
    }
}

impl From<PersonError> for Problem {
    fn from(error: PersonError) -> Self {
        match error {
            PersonError::Field(error) => error.into(),
            PersonError::Conflict(error) => {
                let detail = error.to_string();
                Self::conflict(detail, Some(error.field))
            }
            PersonError::Unknown => Self::not_found(),
            PersonError::State(error) => error.into(),
        }
    }
}

impl From<NotifyError> for Problem {
    fn from(error: NotifyError) -> Self {
        match error {
            NotifyError::Field(error) => error.into(),
            NotifyError::Conflict(error) => {
                let detail = error.to_string();
                Self::conflict(detail, Some(error.field))
            }
            NotifyError::Unknown => Self::not_found(),
            NotifyError::State(error) => error.into(),
            NotifyError::Internal(error) => error.into(),
        }
    }
}

impl From<StateError> for Problem {
    fn from(error: StateError) -> Self {
        tracing::error!(%error, "state store not usable");
        let detail = "the state store cannot be used now";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let view = ProblemView {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: self.detail,
            field: self.field,
            position: self.position,
        };
        let mut response = (self.status, Json(view)).into_response();
        let headers = response.headers_mut();
        let json = header::HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        let (name, value) = match self.status {
            StatusCode::UNAUTHORIZED => (header::WWW_AUTHENTICATE, "Bearer"),
            StatusCode::SERVICE_UNAVAILABLE => (header::RETRY_AFTER, "1"),
            _ => return response,
        };
        headers.insert(name, header::HeaderValue::from_static(value));
        response
    }
}
