//! `/account`: one's own password and sessions.

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
use crate::auth::{Secret, SignInError, check_password};
use crate::server::{App, blocking};
use crate::state::{Role, SessionRecord};

const PATH: &str = "/account";
/// The most bytes of the sessions of a page.
const ROWS: usize = 85_000;

/// `GET /account?sessions=…`.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    markup(&app, &reader, &params, None).into_response()
}

/// `POST /account/password`. All sessions end, and a new one begins.
pub(super) async fn set_password(
    State(app): State<App>,
    from: signin::From,
    sent: Sent,
) -> Response {
    let field = |name| Secret(value(&sent.fields, name).unwrap_or_default().to_owned());
    let (old, new) = (field("old"), field("password"));
    let reader = &sent.reader;
    let refuse = |status, wrong: &str| {
        (status, markup(&app, reader, &Params::new(), Some(wrong))).into_response()
    };
    let name = &reader.caller.name;
    // As often as anyone may sign in, so that who finds a session cannot guess the password here.
    let found = app.signin.person(&app.people, name, old, from.client());
    match found.await {
        Ok(_) => {}
        Err(SignInError::Wrong) => {
            return refuse(StatusCode::FORBIDDEN, "The present password is another.");
        }
        Err(SignInError::Wait(wait)) => {
            let wrong = format!("Too many attempts. Try again in {} s.", wait.as_secs() + 1);
            return refuse(StatusCode::TOO_MANY_REQUESTS, &wrong);
        }
        Err(SignInError::Busy) => {
            let wrong = "Too many people sign in at this moment. Try again.";
            return refuse(StatusCode::SERVICE_UNAVAILABLE, wrong);
        }
    }
    if let Err(error) = check_password(&new.0, name) {
        return refuse(StatusCode::BAD_REQUEST, &error.to_string());
    }
    let hash = match app.signin.passwords.hash(new).await {
        Ok(hash) => hash,
        Err(error) => return signin::unhashed(&error),
    };
    let (shared, by) = (Arc::clone(&app), reader.caller.clone());
    let id = reader.person;
    match blocking(move || shared.people.set_password(id, &hash, &by)).await {
        Ok(Ok(person)) => signin::begin(&app, &person, &from, Redirect::to(PATH)).await,
        Ok(Err(error)) => signin::unavailable(&error),
        Err(error) => signin::unavailable(&error),
    }
}

/// `POST /account/sessions/{id}/end`.
pub(super) async fn end_session(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let Ok(id) = id.parse() else {
        let wrong = Some("There is no session of this id.");
        let page = markup(&app, &sent.reader, &Params::new(), wrong);
        return (StatusCode::NOT_FOUND, page).into_response();
    };
    let shared = Arc::clone(&app);
    match blocking(move || shared.people.end(id, &sent.reader)).await {
        Ok(Ok(())) => Redirect::to(PATH).into_response(),
        Ok(Err(error)) => signin::unavailable(&error),
        Err(error) => signin::unavailable(&error),
    }
}

fn markup(app: &App, reader: &Reader, params: &Params, wrong: Option<&str>) -> Markup {
    let content = html! {
        @if let Some(wrong) = wrong { p role="alert" { (wrong) } }
        section aria-labelledby="you" {
            h2 #you { (reader.caller.name) }
            p { "Your role is " (reader.caller.role.name()) "." }
            @if reader.may(Role::Admin) {
                p { a href="/people" { "People" } " · " a href="/audit" { "Audit log" } }
            }
            form.inline method="post" action="/signout" { (csrf(reader)) button { "Sign out" } }
        }
        section aria-labelledby="password" {
            h2 #password { "Password" }
            form.signin method="post" action="/account/password" {
                (csrf(reader))
                label { "Present password"
                    input type="password" name="old" autocomplete="current-password" required; }
                label { "New password, 12 characters or more"
                    input type="password" name="password" autocomplete="new-password" minlength="12" required; }
                p { "It ends all your other sessions." }
                button { "Change the password" }
            }
        }
        section aria-labelledby="sessions" {
            h2 #sessions { "Sessions" }
            (sessions(app, reader, params))
        }
    };
    page::document("Account", Some(page::Here::new(PATH, reader)), &content)
}

fn sessions(app: &App, reader: &Reader, params: &Params) -> Markup {
    let heads = ["Last used", "Began", "From", "Browser", ""];
    let sessions = app.people.sessions(reader.person);
    let row = |session: &SessionRecord| row(session, reader);
    Tables::new(PATH, &[], params).table("sessions", ("Sessions", &heads), &sessions, ROWS, row)
}

fn row(session: &SessionRecord, reader: &Reader) -> Markup {
    html! {
        tr {
            td data-label="Last used" { (time(session.used_at)) }
            td data-label="Began" { (time(session.created_at)) }
            td.whole data-label="From" { (session.ip.as_deref().unwrap_or("unknown")) }
            td data-label="Browser" { (short(&session.browser)) }
            td {
                @if session.id == reader.session { span { "this one" } } @else {
                    form.inline method="post" action={ "/account/sessions/" (session.id) "/end" } {
                        (csrf(reader))
                        button.small { "End" }
                    }
                }
            }
        }
    }
}
