//! `/api/v1/notifications`: where people are told, and what was told them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::object;
use super::params::Given;
use super::problem::Problem;
use crate::auth::Caller;
use crate::notify::{Draft, Notifier};
use crate::routes::{Endpoint, Needs, delete, get as get_route, patch, post};
use crate::server::{App, blocking};
use crate::state::{Channel, Delivery, DeliveryQuery, DeliveryStatus, Destination, Id, Role};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

pub(super) fn routes() -> Vec<Endpoint> {
    const ACT: Needs = Needs::Api(Role::Operator);
    const MANAGE: Needs = Needs::Api(Role::Admin);
    vec![
        get_route("/api/v1/notifications/destinations", ACT, list),
        post("/api/v1/notifications/destinations", MANAGE, add),
        get_route("/api/v1/notifications/destinations/{id}", ACT, get),
        patch("/api/v1/notifications/destinations/{id}", MANAGE, change),
        delete("/api/v1/notifications/destinations/{id}", MANAGE, remove),
        post("/api/v1/notifications/destinations/{id}/test", ACT, test),
        get_route("/api/v1/notifications/deliveries", ACT, deliveries),
        get_route("/api/v1/notifications/deliveries/{id}", ACT, delivery),
        post("/api/v1/notifications/deliveries/{id}/replay", ACT, replay),
    ]
}

/// A destination with every key, the time as RFC 3339. Secrets are not among them.
#[derive(Debug, Serialize)]
struct DestinationView {
    id: Id,
    name: String,
    kind: &'static str,
    /// Of Slack, the host alone.
    url: Option<String>,
    addresses: Option<Vec<String>>,
    playbooks: Option<Vec<String>>,
    digest: bool,
    enabled: bool,
    created_at: Timestamp,
    created_by: String,
}

impl From<Destination> for DestinationView {
    fn from(destination: Destination) -> Self {
        let target = Notifier::shown_target(&destination);
        let (url, addresses) = match destination.channel {
            Channel::Webhook | Channel::Slack => (Some(target), None),
            Channel::Email => (None, Some(target.split(',').map(str::to_owned).collect())),
        };
        Self {
            id: destination.id,
            name: destination.name,
            kind: destination.channel.name(),
            url,
            addresses,
            playbooks: destination.playbooks,
            digest: destination.digest,
            enabled: destination.enabled,
            created_at: Timestamp::from_micros(destination.created_at),
            created_by: destination.created_by,
        }
    }
}

/// A delivery with every key, times as RFC 3339.
#[derive(Debug, Serialize)]
struct DeliveryView {
    id: Id,
    destination: Id,
    playbook: Option<String>,
    notices: u32,
    status: &'static str,
    attempts: u32,
    opened_at: Timestamp,
    /// When it is tried next, as long as it is pending.
    due_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    /// What the last try met with.
    answer: Option<String>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let pending = delivery.status == DeliveryStatus::Pending;
        Self {
            id: delivery.id,
            destination: delivery.destination,
            playbook: delivery.playbook,
            notices: delivery.notices,
            status: delivery.status.name(),
            attempts: delivery.attempts,
            opened_at: Timestamp::from_micros(delivery.opened_at),
            due_at: pending.then_some(Timestamp::from_micros(delivery.due_at)),
            ended_at: delivery.ended_at.map(Timestamp::from_micros),
            answer: delivery.answer,
        }
    }
}

async fn list(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let shared = Arc::clone(&app);
    let destinations = blocking(move || shared.state.destinations()).await??;
    let views: Vec<_> = destinations
        .into_iter()
        .map(DestinationView::from)
        .collect();
    Ok(Json(json!({"destinations": views})))
}

async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<DestinationView>, Problem> {
    let id: Id = parse(&id)?;
    let shared = Arc::clone(&app);
    let found = blocking(move || shared.notifier.destination(id)).await??;
    Ok(Json(found.into()))
}

/// Takes `name`, `kind`, `url` or `addresses`, `playbooks`, `digest` and `enabled`. A webhook's `secret` is in this
/// answer alone.
async fn add(by: Caller, State(app): State<App>, body: Bytes) -> Result<Response, Problem> {
    let draft = Draft::read(object(&body)?)?;
    let shared = Arc::clone(&app);
    let (destination, secret) = blocking(move || shared.notifier.add(draft, &by)).await??;
    let place = format!("/api/v1/notifications/destinations/{}", destination.id);
    let mut view = json!(DestinationView::from(destination));
    view["secret"] = json!(secret.map(|secret| secret.0));
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

/// Takes what [`add`] takes, each as far as it is to change; `kind` cannot.
async fn change(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Json<DestinationView>, Problem> {
    let id = parse(&id)?;
    let draft = Draft::read(object(&body)?)?;
    let shared = Arc::clone(&app);
    let changed = blocking(move || shared.notifier.change(id, draft, &by)).await??;
    Ok(Json(changed.into()))
}

async fn remove(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id = parse(&id)?;
    let shared = Arc::clone(&app);
    blocking(move || shared.notifier.remove(id, &by)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test at once, and answers what became of it.
async fn test(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<DeliveryView>, Problem> {
    let delivery = app.notifier.test(parse(&id)?, by).await?;
    Ok(Json(delivery.into()))
}

/// Takes `destination status limit cursor`; the newest come first.
async fn deliveries(State(app): State<App>, mut given: Given) -> Result<Json<Value>, Problem> {
    let limit = given.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let destination = given.text("destination").map(|id| id.parse());
    let destination = destination
        .transpose()
        .map_err(|_| Problem::field("destination", "destination: not an id"))?;
    let status = given.text("status").map(|name| {
        DeliveryStatus::of_name(&name)
            .ok_or_else(|| Problem::field("status", "status: none of pending, delivered and dead"))
    });
    let status = status.transpose()?;
    let before = given.text("cursor").map(|text| text.parse::<i64>());
    let before = before
        .transpose()
        .map_err(|_| Problem::field("cursor", "cursor: not the `next` of an answer before"))?;
    given.end()?;
    let query = DeliveryQuery {
        destination,
        status,
        before,
        limit: limit + 1,
    };
    let shared = Arc::clone(&app);
    let mut found = blocking(move || shared.state.deliveries(query)).await??;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next = next.map(|delivery| delivery.row.to_string());
    let views: Vec<_> = found.into_iter().map(DeliveryView::from).collect();
    Ok(Json(json!({"deliveries": views, "next": next})))
}

/// A delivery, and what it tells.
async fn delivery(State(app): State<App>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id = parse(&id)?;
    let shared = Arc::clone(&app);
    let (delivery, notices) = blocking(move || shared.notifier.delivery(id)).await??;
    let told = notices.iter().map(|(id, notice)| {
        json!({
            "id": id,
            "time": Timestamp::from_micros(notice.at()),
            "title": notice.title(),
            "details": notice.details(),
        })
    });
    let told = Value::from_iter(told);
    let mut view = json!(DeliveryView::from(delivery));
    view["told"] = told;
    Ok(Json(view))
}

/// Lets a dead delivery be tried again, before those that wait for its destination.
async fn replay(
    by: Caller,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<DeliveryView>, Problem> {
    let id = parse(&id)?;
    let shared = Arc::clone(&app);
    let delivery = blocking(move || shared.notifier.replay(id, &by)).await??;
    Ok(Json(delivery.into()))
}

fn parse(id: &str) -> Result<Id, Problem> {
    id.parse().map_err(|_| Problem::not_found())
}
