//! `GET /event/{id}?time=…&captured=…`: everything that was captured with one event.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Map, Value};
use sqreen::protocol::Timestamp;

use super::access::{Reader, value};
use super::actions::Met;
use super::actor::Actor;
use super::explorer::{Terms, link as to, test, text};
use super::page::{self, Here};
use super::room::{Tables, start_in};
use super::text::{SHOWN, short, stamp, start, time};
use crate::api::{EventView, Params};
use crate::server::{App, blocking};
use crate::store::{Dimension, EventFields, EventId, Field, JsonField, StoredEvent};

/// The most values that are shown one by one; the file has them all.
const VALUES: usize = 10_000;
/// The most bytes of the values of a page.
const CAPTURED: usize = 42_000;
/// The most bytes of JSON that are shown, as they are in the page; the file has them all.
const RAW: usize = 28_000;
/// The most bytes of a way to similar events.
const SIMILAR: usize = 2_000;
const MINUTE: i64 = 60_000_000;

/// Path and query of the event's page.
pub(super) fn link(event: &StoredEvent) -> String {
    to(
        &format!("/event/{}", event.id),
        [("time", stamp(event.time).as_str())],
    )
}

pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<String>,
    Query(params): Query<Params>,
) -> Response {
    let here = Here::new("/", &reader);
    let refuse = |status: StatusCode, reason: &str| {
        (
            status,
            page::refusal("Event", Some(here), reason, &[("/", "Events")]),
        )
            .into_response()
    };
    let Ok(id) = id.parse::<EventId>() else {
        return refuse(StatusCode::BAD_REQUEST, "id: not a UUID");
    };
    let Some(Ok(time)) = value(&params, "time").map(str::parse::<Timestamp>) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "time: not the RFC 3339 time of the event",
        );
    };
    let shared = Arc::clone(&app);
    let found = blocking(move || shared.store.find(id, time.as_micros())).await;
    match found.and_then(|found| found) {
        Ok(Some(event)) => {
            let back = link(&event);
            let met = Met::by(&app, &event);
            let time = value(&params, "time").unwrap_or_default();
            let (path, kept) = (format!("/event/{id}"), [("time", time)]);
            let tables = Tables::new(&path, &kept, &params);
            markup(event, &met, &reader, &back, tables).into_response()
        }
        Ok(None) => {
            let reason =
                "There is no such event: it may have been deleted since, as it was too old.";
            refuse(StatusCode::NOT_FOUND, reason)
        }
        Err(error) => {
            tracing::error!(%error, "event not read");
            let reason =
                "The event store cannot be read now. The server's log says why; try again.";
            refuse(StatusCode::SERVICE_UNAVAILABLE, reason)
        }
    }
}

fn markup(
    event: StoredEvent,
    met: &Met,
    reader: &Reader,
    back: &str,
    tables: Tables<'_>,
) -> Markup {
    let (title, similar) = (start(&event.name, SHOWN).to_owned(), similar(&event));
    let content = html! {
        section.event aria-labelledby="event" {
            h2 #event { (short(&event.name)) }
            p { (time(event.time)) " UTC in " (short(&event.app)) @if event.aggregated { " " span.mark { "counted by its agent" } } }
            @if event.ip.is_some() || event.user.is_some() {
                div.met-by {
                    @if let Some(ip) = event.ip {
                        span { a href=[Actor::Ip(ip).link()] { (ip) } " " (met.ip(&event, reader, back)) }
                    }
                    @if event.user.is_some() {
                        span {
                            @match met.named() {
                                Some(actor) => a href=[actor.link()] { (short(&actor.to_string())) },
                                None => "The user",
                            }
                            " " (met.user(&event, reader, back))
                        }
                    }
                }
            }
        }
        section aria-labelledby="similar" {
            h2 #similar { "More like this" }
            ul.similar { @for (href, name) in similar { li { a href=(href) { (name) } } } }
        }
        (captured(&event, tables))
        (raw(event))
    };
    page::document(&title, Some(Here::new("/", reader)), &content)
}

/// Ways to events that have something in common with this one.
fn similar(event: &StoredEvent) -> Vec<(String, String)> {
    let is = |dimension, value: Option<&str>| test(&Field::Dimension(dimension), value?);
    let name = is(Dimension::Name, Some(&event.name));
    let ip = event.ip.map(|ip| ip.to_canonical().to_string());
    let ip = is(Dimension::Ip, ip.as_deref());
    let users: Vec<_> = event
        .user
        .iter()
        .flatten()
        .filter_map(|(key, value)| {
            test(
                &Field::Json(JsonField::User, vec![key.clone()]),
                &text(value),
            )
        })
        .collect();
    let user = (!users.is_empty()).then(|| users.join(" "));
    let path = is(Dimension::Path, event.path.as_deref());
    let client = is(Dimension::UserAgent, event.user_agent.as_deref());
    let both = |one: &Option<String>, other: &Option<String>| {
        Some(format!("{} {}", one.as_ref()?, other.as_ref()?))
    };
    let tests = [
        ("of this name", name.clone()),
        ("of this name from this address", both(&name, &ip)),
        ("of this name by this user", both(&name, &user)),
        ("from this address", ip),
        ("by this user", user),
        ("on this path", path),
        ("from this user agent", client),
    ];
    let mut ways: Vec<_> = tests
        .into_iter()
        .filter_map(|(name, test)| {
            let way = to("/", [("filter", test?.as_str())]);
            (way.len() <= SIMILAR).then(|| (way, format!("Events {name}")))
        })
        .collect();
    if let Some(app) = is(Dimension::App, Some(&event.app)) {
        let (from, until) = (
            event.time.saturating_sub(5 * MINUTE),
            event.time.saturating_add(5 * MINUTE),
        );
        let around = [
            ("filter", app.as_str()),
            ("from", &stamp(from)),
            ("to", &stamp(until)),
        ];
        ways.push((
            to("/", around),
            "Events of this app within 5 minutes of it".to_owned(),
        ));
    }
    ways
}

