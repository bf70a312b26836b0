//! `/api/v1/people`: who may sign in to the pages.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use sqreen::protocol::Timestamp;

use super::MANAGE;
use super::body::{Body, FromFields};
use super::openapi::{Described, Operation, Tag, Time};
use super::params::ItemId;
use super::problem::Problem;
use crate::auth::{Caller, MAX_NAME, PersonChange, link as link_of};
use crate::fields::{FieldError, Fields};
use crate::routes::{get, patch, post};
use crate::server::{App, blocking};
use crate::state::{Id, PersonRecord, Role};

const PATH: &str = "/api/v1/people";
const ONE: &str = "/api/v1/people/{id}";

pub(super) fn routes() -> Vec<Described> {
    let operation = |id, summary| Operation::new(Tag::Access, id, summary);
    vec![
        get(PATH, MANAGE, list).described(
            operation("listPeople", "Who may sign in to the pages")
                .answer::<People>(200, "All people"),
        ),
        post(PATH, MANAGE, add).described(
            operation("addPerson", "Adds a person, who has no password yet")
                .body::<NewPerson>(json!({"name": "ann@example.com", "role": "operator"}))
                .answer::<PersonView>(201, "The person")
                .conflict("There is someone of this name, or there are too many people"),
        ),
        get(ONE, MANAGE, show).described(
            operation("getPerson", "One person").answer::<PersonView>(200, "The person"),
        ),
        patch(ONE, MANAGE, change).described(
            operation(
                "changePerson",
                "Changes a person's role, or whether they may sign in",
            )
            .body::<PersonPatch>(json!({"role": "viewer"}))
            .answer::<PersonView>(200, "The person as they are now")
            .conflict("This is the only admin who can sign in"),
        ),
        post("/api/v1/people/{id}/password-link", MANAGE, link).described(
            operation(
                "makePasswordLink",
                "Makes a link with which the person sets a password, once, within a day",
            )
            .answer::<PasswordLink>(201, "The link, which is shown here alone")
            .conflict("The person is disabled"),
        ),
    ]
}

/// A person with every key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Person")]
struct PersonView {
    id: Id,
    name: String,
    #[schemars(with = "Role")]
    role: &'static str,
    has_password: bool,
    #[schemars(with = "Time")]
    created_at: Timestamp,
    #[schemars(with = "Option<Time>")]
    signed_in_at: Option<Timestamp>,
    #[schemars(with = "Option<Time>")]
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

#[derive(Debug, Serialize, JsonSchema)]
struct People {
    people: Vec<PersonView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct PasswordLink {
    /// Path and query.
    link: String,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct NewPerson {
    /// An e-mail address or a login; no two differ in case alone.
    #[schemars(length(min = 1, max = MAX_NAME), regex(pattern = r"^[A-Za-z0-9._%+@-]+$"))]
    name: String,
    role: Role,
}

impl FromFields for NewPerson {
    fn read(fields: &mut Fields) -> Result<Self, FieldError> {
        Ok(Self {
            name: fields.needed("name", Fields::text, MAX_NAME)?,
            role: role(fields)?.ok_or_else(|| FieldError::new("role", "missing"))?,
        })
    }
}

/// What is absent stays as it is.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PersonPatch {
    role: Option<Role>,
    /// Whoever is disabled cannot sign in, and their sessions end.
    disabled: Option<bool>,
}

impl FromFields for PersonPatch {
    fn read(fields: &mut Fields) -> Result<Self, FieldError> {
        Ok(Self {
            role: role(fields)?,
            disabled: fields.flag("disabled")?,
        })
    }
}

fn role(fields: &mut Fields) -> Result<Option<Role>, FieldError> {
    fields.named("role", Role::ALL, Role::name)
}

async fn list(State(app): State<App>) -> Json<People> {
    let people = app.people.all().into_iter().map(PersonView::from).collect();
    Json(People { people })
}

async fn show(State(app): State<App>, ItemId(id): ItemId) -> Result<Json<PersonView>, Problem> {
    let person = app.people.with_id(id).ok_or_else(Problem::not_found)?;
    Ok(Json(person.into()))
}

async fn add(
    by: Caller,
    State(app): State<App>,
    Body(new): Body<NewPerson>,
) -> Result<Response, Problem> {
    let shared = Arc::clone(&app);
    let person = blocking(move || shared.people.add(&new.name, new.role, None, &by)).await??;
    let place = format!("{PATH}/{}", person.id);
    let view = Json(PersonView::from(person));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], view).into_response())
}

async fn change(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
    Body(patch): Body<PersonPatch>,
) -> Result<Json<PersonView>, Problem> {
    let change = PersonChange {
        role: patch.role,
        disabled: patch.disabled,
    };
    let shared = Arc::clone(&app);
    let person = blocking(move || shared.people.change(id, change, &by)).await??;
    Ok(Json(person.into()))
}

async fn link(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<(StatusCode, Json<PasswordLink>), Problem> {
    let shared = Arc::clone(&app);
    let code = blocking(move || shared.people.make_link(id, &by)).await??;
    let link = link_of(&code);
    Ok((StatusCode::CREATED, Json(PasswordLink { link })))
}
