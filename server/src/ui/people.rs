//! `/people`: who may sign in, and what they may do.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::access::{Reader, Sent, csrf, value};
use super::room::Tables;
use super::text::{short, time};
use super::{page, signin};
use crate::api::Params;
use crate::auth::{Caller, People, PersonChange, PersonError, link as link_of};
use crate::server::{App, blocking};
use crate::state::{Id, PersonRecord, Role};
use crate::store::StoreError;

const PATH: &str = "/people";
/// The most bytes of the rows of a page.
const ROWS: usize = 85_000;

const HEADS: [&str; 6] = ["Name", "Role", "Added", "Last signed in", "Password", ""];

/// What became of a form.
#[derive(Debug)]
enum Said {
    Nothing,
    Wrong(String),
    /// Path and query of a link that sets the password of the person of this name.
    Link(String, String),
}

/// `GET /people?people=…`.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    markup(&app, &reader, &params, &Said::Nothing).into_response()
}

/// `POST /people`. The answer has the link to set a password, once.
pub(super) async fn add(State(app): State<App>, sent: Sent) -> Response {
    let name = value(&sent.fields, "name").unwrap_or_default().trim();
    let Some(role) = value(&sent.fields, "role").and_then(Role::of_name) else {
        return wrong(
            &app,
            &sent,
            StatusCode::BAD_REQUEST,
            "role: there is none of this name",
        );
    };
    let name = name.to_owned();
    let added = with_people(&app, &sent, move |people, by| {
        let person = people.add(&name, role, None, by)?;
        Ok(Said::Link(
            person.name,
            link_of(&people.make_link(person.id, by)?),
        ))
    });
    said(&app, &sent, added.await)
}

/// `POST /people/{id}` with `role`, or with `disabled` of `yes` or `no`.
pub(super) async fn change(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let change = PersonChange {
        role: value(&sent.fields, "role").and_then(Role::of_name),
        disabled: value(&sent.fields, "disabled").map(|disabled| disabled == "yes"),
    };
    let changed = with_people(&app, &sent, move |people, by| {
        let id = id.parse().map_err(|_| PersonError::Unknown)?;
        people.change(id, change, by)
    });
    match changed.await {
        Ok(Ok(_)) => Redirect::to(PATH).into_response(),
        other => said(&app, &sent, other.map(|other| other.map(|_| Said::Nothing))),
    }
}

/// `POST /people/{id}/link`. The answer has the link, once.
pub(super) async fn link(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let made = with_people(&app, &sent, move |people, by| {
        let id: Id = id.parse().map_err(|_| PersonError::Unknown)?;
        let code = people.make_link(id, by)?;
        let person = people.with_id(id).ok_or(PersonError::Unknown)?;
        Ok(Said::Link(person.name, link_of(&code)))
    });
    said(&app, &sent, made.await)
}

async fn with_people<T: Send + 'static>(
    app: &App,
    sent: &Sent,
    work: impl FnOnce(&People, &Caller) -> Result<T, PersonError> + Send + 'static,
) -> Result<Result<T, PersonError>, StoreError> {
    let (shared, by) = (Arc::clone(app), sent.reader.caller.clone());
    blocking(move || work(&shared.people, &by)).await
}

fn said(app: &App, sent: &Sent, said: Result<Result<Said, PersonError>, StoreError>) -> Response {
    match said {
        Ok(Ok(said)) => markup(app, &sent.reader, &Params::new(), &said).into_response(),
        Ok(Err(PersonError::State(error))) => signin::unavailable(&error),
        Ok(Err(error)) => {
            let status = match error {
                PersonError::Unknown => StatusCode::NOT_FOUND,
                PersonError::Conflict(_) => StatusCode::CONFLICT,
                _ => StatusCode::BAD_REQUEST,
            };
            wrong(app, sent, status, &error.to_string())
        }
        Err(error) => signin::unavailable(&error),
    }
}

fn wrong(app: &App, sent: &Sent, status: StatusCode, wrong: &str) -> Response {
    let said = Said::Wrong(wrong.to_owned());
    (status, markup(app, &sent.reader, &Params::new(), &said)).into_response()
}

fn markup(app: &App, reader: &Reader, params: &Params, said: &Said) -> Markup {
    let content = html! {
        @match said {
            Said::Nothing => {},
            Said::Wrong(wrong) => p role="alert" { (wrong) },
            Said::Link(name, link) => section.card aria-labelledby="link" {
                h2 #link { "Link for " (name) }
                p { "Send it to them: with it they choose a password, once, within a day. It is not shown again." }
                p { a href=(link) { (link) } }
            },
        }
        section aria-labelledby="people" {
            h2 #people { "People" }
            (Tables::new(PATH, &[], params).table("people", ("People", &HEADS), &app.people.all(), ROWS, |person| row(person, reader)))
        }
        section aria-labelledby="add" {
            h2 #add { "Add a person" }
            form.signin method="post" action=(PATH) {
                (csrf(reader))
                label { "Name, an e-mail address or a login" input name="name" autocomplete="off" autocapitalize="none" required; }
                label { "Role" (roles("Role", Role::Viewer)) }
                button { "Add" }
            }
        }
    };
    page::document("People", Some(page::Here::new(PATH, reader)), &content)
}

fn row(person: &PersonRecord, reader: &Reader) -> Markup {
    let path = format!("{PATH}/{}", person.id);
    let disabled = person.disabled_at.is_some();
    html! {
        tr {
            td data-label="Name" { (short(&person.name)) @if disabled { " (disabled)" } }
            td data-label="Role" {
                form.inline method="post" action=(path) {
                    (csrf(reader))
                    (roles(&format!("Role of {}", person.name), person.role))
                    button.small { "Change" }
                }
            }
            td data-label="Added" { (time(person.created_at)) }
            td data-label="Last" { @match person.signed_in_at { Some(at) => (time(at)), None => "never" } }
            td data-label="Password" { @if person.password.is_some() { span { "set" } } @else { span { "not set" } } }
            td {
                @if !disabled {
                    form.inline method="post" action={ (path) "/link" } {
                        (csrf(reader)) button.small { "New password link" }
                    }
                }
                form.inline method="post" action=(path) {
                    (csrf(reader))
                    input type="hidden" name="disabled" value=(if disabled { "no" } else { "yes" });
                    button.small { @if disabled { "Enable" } @else { "Disable" } }
                }
            }
        }
    }
}

fn roles(name: &str, chosen: Role) -> Markup {
    html! {
        select name="role" aria-label=(name) {
            @for role in Role::ALL {
                option value=(role.name()) selected[role == chosen] { (role.name()) }
            }
        }
    }
}
