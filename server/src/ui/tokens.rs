//! The tokens on `/apps`: what agents and programs prove themselves by. Admins make and revoke them here.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::access::{Reader, Sent, csrf, value};
use super::apps;
use super::room::Tables;
use super::signin;
use super::text::{counted, short, time};
use crate::api::Params;
use crate::auth::{MAX_TOKEN_TEXT, NewToken, Secret, TokenError};
use crate::fields::FieldError;
use crate::server::{App, blocking};
use crate::state::{Id, Role, TokenKind, TokenRecord};

const PATH: &str = "/apps/tokens";
/// The most bytes of each table's rows.
const LIVE: usize = 18_000;
const REVOKED: usize = 8_000;

/// What became of a form.
#[derive(Debug)]
pub(super) enum Said {
    Nothing,
    /// Why no token was made, and what was filled in.
    Wrong(String, Params),
    /// There is none to revoke.
    Missing,
    Made(Secret, TokenRecord),
}

/// `POST /apps/tokens`. The answer has the token, once.
pub(super) async fn make(State(app): State<App>, sent: Sent) -> Response {
    let new = match read(&sent.fields) {
        Ok(new) => new,
        Err(error) => return wrong(&app, &sent, StatusCode::BAD_REQUEST, error.to_string()).await,
    };
    let (shared, by) = (Arc::clone(&app), sent.reader.caller.clone());
    match blocking(move || shared.tokens.create(new, &by)).await {
        Ok(Ok((token, record))) => {
            let said = Said::Made(token, record);
            apps::page(&app, &sent.reader, &Params::new(), StatusCode::OK, &said).await
        }
        Ok(Err(TokenError::State(error))) => signin::unavailable(&error),
        Ok(Err(error)) => {
            let status = match error {
                TokenError::Field(_) => StatusCode::BAD_REQUEST,
                _ => StatusCode::CONFLICT,
            };
            wrong(&app, &sent, status, error.to_string()).await
        }
        Err(error) => signin::unavailable(&error),
    }
}

/// `POST /apps/tokens/{id}/revoke`.
pub(super) async fn revoke(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let (anew, said) = (Params::new(), Said::Missing);
    let missing = apps::page(&app, &sent.reader, &anew, StatusCode::NOT_FOUND, &said);
    let Ok(id) = id.parse::<Id>() else {
        return missing.await;
    };
    let (shared, by) = (Arc::clone(&app), sent.reader.caller.clone());
    match blocking(move || shared.tokens.revoke(id, &by)).await {
        Ok(Ok(Some(_))) => Redirect::to("/apps#tokens").into_response(),
        Ok(Ok(None)) => missing.await,
        Ok(Err(error)) => signin::unavailable(&error),
        Err(error) => signin::unavailable(&error),
    }
}

/// What opens what, as the form offers it.
const CHOICES: [(&str, TokenKind, Option<Role>, &str); 5] = [
    ("org", TokenKind::Org, None, "agents of any app"),
    ("app", TokenKind::App, None, "agents of one app"),
    (
        "viewer",
        TokenKind::Api,
        Some(Role::Viewer),
        "the API: reads",
    ),
    (
        "operator",
        TokenKind::Api,
        Some(Role::Operator),
        "the API: reads, and acts",
    ),
    (
        "admin",
        TokenKind::Api,
        Some(Role::Admin),
        "the API: everything",
    ),
];

fn read(fields: &Params) -> Result<NewToken, FieldError> {
    let text = |name| value(fields, name).unwrap_or_default().trim().to_owned();
    let (chosen, app) = (text("for"), text("app"));
    let mut choices = CHOICES.into_iter();
    let choice = choices.find(|(name, ..)| *name == chosen);
    let (_, kind, role, _) =
        choice.ok_or_else(|| FieldError::new("for", "there is none of this name"))?;
    let app = Some(app).filter(|app| !app.is_empty());
    NewToken::new(kind, app, role, text("comment"))
}

async fn wrong(app: &App, sent: &Sent, status: StatusCode, wrong: String) -> Response {
    let said = Said::Wrong(wrong, sent.fields.clone());
    apps::page(app, &sent.reader, &Params::new(), status, &said).await
}

