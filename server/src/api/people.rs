//! `/api/v1/people`: who may sign in to the pages.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqreen::protocol::Timestamp;

use super::object;
use super::problem::Problem;
use crate::auth::{Caller, PersonChange, link as link_of};
use crate::server::{App, blocking};
use crate::state::{Id, PersonRecord, Role};

/// A person with every key, times as RFC 3339.
#[derive(Debug, Serialize)]
pub(super) struct PersonView {
    id: Id,
    name: String,
    role: &'static str,
    has_password: bool,
    created_at: Timestamp,
    signed_in_at: Option<Timestamp>,
    disabled_at: Option<Timestamp>,
}

impl From<PersonRecord> for PersonView {
    fn from(person: PersonRecord) -> Self {
        Self {
            id: person.id,
            name: person.name,
            role: person.role.name(),
            has_password: person.password.is_some(),
            created_at: Timestamp::from_micros(person.created_at),
            signed_in_at: person.signed_in_at.map(Timestamp::from_micros),
            disabled_at: person.disabled_at.map(Timestamp::from_micros),
        }
    }
}

pub(super) async fn list(State(app): State<App>) -> Json<Value> {
    let people: Vec<_> = app.people.all().into_iter().map(PersonView::from).collect();
    Json(json!({"people": people}))
}

pub(super) async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<PersonView>, Problem> {
    let person = app.people.with_id(parse(&id)?);
    let person = person.ok_or_else(Problem::not_found)?;
    Ok(Json(person.into()))
}

/// Takes `name` and `role`.
pub(super) async fn add(
    by: Caller,
    State(app): State<App>,
    body: Bytes,
) -> Result<Response, Problem> {
    let mut fields = object(&body)?;
    let wrong = || Problem::field("name", "name: expected a text");
    let name = fields.remove("name").ok_or_else(wrong)?;
    let name = name.as_str().ok_or_else(wrong)?.to_owned();
    let role = role(&mut fields)?.ok_or_else(|| wrong_role("role: missing"))?;
    none_left(&fields)?;
    let shared = Arc::clone(&app);
    let person = blocking(move || shared.people.add(&name, role, None, &by)).await??;
    let place = format!("/api/v1/people/{}", person.id);
    let view = Json(PersonView::from(person));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], view).into_response())
}

/// Takes `role` and `disabled`, or one of them.
pub(super) async fn change(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<PersonView>, Problem> {
    let id = parse(&id)?;
    let mut fields = object(&body)?;
    let role = role(&mut fields)?;
    let disabled = match fields.remove("disabled") {
        None => None,
        Some(Value::Bool(disabled)) => Some(disabled),
        Some(_) => {
            let wrong = "disabled: expected true or false";
            return Err(Problem::field("disabled", wrong));
        }
    };
    none_left(&fields)?;
    let change = PersonChange { role, disabled };
    let shared = Arc::clone(&app);
    let person = blocking(move || shared.people.change(id, change, &by)).await??;
    Ok(Json(person.into()))
}

/// Makes a link with which the person sets a password, once, within a day. It is in this answer alone.
pub(super) async fn link(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let id = parse(&id)?;
    let shared = Arc::clone(&app);
    let code = blocking(move || shared.people.make_link(id, &by)).await??;
    let link = link_of(&code);
    Ok((StatusCode::CREATED, Json(json!({"link": link}))))
}

fn parse(id: &str) -> Result<Id, Problem> {
    id.parse().map_err(|_| Problem::not_found())
}

fn role(fields: &mut Map<String, Value>) -> Result<Option<Role>, Problem> {
    let role = fields.remove("role");
    let known = |role: Value| {
        let role = role.as_str().and_then(Role::of_name);
        role.ok_or_else(|| wrong_role("role: none of viewer, operator and admin"))
    };
    role.map(known).transpose()
}

fn wrong_role(wrong: &str) -> Problem {
    Problem::field("role", wrong)
}

fn none_left(fields: &Map<String, Value>) -> Result<(), Problem> {
    match fields.keys().next() {
        Some(name) => Err(Problem::field(name, format!("{name}: unknown field"))),
        None => Ok(()),
    }
}
