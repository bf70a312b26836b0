//! Bodies of requests: JSON objects, whatever content type they are sent with.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::fields::{FieldError, Fields};

/// What a handler reads from the fields of a body.
pub(crate) trait FromFields: Sized {
    /// Takes its fields; those that are left are refused.
    fn read(fields: &mut Fields) -> Result<Self, FieldError>;
}

/// The fields of a body, as they are.
#[derive(Debug)]
pub(super) struct Object(pub(super) Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Object {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
            _ => Problem::field("body", format!("body: {}", error.body_text())),
        })?;
        let fields = serde_json::from_slice(&body);
        let fields = fields
            .map_err(|error| Problem::field("body", format!("body: not a JSON object: {error}")))?;
        Ok(Self(fields))
    }
}

/// A body that is read by its fields.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: FromFields, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Object(fields) = Object::from_request(request, state).await?;
        let mut fields = Fields::new(fields);
        let read = T::read(&mut fields)?;
        fields.finish()?;
        Ok(Self(read))
    }
}
