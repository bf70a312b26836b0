//! Saved views: pages of events under a name, which all who look at the pages share.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::access::{Reader, Sent, csrf, value};
use super::actions::local;
use super::explorer::{self, Listing};
use super::page;
use super::room::{Tables, fit};
use super::text::{short, time};
use crate::api::Params;
use crate::server::{App, blocking};
use crate::state::{Role, SavedView};
use crate::views::{self, MAX_NAME, ViewError};

const PATH: &str = "/views";
/// The most bytes of the views of a page's menu, and of those of the page of all.
const MENU: usize = 6_000;
const ALL: usize = 90_000;
const UNREAD: &str =
    "The saved views cannot be read now. The server's log says why; reload to try again.";
const MISSING: &str = "There is no view of this id.";

/// The saved views, and the form that saves the page.
pub(super) fn menu(listing: &Listing<'_>) -> Markup {
    let (here, reader) = (listing.place.with(&[]), listing.reader);
    let saves = reader.may(Role::Operator);
    let item = |view: &SavedView| {
        html! {
            li {
                a href=(view.place) aria-current=[(view.place == here).then_some("true")] { (short(&view.name)) }
                (remove(view, &here, reader))
            }
        }
    };
    let items = fit(listing.views.unwrap_or_default().iter().map(item), MENU);
    html! {
        details.views {
            summary { "Views" }
            div.card {
                @match listing.views {
                    None => p.bad { (UNREAD) },
                    Some([]) => p { "No view is saved yet." },
                    Some(_) => {
                        ul { @for item in &items { (item) } }
                        p { a href=(PATH) { "All views" } }
                    },
                }
                @if saves { (save(reader, &here)) } @else { p.note { "Operators save views." } }
            }
        }
    }
}

/// The form that removes a view, for those who may.
fn remove(view: &SavedView, back: &str, reader: &Reader) -> Markup {
    html! {
        @if reader.may(Role::Operator) {
            form.inline method="post" action={ (PATH) "/" (view.id) "/remove" } {
                (csrf(reader))
                input type="hidden" name="back" value=(back);
                button.small aria-label={ "Remove " (short(&view.name)) } { "Remove" }
            }
        }
    }
}

/// `GET /views?views=…`: all of them, where a page's menu has no room for so many.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    let views = explorer::views(&app).await;
    let row = |view: &SavedView| {
        html! {
            tr {
                td data-label="Name" { a href=(view.place) { (short(&view.name)) } }
                td data-label="Saved" { span { (time(view.created_at)) " by " (short(&view.created_by)) } }
                td { (remove(view, PATH, &reader)) }
            }
        }
    };
    let tables = Tables::new(PATH, &[], &params);
    let content = html! {
        section aria-labelledby="views" {
            h2 #views { "Views" }
            @match views.as_deref() {
                None => p.bad { (UNREAD) },
                Some([]) => p { "No view is saved yet. " a href="/" { "Events" } },
                Some(views) => (tables.table("views", ("Views", &["Name", "Saved", ""]), views, ALL, row)),
            }
        }
    };
    page::document("Views", Some(page::Here::new("/", &reader)), &content).into_response()
}

fn save(reader: &Reader, here: &str) -> Markup {
    html! {
        form method="post" action=(PATH) {
            (csrf(reader))
            input type="hidden" name="place" value=(here);
            label { "Save this page as" input name="name" required maxlength=(MAX_NAME) autocomplete="off"; }
            button { "Save view" }
        }
    }
}

/// `POST /views`.
pub(super) async fn save_view(State(app): State<App>, sent: Sent) -> Response {
    let Sent { reader, fields } = sent;
    let text = |name| value(&fields, name).unwrap_or_default().to_owned();
    let (name, place, replaces) = (text("name"), text("place"), !text("replace").is_empty());
    let back = local(&place).unwrap_or("/").to_owned();
    let (shared, by) = (Arc::clone(&app), reader.caller.clone());
    let (known, to) = (name.clone(), place.clone());
    let save = move || views::save(&*shared.state, &known, &to, replaces, &by);
    let saved = blocking(save).await;
    let error = match saved {
        Ok(Ok(_)) => return Redirect::to(&back).into_response(),
        Ok(Err(error)) => error,
        Err(error) => return unavailable(&reader, &error, &back),
    };
    let status = match &error {
        ViewError::Field(_) => StatusCode::BAD_REQUEST,
        ViewError::Taken => return taken(&reader, name.trim(), &place, &back),
        ViewError::Full => StatusCode::CONFLICT,
        ViewError::State(error) => return unavailable(&reader, error, &back),
    };
    refuse(&reader, status, &error.to_string(), &back)
}

/// `POST /views/{id}/remove`.
pub(super) async fn remove_view(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let Sent { reader, fields } = sent;
    let back = value(&fields, "back").filter(|back| *back == PATH || local(back).is_some());
    let back = back.unwrap_or("/");
    let Ok(id) = id.parse() else {
        return refuse(&reader, StatusCode::NOT_FOUND, MISSING, back);
    };
    let (shared, by) = (Arc::clone(&app), reader.caller.clone());
    match blocking(move || views::remove(&*shared.state, id, &by)).await {
        Ok(Ok(Some(_))) => Redirect::to(back).into_response(),
        Ok(Ok(None)) => refuse(&reader, StatusCode::NOT_FOUND, MISSING, back),
        Ok(Err(error)) => unavailable(&reader, &error, back),
        Err(error) => unavailable(&reader, &error, back),
    }
}

/// Asks whether the view that has the name is meant.
fn taken(reader: &Reader, name: &str, place: &str, back: &str) -> Response {
    let content = html! {
        form.card method="post" action="/views" {
            p role="alert" { "There is a view of the name " strong { (name) } "." }
            (csrf(reader))
            input type="hidden" name="place" value=(place);
            input type="hidden" name="name" value=(name);
            input type="hidden" name="replace" value="true";
            button { "Replace it by this page" }
            p { a href=(back) { "Leave it, and choose another name" } }
        }
    };
    let page = page::document("View", Some(page::Here::new("/", reader)), &content);
    (StatusCode::CONFLICT, page).into_response()
}

fn refuse(reader: &Reader, status: StatusCode, reason: &str, back: &str) -> Response {
    let here = Some(page::Here::new("/", reader));
    (
        status,
        page::refusal("View", here, reason, &[(back, "Back to the events")]),
    )
        .into_response()
}

fn unavailable(reader: &Reader, error: &dyn std::error::Error, back: &str) -> Response {
    tracing::error!(%error, "state store not usable");
    refuse(
        reader,
        StatusCode::SERVICE_UNAVAILABLE,
        "The state store cannot be used now. Try again.",
        back,
    )
}