/// The tokens of the store, and for admins the ways to change them.
pub(super) fn section(
    tokens: &[TokenRecord],
    reader: &Reader,
    tables: Tables<'_>,
    said: &Said,
) -> Markup {
    let manages = reader.may(Role::Admin);
    let (live, revoked): (Vec<_>, Vec<_>) =
        tokens.iter().partition(|token| token.revoked_at.is_none());
    html! {
        section aria-labelledby="tokens" {
            h2 #tokens { "Tokens" }
            @if let Said::Missing = said { p role="alert" { "There is no token of this id." } }
            p.note {
                "Those of the configuration are not listed. "
                @if manages { "The shell makes and revokes them, too: " code { "sqreen-server token" } "." }
                @else { "Admins make and revoke them." }
            }
            @if live.is_empty() { p { "No token is stored." } } @else {
                (tables.table(
                    "tokens",
                    ("Tokens", &["Name", "For", "Made", "Last used, to the hour", ""]),
                    &live, LIVE, |token| row(token, manages.then_some(reader)),
                ))
            }
            @if !revoked.is_empty() {
                details #revoked open[tables.within("revoked")] {
                    summary { (counted(revoked.len() as u64, "token")) " revoked" }
                    (tables.table(
                        "revoked",
                        ("Revoked tokens", &["Name", "For", "Made", "Last used, to the hour", "Revoked"]),
                        &revoked, REVOKED, |token| row(token, None),
                    ))
                }
            }
        }
        @if manages { (form(said, reader)) }
    }
}

/// The token that was made just now.
pub(super) fn made(said: &Said) -> Markup {
    let Said::Made(token, record) = said else {
        return html! {};
    };
    let setting = match record.kind {
        TokenKind::Api => "Authorization: Bearer ",
        TokenKind::Org | TokenKind::App => "SQREEN_TOKEN=",
    };
    html! {
        section.card aria-labelledby="made" {
            h2 #made { "New token for " (of(record)) }
            p role="status" { "Copy it now. It is not shown again." }
            pre.wraps tabindex="0" { code { (setting) (token.0) } }
        }
    }
}

fn form(said: &Said, reader: &Reader) -> Markup {
    let given = |name| match said {
        Said::Wrong(_, fields) => value(fields, name),
        _ => None,
    };
    html! {
        section aria-labelledby="make" {
            h2 #make { "Make a token" }
            @if let Said::Wrong(wrong, _) = said { p role="alert" { (wrong) } }
            form.card.row method="post" action=(PATH) {
                (csrf(reader))
                label { "For"
                    select name="for" {
                        @for (name, _, _, shown) in CHOICES {
                            option value=(name) selected[given("for") == Some(name)] { (shown) }
                        }
                    }
                }
                label { "App, for the agents of one"
                    input name="app" value=[given("app")] maxlength=(MAX_TOKEN_TEXT) autocomplete="off" autocapitalize="none"; }
                label { "Name, to know it by"
                    input name="comment" value=[given("comment")] maxlength=(MAX_TOKEN_TEXT) autocomplete="off"; }
                button { "Make" }
            }
        }
    }
}

/// What a token is for, with the role of one for the API.
fn of(token: &TokenRecord) -> Markup {
    html! {
        @match (token.kind, token.role, &token.app) {
            (TokenKind::Api, Some(role), _) => { "the API as " (role.name()) },
            (TokenKind::Api, None, _) => "the API",
            (TokenKind::App, _, Some(app)) => { "agents of " (short(app)) },
            (TokenKind::App, ..) => "agents of one app",
            (TokenKind::Org, ..) => "agents of any app",
        }
    }
}

/// A token; `reader` is who may revoke it.
fn row(token: &TokenRecord, reader: Option<&Reader>) -> Markup {
    let id = token.id.to_string();
    let name = match token.comment.as_str() {
        "" => id.as_str(),
        comment => comment,
    };
    html! {
        tr {
            td data-label="Name" { (short(name)) }
            td data-label="For" { span { (of(token)) } }
            td data-label="Made" { (time(token.created_at)) }
            td data-label="Last used" { @match token.used_at { Some(used) => (time(used)), None => small { "never" } } }
            @if let Some(revoked) = token.revoked_at {
                td data-label="Revoked" { (time(revoked)) }
            } @else {
                td {
                    @if let Some(reader) = reader {
                        details {
                            summary aria-label={ "Revoke " (short(name)) } { "Revoke" }
                            form.inline method="post" action={ (PATH) "/" (id) "/revoke" } {
                                (csrf(reader))
                                p { "Whoever uses it is refused from then on, for ever." }
                                button.small { "Revoke it" }
                            }
                        }
                    }
                }
            }
        }
    }
}
