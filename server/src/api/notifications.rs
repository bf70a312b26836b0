//! `/api/v1/notifications`: where people are told, and what was told them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::body::Object;
use super::openapi::{Described, Operation, Param, Tag, Time};
use super::params::{self, DEFAULT_LIMIT, Given, ItemId};
use super::problem::Problem;
use super::{ACT, MANAGE};
use crate::auth::Caller;
use crate::notify::{Draft, Notifier};
use crate::routes::{delete, get, patch, post};
use crate::server::{App, blocking};
use crate::state::{Channel, Delivery, DeliveryQuery, DeliveryStatus, Destination, Id};

const MAX_LIMIT: usize = 1_000;

const DESTINATIONS: &str = "/api/v1/notifications/destinations";
const DESTINATION: &str = "/api/v1/notifications/destinations/{id}";

pub(super) fn routes() -> Vec<Described> {
    let operation = |id, summary| Operation::new(Tag::Notifications, id, summary);
    let example = json!({"name": "on call", "kind": "webhook", "url": "https://example.com/hook"});
    let statuses = DeliveryStatus::ALL.map(DeliveryStatus::name);
    vec![
        get(DESTINATIONS, ACT, list).described(
            operation("listDestinations", "Where people are told")
                .answer::<Destinations>(200, "All destinations"),
        ),
        post(DESTINATIONS, MANAGE, add).described(
            operation(
                "addDestination",
                "Adds a webhook, a channel of Slack, or e-mail addresses",
            )
            .body::<DestinationBody>(example)
            .answer::<NewDestination>(201, "The destination, with its secret here alone")
            .conflict("There is one of this name, or there are too many"),
        ),
        get(DESTINATION, ACT, show).described(
            operation("getDestination", "One destination")
                .answer::<DestinationView>(200, "The destination"),
        ),
        patch(DESTINATION, MANAGE, change).described(
            operation(
                "changeDestination",
                "Changes a destination; its kind cannot change",
            )
            .body::<DestinationBody>(json!({"enabled": false}))
            .answer::<DestinationView>(200, "The destination as it is now")
            .conflict("There is one of this name"),
        ),
        delete(DESTINATION, MANAGE, remove).described(
            operation("removeDestination", "Removes a destination").nothing("It is gone"),
        ),
        post(
            "/api/v1/notifications/destinations/{id}/secret",
            MANAGE,
            change_secret,
        )
        .described(
            operation(
                "changeSecret",
                "Gives a webhook another secret; the one before signs, too, until it is ended",
            )
            .answer::<NewDestination>(200, "The destination, with its secret here alone")
            .conflict("It is no webhook"),
        ),
        delete(
            "/api/v1/notifications/destinations/{id}/former-secret",
            MANAGE,
            end_former_secret,
        )
        .described(
            operation("endFormerSecret", "Signs no more with the secret before")
                .nothing("It is not valid any more")
                .conflict("There is none"),
        ),
        post("/api/v1/notifications/destinations/{id}/test", ACT, test).described(
            operation("testDestination", "Sends a test at once")
                .answer::<DeliveryView>(200, "What became of it"),
        ),
        get("/api/v1/notifications/deliveries", ACT, deliveries).described(
            operation(
                "listDeliveries",
                "What was sent, or waits, the newest first",
            )
            .query([
                Param::text("destination", "Those to this one alone", "0123456789abcdef"),
                Param::one_of("status", "Those of this status alone", &statuses),
                params::limit(MAX_LIMIT, DEFAULT_LIMIT),
                params::cursor("17"),
            ])
            .answer::<Deliveries>(200, "A page of deliveries"),
        ),
        get("/api/v1/notifications/deliveries/{id}", ACT, delivery).described(
            operation("getDelivery", "One delivery, and what it tells")
                .answer::<Value>(200, "The delivery with its `told`"),
        ),
        post("/api/v1/notifications/deliveries/{id}/replay", ACT, replay).described(
            operation("replayDelivery", "Sends a delivery again that was given up")
                .answer::<DeliveryView>(200, "The delivery, which waits again")
                .conflict("It was not given up, or too many wait"),
        ),
    ]
}

