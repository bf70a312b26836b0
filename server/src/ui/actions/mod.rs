//! `/actions`: security responses and the allow list, and what the Event Explorer shows of them.

mod form;
mod met;
mod page;
mod tables;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

pub(super) use self::form::local;
pub(super) use self::met::{Met, standing};
use self::page::Shown;
pub(super) use self::page::banner;
pub(super) use self::tables::{decision, entry, table};
use super::access::{Reader, Sent, value};
use crate::actions::{ActionError, ActionPage};
use crate::api::Params;
use crate::server::{App, blocking};
use crate::state::{Id, StateError};
use crate::store::StoreError;

/// How many actions a page shows, live and past.
const PAGE: usize = 50;

/// A form that was refused.
#[derive(Debug)]
struct Refused {
    /// Which of the page's forms.
    form: form::Name,
    reason: String,
    /// Whether the targets are critical, so that the form can ask whether they are meant.
    critical: bool,
}

pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    page(&app, &reader, &params, None).await
}

/// `POST /actions`: blocks.
pub(super) async fn create(State(app): State<App>, sent: Sent) -> Response {
    let form = form::Name::of(&sent.fields);
    let taken = match form::action(&sent.fields) {
        Ok(fields) => {
            let (shared, by) = (Arc::clone(&app), sent.reader.caller.clone());
            blocking(move || shared.actions.create(fields, &by)).await
        }
        Err(error) => Ok(Err(error.into())),
    };
    done(&app, &sent, form, taken).await
}

/// `POST /actions/{id}/lift`.
pub(super) async fn lift(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let by = sent.reader.caller.clone();
    let end = move |app: &App, id| app.actions.lift(id, &by).map(|found| found.is_some());
    by_id(&app, &id, &sent, form::Name::Live, end).await
}

/// `POST /actions/settings`.
pub(super) async fn set(State(app): State<App>, sent: Sent) -> Response {
    let fields = form::settings(&sent.fields);
    let (shared, by) = (Arc::clone(&app), sent.reader.caller.clone());
    let taken = blocking(move || shared.actions.set(fields, &by)).await;
    done(&app, &sent, form::Name::Settings, taken).await
}

/// `POST /actions/allowlist`.
pub(super) async fn allow(State(app): State<App>, sent: Sent) -> Response {
    let fields = form::allowed(&sent.fields);
    let (shared, by) = (Arc::clone(&app), sent.reader.caller.clone());
    let taken = blocking(move || shared.actions.allow(fields, &by)).await;
    done(&app, &sent, form::Name::Allow, taken).await
}

/// `POST /actions/allowlist/{id}/remove`.
pub(super) async fn disallow(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let by = sent.reader.caller.clone();
    let end = move |app: &App, id| app.actions.disallow(id, &by).map(|found| found.is_some());
    by_id(&app, &id, &sent, form::Name::Allow, end).await
}

/// Ends what has this id, if it is there.
async fn by_id<F>(app: &App, id: &str, sent: &Sent, form: form::Name, end: F) -> Response
where
    F: FnOnce(&App, Id) -> Result<bool, StateError> + Send + 'static,
{
    let Ok(id) = id.parse() else {
        return (StatusCode::NOT_FOUND, page::missing(&sent.reader)).into_response();
    };
    let shared = Arc::clone(app);
    match blocking(move || end(&shared, id)).await {
        Ok(Ok(false)) => (StatusCode::NOT_FOUND, page::missing(&sent.reader)).into_response(),
        ended => {
            let ended = ended.map(|ended| ended.map_err(ActionError::State));
            done(app, sent, form, ended).await
        }
    }
}

/// Leads back to where the form was, or shows why it was refused.
async fn done<T>(
    app: &App,
    sent: &Sent,
    form: form::Name,
    taken: Result<Result<T, ActionError>, StoreError>,
) -> Response {
    let (status, reason, critical) = match taken {
        Ok(Ok(_)) => return Redirect::to(form::back(&sent.fields)).into_response(),
        Ok(Err(ActionError::Field(error))) => (StatusCode::BAD_REQUEST, error.wrong, false),
        Ok(Err(ActionError::Critical(error))) => (StatusCode::CONFLICT, error.wrong, true),
        Ok(Err(ActionError::Full(reason))) => (StatusCode::CONFLICT, reason, false),
        Ok(Err(ActionError::State(error))) => unavailable(&error),
        Err(error) => unavailable(&error),
    };
    let refused = Refused {
        form,
        reason,
        critical,
    };
    let mut response = page(app, &sent.reader, &sent.fields, Some(refused)).await;
    *response.status_mut() = status;
    response
}

fn unavailable(error: &dyn std::error::Error) -> (StatusCode, String, bool) {
    tracing::error!(%error, "state store not usable");
    let reason = "The state store cannot be used now.".to_owned();
    (StatusCode::SERVICE_UNAVAILABLE, reason, false)
}

/// The page, with its forms filled in from `params`.
async fn page(app: &App, reader: &Reader, params: &Params, refused: Option<Refused>) -> Response {
    let cursor = |name| value(params, name).and_then(|text| text.parse().ok());
    let (live, past) = (cursor("live"), cursor("past"));
    let shared = Arc::clone(app);
    let read = move || -> Result<(ActionPage, ActionPage), StateError> {
        let live = shared.actions.live_page(None, live, PAGE)?;
        Ok((live, shared.actions.past_page(None, past, PAGE)?))
    };
    let (pages, status) = match blocking(read).await {
        Ok(Ok(pages)) => (Some(pages), StatusCode::OK),
        Ok(Err(error)) => (None, unavailable(&error).0),
        Err(error) => (None, unavailable(&error).0),
    };
    let shown = Shown {
        app,
        reader,
        params,
        refused,
        pages,
    };
    (status, shown.markup()).into_response()
}
