//! `/notifications/{id}/edit`: where a destination leads, and what it is told of.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::super::access::{Reader, Sent, csrf, value};
use super::super::page::{Here, document, refusal};
use super::super::signin;
use super::super::text::short;
use super::{PATH, form, page};
use crate::api::Params;
use crate::notify::{Draft, MAX_URL, NotifyError};
use crate::server::{App, blocking};
use crate::state::{Channel, Destination, Id};

/// `GET /notifications/{id}/edit`.
pub(in super::super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    reader: Reader,
) -> Response {
    match destination(&app, &id).await {
        Ok(destination) => {
            let filled = form::filled_of(&destination);
            markup(&destination, &reader, &filled, None).into_response()
        }
        Err(error) => not_shown(&error, &reader),
    }
}

/// `POST /notifications/{id}/edit`. What is refused stays in the form.
pub(in super::super) async fn save(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let destination = match destination(&app, &id).await {
        Ok(destination) => destination,
        Err(error) => return not_shown(&error, &sent.reader),
    };
    let fields = form::changes(&sent.fields, destination.channel);
    let (shared, by, id) = (Arc::clone(&app), sent.reader.caller.clone(), destination.id);
    let changed = blocking(move || {
        let draft = Draft::read(fields).map_err(NotifyError::Field)?;
        shared.notifier.change(id, draft, &by)
    });
    let (status, error) = match changed.await.map_err(NotifyError::from).flatten() {
        Ok(_) => return Redirect::to(PATH).into_response(),
        Err(NotifyError::Field(error)) => (StatusCode::BAD_REQUEST, error),
        Err(NotifyError::Conflict(error)) => (StatusCode::CONFLICT, error),
        Err(error) => return not_shown(&error, &sent.reader),
    };
    let wrong = error.to_string();
    let page = markup(&destination, &sent.reader, &sent.fields, Some(&wrong));
    (status, page).into_response()
}

async fn destination(app: &App, id: &str) -> Result<Destination, NotifyError> {
    let id: Id = id.parse().map_err(|_| NotifyError::Unknown)?;
    let shared = Arc::clone(app);
    blocking(move || shared.notifier.destination(id)).await?
}

fn not_shown(error: &NotifyError, reader: &Reader) -> Response {
    match error {
        NotifyError::State(error) => signin::unavailable(error),
        NotifyError::Internal(error) => signin::unavailable(error),
        NotifyError::Unknown | NotifyError::Field(_) | NotifyError::Conflict(_) => {
            let here = Some(Here::new(PATH, reader));
            let page = refusal("Destination", here, super::GONE, &[(PATH, "Notifications")]);
            (StatusCode::NOT_FOUND, page).into_response()
        }
    }
}

fn markup(
    destination: &Destination,
    reader: &Reader,
    filled: &Params,
    wrong: Option<&str>,
) -> Markup {
    let given = |name| value(filled, name);
    let (label, required) = match destination.channel {
        Channel::Webhook => ("URL of the webhook", true),
        Channel::Slack => (
            "URL of Slack's incoming webhook, which is secret; the present one stays if it is empty",
            false,
        ),
        Channel::Email => ("Addresses of e-mail, separated by commas", true),
    };
    let content = html! {
        @if let Some(wrong) = wrong { p role="alert" { (wrong) } }
        section aria-labelledby="edit" {
            div.tools {
                h2 #edit { "Edit " (short(&destination.name)) ", " (destination.channel.name()) }
                a href=(PATH) { "All notifications" }
            }
            form.card method="post" action={ (PATH) "/" (destination.id) "/edit" } {
                (csrf(reader))
                (page::name_input(given("name")))
                label { (label)
                    input name="target" value=[given("target")] required[required] maxlength=(MAX_URL) autocomplete="off" autocapitalize="none";
                }
                (page::playbooks_input(given("playbooks")))
                @if destination.channel == Channel::Email { (page::digest_input(given("digest").is_some())) }
                button { "Save" }
            }
        }
    };
    document("Edit destination", Some(Here::new(PATH, reader)), &content)
}