/// What [`Draft`] reads; what is absent stays as it is.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "it is the form of what a reader of its own takes apart"
)]
struct DestinationBody {
    name: Option<String>,
    kind: Option<Channel>,
    /// Of a webhook, or an incoming webhook of Slack.
    url: Option<String>,
    /// Of e-mail.
    addresses: Option<Vec<String>>,
    /// Slugs; absent: all playbooks.
    playbooks: Option<Vec<String>>,
    /// Once a day rather than at once; for e-mail alone.
    digest: Option<bool>,
    enabled: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Destinations {
    destinations: Vec<DestinationView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct NewDestination {
    #[serde(flatten)]
    destination: DestinationView,
    /// What requests are signed with, of a webhook.
    secret: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Deliveries {
    deliveries: Vec<DeliveryView>,
    /// The `cursor` of the next page.
    next: Option<String>,
}

/// A destination with every key but secrets.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Destination")]
struct DestinationView {
    id: Id,
    name: String,
    #[schemars(with = "Channel")]
    kind: &'static str,
    /// Of Slack, the host alone.
    url: Option<String>,
    addresses: Option<Vec<String>>,
    playbooks: Option<Vec<String>>,
    digest: bool,
    enabled: bool,
    /// Whether the secret before the present one signs, too.
    former_secret: bool,
    #[schemars(with = "Time")]
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
            former_secret: destination.former_secret.is_some(),
            created_at: Timestamp::from_micros(destination.created_at),
            created_by: destination.created_by,
        }
    }
}

/// A delivery with every key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
struct DeliveryView {
    id: Id,
    destination: Id,
    playbook: Option<String>,
    notices: u32,
    #[schemars(with = "DeliveryStatus")]
    status: &'static str,
    attempts: u32,
    #[schemars(with = "Time")]
    opened_at: Timestamp,
    /// When it is tried next, as long as it is pending.
    #[schemars(with = "Option<Time>")]
    due_at: Option<Timestamp>,
    #[schemars(with = "Option<Time>")]
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

async fn list(State(app): State<App>) -> Result<Json<Destinations>, Problem> {
    let shared = Arc::clone(&app);
    let destinations = blocking(move || shared.state.destinations()).await??;
    let destinations = destinations.into_iter().map(DestinationView::from);
    let destinations = destinations.collect();
    Ok(Json(Destinations { destinations }))
}

async fn show(
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<DestinationView>, Problem> {
    let shared = Arc::clone(&app);
    let found = blocking(move || shared.notifier.destination(id)).await??;
    Ok(Json(found.into()))
}

/// Takes `name`, `kind`, `url` or `addresses`, `playbooks`, `digest` and `enabled`. A webhook's `secret` is in this
/// answer alone.
async fn add(
    by: Caller,
    State(app): State<App>,
    Object(fields): Object,
) -> Result<Response, Problem> {
    let draft = Draft::read(fields)?;
    let shared = Arc::clone(&app);
    let (destination, secret) = blocking(move || shared.notifier.add(draft, &by)).await??;
    let place = format!("/api/v1/notifications/destinations/{}", destination.id);
    let view = NewDestination {
        destination: destination.into(),
        secret: secret.map(|secret| secret.0),
    };
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(view)).into_response())
}

/// Takes what [`add`] takes, each as far as it is to change; `kind` cannot.
async fn change(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
    Object(fields): Object,
) -> Result<Json<DestinationView>, Problem> {
    let draft = Draft::read(fields)?;
    let shared = Arc::clone(&app);
    let changed = blocking(move || shared.notifier.change(id, draft, &by)).await??;
    Ok(Json(changed.into()))
}

async fn remove(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<StatusCode, Problem> {
    let shared = Arc::clone(&app);
    blocking(move || shared.notifier.remove(id, &by)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// The new secret is in this answer alone.
async fn change_secret(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<NewDestination>, Problem> {
    let shared = Arc::clone(&app);
    let changed = blocking(move || shared.notifier.change_secret(id, &by));
    let (destination, secret) = changed.await??;
    Ok(Json(NewDestination {
        destination: destination.into(),
        secret: Some(secret.0),
    }))
}

async fn end_former_secret(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<StatusCode, Problem> {
    let shared = Arc::clone(&app);
    blocking(move || shared.notifier.end_former_secret(id, &by)).await??;
    Ok(StatusCode::NO_CONTENT)
}

/// Sends a test at once, and answers what became of it.
async fn test(
    by: Caller,
    State(app): State<App>,
    ItemId(id): ItemId,
) -> Result<Json<DeliveryView>, Problem> {
    let delivery = app.notifier.test(id, by).await?;
    Ok(Json(delivery.into()))
}

/// Takes `destination status limit cursor`; the newest come first.
async fn deliveries(State(app): State<App>, mut given: Given) -> Result<Json<Deliveries>, Problem> {
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
    let deliveries = found.into_iter().map(DeliveryView::from).collect();
    Ok(Json(Deliveries { deliveries, next }))
}

/// A delivery, and what it tells.
async fn delivery(State(app): State<App>, ItemId(id): ItemId) -> Result<Json<Value>, Problem> {
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
    ItemId(id): ItemId,
) -> Result<Json<DeliveryView>, Problem> {
    let shared = Arc::clone(&app);
    let delivery = blocking(move || shared.notifier.replay(id, &by)).await??;
    Ok(Json(delivery.into()))
}
