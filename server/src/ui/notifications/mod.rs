//! `/notifications` and below: where people are told, and what was told them.

pub(super) mod edit;
mod form;
mod page;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use self::page::{PAGE, Said, Shown};
use super::access::{Reader, Sent, value};
use super::page::Here;
use super::room::Tables;
use super::{page as pages, signin};
use crate::api::Params;
use crate::notify::{Draft, Notifier, NotifyError};
use crate::server::{App, blocking};
use crate::state::{DeliveryQuery, Id, StateError};

const PATH: &str = "/notifications";
const GONE: &str = "There is none of this id any more.";

/// `GET /notifications?before=…&destinations=…`.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    page(&app, &reader, &params, &Params::new(), Said::Nothing).await
}

/// `GET /notifications/deliveries/{id}?notices=…`.
pub(super) async fn delivery(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(params): Query<Params>,
    reader: Reader,
) -> Response {
    let here = Some(Here::new(PATH, &reader));
    let shared = Arc::clone(&app);
    let read = move || {
        let id = id.parse().map_err(|_| NotifyError::Unknown)?;
        shared.notifier.delivery(id)
    };
    match blocking(read).await.map_err(NotifyError::from).flatten() {
        Ok((delivery, notices)) => {
            let content = page::delivery(&delivery, &notices, &params);
            pages::document("Delivery", here, &content).into_response()
        }
        Err(NotifyError::State(error)) => signin::unavailable(&error),
        Err(NotifyError::Internal(error)) => signin::unavailable(&error),
        Err(_) => {
            let page = pages::refusal("Delivery", here, GONE, &[(PATH, "Notifications")]);
            (StatusCode::NOT_FOUND, page).into_response()
        }
    }
}

/// `POST /notifications`. The answer has a webhook's secret, once.
pub(super) async fn add(State(app): State<App>, sent: Sent) -> Response {
    let (shared, by) = (Arc::clone(&app), sent.reader.caller.clone());
    let fields = form::fields(&sent.fields);
    let added = blocking(move || {
        let draft = Draft::read(fields).map_err(NotifyError::Field)?;
        shared.notifier.add(draft, &by)
    });
    match added.await.map_err(NotifyError::from).flatten() {
        Ok((destination, Some(secret))) => {
            let said = Said::Secret(destination.name, secret);
            page(&app, &sent.reader, &Params::new(), &Params::new(), said).await
        }
        Ok((_, None)) => Redirect::to(PATH).into_response(),
        Err(error) => wrong(&app, &sent, error).await,
    }
}

/// `POST /notifications/{id}` with `enabled` of `yes` or `no`.
pub(super) async fn change(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let fields = form::switch(&sent.fields);
    let by = sent.reader.caller.clone();
    let change = move |notifier: &Notifier, id| {
        let draft = Draft::read(fields).map_err(NotifyError::Field)?;
        notifier.change(id, draft, &by).map(drop)
    };
    by_id(&app, &id, &sent, change).await
}

/// `POST /notifications/{id}/remove`.
pub(super) async fn remove(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let by = sent.reader.caller.clone();
    by_id(&app, &id, &sent, move |notifier, id| {
        notifier.remove(id, &by)
    })
    .await
}

/// `POST /notifications/{id}/secret`. The answer has the new secret, once.
pub(super) async fn change_secret(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let Ok(id) = id.parse() else {
        return wrong(&app, &sent, NotifyError::Unknown).await;
    };
    let (shared, by) = (Arc::clone(&app), sent.reader.caller.clone());
    let changed = blocking(move || shared.notifier.change_secret(id, &by));
    match changed.await.map_err(NotifyError::from).flatten() {
        Ok((destination, secret)) => {
            let said = Said::Secret(destination.name, secret);
            page(&app, &sent.reader, &Params::new(), &Params::new(), said).await
        }
        Err(error) => wrong(&app, &sent, error).await,
    }
}

/// `POST /notifications/{id}/former-secret`: it is not valid any more.
pub(super) async fn end_former_secret(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let by = sent.reader.caller.clone();
    let end = move |notifier: &Notifier, id| notifier.end_former_secret(id, &by).map(drop);
    by_id(&app, &id, &sent, end).await
}

/// `POST /notifications/deliveries/{id}/replay`.
pub(super) async fn replay(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let by = sent.reader.caller.clone();
    let replay = move |notifier: &Notifier, id| notifier.replay(id, &by).map(drop);
    by_id(&app, &id, &sent, replay).await
}

/// `POST /notifications/{id}/test`. The answer says what became of it.
pub(super) async fn test(State(app): State<App>, Path(id): Path<String>, sent: Sent) -> Response {
    let Ok(id) = id.parse() else {
        return wrong(&app, &sent, NotifyError::Unknown).await;
    };
    match app.notifier.test(id, sent.reader.caller.clone()).await {
        Ok(delivery) => {
            let said = Said::Tested(delivery);
            page(&app, &sent.reader, &Params::new(), &Params::new(), said).await
        }
        Err(error) => wrong(&app, &sent, error).await,
    }
}

/// Does something to what has this id, and leads back.
async fn by_id<F>(app: &App, id: &str, sent: &Sent, work: F) -> Response
where
    F: FnOnce(&Notifier, Id) -> Result<(), NotifyError> + Send + 'static,
{
    let Ok(id) = id.parse() else {
        return wrong(app, sent, NotifyError::Unknown).await;
    };
    let shared = Arc::clone(app);
    let done = blocking(move || work(&shared.notifier, id)).await;
    match done.map_err(NotifyError::from).flatten() {
        Ok(()) => Redirect::to(PATH).into_response(),
        Err(error) => wrong(app, sent, error).await,
    }
}

/// The page, with what is wrong and what was filled in.
async fn wrong(app: &App, sent: &Sent, error: NotifyError) -> Response {
    let (status, reason) = match error {
        NotifyError::Field(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        NotifyError::Conflict(error) => (StatusCode::CONFLICT, error.to_string()),
        NotifyError::Unknown => (StatusCode::NOT_FOUND, GONE.to_owned()),
        NotifyError::State(error) => return signin::unavailable(&error),
        NotifyError::Internal(error) => return signin::unavailable(&error),
    };
    let said = Said::Wrong(reason);
    let mut response = page(app, &sent.reader, &Params::new(), &sent.fields, said).await;
    *response.status_mut() = status;
    response
}

/// The page at the places in its tables that `at` says.
async fn page(app: &App, reader: &Reader, at: &Params, filled: &Params, said: Said) -> Response {
    let query = DeliveryQuery {
        before: value(at, "before").and_then(|text| text.parse().ok()),
        limit: PAGE + 1,
        ..DeliveryQuery::default()
    };
    let shared = Arc::clone(app);
    let read = blocking(move || {
        let destinations = shared.state.destinations()?;
        Ok::<_, StateError>((destinations, shared.state.deliveries(query)?))
    });
    let (destinations, deliveries) = match read.await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => return signin::unavailable(&error),
        Err(error) => return signin::unavailable(&error),
    };
    let shown = Shown {
        reader,
        filled,
        said,
        tables: Tables::new(PATH, &[], at),
        destinations,
        deliveries,
    };
    pages::document(
        "Notifications",
        Some(Here::new(PATH, reader)),
        &shown.markup(),
    )
    .into_response()
}