/// Every value of the event, each with the ways to filter by it and to exclude it.
fn captured(event: &StoredEvent, tables: Tables<'_>) -> Markup {
    let dimensions = Dimension::ALL.into_iter().filter_map(|dimension| {
        Some((
            Field::Dimension(dimension),
            event.text(dimension)?.into_owned(),
        ))
    });
    let mut values: Vec<_> = dimensions.collect();
    for field in JsonField::ALL {
        if let Some(json) = json(event, field) {
            flatten(field, &mut Vec::new(), &json, &mut values);
        }
    }
    let whole = values.len() <= VALUES;
    values.truncate(VALUES);
    let terms = Terms::anew();
    let row = |(field, value): &(Field, String)| {
        html! {
            tr {
                td { code { (short(&field.to_string())) } }
                td { @if value.is_empty() { (terms.only(field, value, &html! { "(empty)" })) } @else { (terms.only(field, value, &short(value))) } }
                td { (terms.not(field, value)) }
            }
        }
    };
    let (rows, ways) = tables.part(("captured", "Captured"), &values, CAPTURED, row);
    html! {
        section aria-labelledby="captured" {
            h2 #captured { "Captured" }
            div.scroll tabindex="0" role="region" aria-label="Captured" {
                table.captured {
                    thead { tr { @for head in ["Field", "Value", ""] { th scope="col" { (head) } } } }
                    tbody { @for row in &rows { (row) } }
                }
            }
            (ways)
            @if !whole { p.note { "There are more, in the file of its JSON below." } }
        }
    }
}

fn json(event: &StoredEvent, field: JsonField) -> Option<Value> {
    let object = |map: &Map<String, Value>| Value::Object(map.clone());
    match field {
        JsonField::User => {
            let user = event.user.clone()?;
            Some(Value::Object(user.into_iter().collect()))
        }
        JsonField::Network => (!event.network.is_empty()).then(|| event.network.as_slice().into()),
        JsonField::Params => event.params.clone(),
        JsonField::Body => event.body.clone(),
        JsonField::Properties => event.properties.as_ref().map(object),
        JsonField::Traits => event.traits.as_ref().map(object),
        JsonField::Headers => event.headers.clone(),
    }
}

/// The values within JSON, each by its own field.
fn flatten(
    field: JsonField,
    path: &mut Vec<String>,
    json: &Value,
    into: &mut Vec<(Field, String)>,
) {
    if into.len() > VALUES {
        return;
    }
    let mut within = |name: &str, value: &Value| {
        path.push(name.to_owned());
        flatten(field, path, value, into);
        path.pop();
    };
    let is_pairs = field == JsonField::Headers && json.is_array();
    match json {
        Value::Object(map) if !map.is_empty() => {
            map.iter().for_each(|(name, value)| within(name, value));
        }
        // Agents send headers as pairs, too.
        Value::Array(pairs) if is_pairs => {
            for pair in pairs {
                if let Some([Value::String(name), value]) = pair.as_array().map(Vec::as_slice) {
                    within(name, value);
                }
            }
        }
        // A field's test takes any of the values at its top level.
        Value::Array(names) if field == JsonField::Network => {
            let names = names.iter().map(text);
            into.extend(names.map(|name| (Field::Json(field, Vec::new()), name)));
        }
        json => into.push((Field::Json(field, path.clone()), text(json))),
    }
}

fn raw(event: StoredEvent) -> Markup {
    let (from, until) = (stamp(event.time), stamp(event.time.saturating_add(1)));
    let file = to(
        "/export",
        [("format", "ndjson"), ("from", &from), ("to", &until)],
    );
    // Texts, numbers and JSON: nothing of it can fail to be written.
    let json = serde_json::to_string_pretty(&EventView::from(event)).unwrap_or_default();
    let shown = start_in(&json, RAW);
    html! {
        details.raw {
            summary { "JSON" }
            pre tabindex="0" { code { (shown) @if shown.len() < json.len() { "…" } } }
            p { a href=(file) download { "Download it whole" } }
        }
    }
}
