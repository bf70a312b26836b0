//! Saved views: pages of events under a name, which all who look at the pages share.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::access::{Reader, value};
use super::actions::{Sent, csrf, local};
use super::explorer::Listing;
use super::page;
use super::text::short;
use crate::server::{App, blocking};
use crate::state::{NotSaved, StateError};
use crate::store::StoreError;

/// The most characters of a name.
const MAX_NAME: usize = 100;
/// The most bytes of a page's path and query.
const MAX_PLACE: usize = 32 * 1024;
/// The most views.
const MAX_VIEWS: usize = 200;
const BY: &str = "explorer";

/// The saved views, and the form that saves the page.
pub(super) fn menu(listing: &Listing<'_>) -> Markup {
    let (here, reader) = (listing.place.with(&[]), listing.reader);
    html! {
        details.views {
            summary { "Views" }
            div.card {
                @if listing.views.is_empty() { p { "No view is saved yet." } } @else {
                    ul {
                        @for view in listing.views {
                            li {
                                a href=(view.place) aria-current=[(view.place == here).then_some("true")] { (short(&view.name)) }
                                form.inline method="post" action={ "/views/" (view.id) "/remove" } {
                                    (csrf(reader))
                                    input type="hidden" name="back" value=(here);
                                    button.small aria-label={ "Remove " (short(&view.name)) } { "Remove" }
                                }
                            }
                        }
                    }
                }
                (save(reader, &here))
            }
        }
    }
}

fn save(reader: &Reader, here: &str) -> Markup {
    html! {
        form method="post" action="/views" {
            (csrf(reader))
            input type="hidden" name="place" value=(here);
            label { "Save this page as" input name="name" required maxlength=(MAX_NAME) autocomplete="off"; }
            button { "Save view" }
        }
    }
}

/// `POST /views`.
pub(super) async fn save_view(State(app): State<App>, sent: Sent) -> Response {
    let name = value(&sent.fields, "name")
        .unwrap_or_default()
        .trim()
        .to_owned();
    if name.is_empty() || name.chars().count() > MAX_NAME {
        let reason = format!("name: give 1 to {MAX_NAME} characters");
        return refuse(StatusCode::BAD_REQUEST, &reason, "/");
    }
    let place = value(&sent.fields, "place").and_then(local);
    let Some(place) = place
        .filter(|place| place.len() <= MAX_PLACE)
        .map(str::to_owned)
    else {
        let reason =
            format!("place: not a page of events with {MAX_PLACE} bytes of path and query at most");
        return refuse(StatusCode::BAD_REQUEST, &reason, "/");
    };
    let shared = Arc::clone(&app);
    let back = place.clone();
    let now = Timestamp::now().as_micros();
    let saved = blocking(move || shared.state.add_view(&name, &place, MAX_VIEWS, now, BY)).await;
    match saved {
        Ok(Ok(Ok(()))) => Redirect::to(&back).into_response(),
        Ok(Ok(Err(NotSaved::Taken))) => {
            let reason = "name: another view has it; remove that one first, or choose another name";
            refuse(StatusCode::CONFLICT, reason, &back)
        }
        Ok(Ok(Err(NotSaved::Full))) => {
            let reason =
                format!("There are {MAX_VIEWS} views, which is the limit. Remove one first.");
            refuse(StatusCode::CONFLICT, &reason, &back)
        }
        Ok(Err(error)) => unavailable(&error, &back),
        Err(error) => unavailable(&error, &back),
    }
}

/// `POST /views/{id}/remove`.
pub(super) async fn remove_view(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let back = value(&sent.fields, "back").and_then(local).unwrap_or("/");
    let Ok(id) = id.parse() else {
        return refuse(StatusCode::NOT_FOUND, "There is no view of this id.", back);
    };
    let shared = Arc::clone(&app);
    let removed: Result<Result<bool, StateError>, StoreError> =
        blocking(move || shared.state.remove_view(id)).await;
    match removed {
        Ok(Ok(true)) => Redirect::to(back).into_response(),
        Ok(Ok(false)) => refuse(StatusCode::NOT_FOUND, "There is no view of this id.", back),
        Ok(Err(error)) => unavailable(&error, back),
        Err(error) => unavailable(&error, back),
    }
}

fn refuse(status: StatusCode, reason: &str, back: &str) -> Response {
    (
        status,
        page::refusal("View", "/", reason, &[(back, "Back to the events")]),
    )
        .into_response()
}

fn unavailable(error: &dyn std::error::Error, back: &str) -> Response {
    tracing::error!(%error, "state store not usable");
    refuse(
        StatusCode::SERVICE_UNAVAILABLE,
        "The state store cannot be used now. Try again.",
        back,
    )
}
