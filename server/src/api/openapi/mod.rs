//! `GET /api/v1/openapi.json`: the API described as OpenAPI 3.1, made from the table of routes and the types of bodies.

mod document;
mod operation;
mod schema;

use std::sync::OnceLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

pub(crate) use self::operation::{Described, Operation, Param, Tag};
pub(crate) use self::schema::{Moment, Time};
use crate::routes::{Needs, get};

/// The route of the description itself. It needs nothing: it tells of no server in particular, and programs that read
/// it come without a token.
pub(super) fn route() -> Described {
    let operation = Operation::new(Tag::Server, "getDescription", "This description")
        .answer::<Value>(200, "OpenAPI 3.1");
    get("/api/v1/openapi.json", Needs::Nothing, show).described(operation)
}

async fn show() -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(|| document::of(&super::routes()).to_string());
    let json = [(header::CONTENT_TYPE, "application/json")];
    (json, document.as_str()).into_response()
}
