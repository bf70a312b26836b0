//! The list of events.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::terms::{offered, pair};
use super::{Found, Listing, Terms};
use crate::store::{Dimension, Field, JsonField, StoredEvent};
use crate::ui::access::Reader;
use crate::ui::actions::Met;
use crate::ui::actor::Actor;
use crate::ui::event;
use crate::ui::text::{short, time};

/// The most bytes of a row's properties, with one that goes beyond it; the event's page has all.
const PROPERTIES: usize = 6_000;

/// The list, and how many of the events found it has: those that fit, one at least.
pub(super) fn table(
    listing: &Listing<'_>,
    terms: &Terms,
    found: &Found,
    most: usize,
) -> (Markup, usize) {
    let back = listing.place.here();
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for (event, met) in found.page.events.iter().zip(&found.actions) {
        let row = row(event, met, terms, listing.reader, &back);
        bytes += row.0.len();
        if bytes > most && !rows.is_empty() {
            break;
        }
        rows.push(row);
    }
    let list = html! {
        div.scroll.stack tabindex="0" role="region" aria-label="Events" {
            table.events data-base=(terms.base()) {
                thead { tr {
                    @for head in ["Time (UTC)", "Event", "User", "IP", "Request", "Status", "Properties"] {
                        th scope="col" { (head) }
                    }
                } }
                tbody #events { @for row in &rows { (row) } }
            }
        }
    };
    (list, rows.len())
}

/// One event as a row of the table.
pub(crate) fn row(
    event: &StoredEvent,
    met: &Met,
    terms: &Terms,
    reader: &Reader,
    back: &str,
) -> Markup {
    let field = Field::Dimension;
    let is = |dimension, value: &str| terms.only(&field(dimension), value, &short(value));
    html! {
        tr {
            td { a.detail href=(event::link(event)) { (time(event.time)) } }
            td {
                div {
                    (terms.only(&field(Dimension::Name), &event.name, &html! { strong { (short(&event.name)) } }))
                    " " small { (offered(&field(Dimension::App), &event.app)) }
                }
            }
            td { @if event.user.is_some() { div { (user(event, met)) (met.user(event, reader, back)) } } }
            td {
                @if let Some(ip) = event.ip {
                    div {
                        @let test = super::test(&field(Dimension::Ip), &ip.to_canonical().to_string());
                        a.who href=(Actor::Ip(ip).link()) data-test=[test] { (ip) } " "
                        (met.ip(event, reader, back))
                    }
                }
            }
            td {
                @if event.method.is_some() || event.path.is_some() {
                    div {
                        @if let Some(method) = &event.method { (offered(&field(Dimension::Method), method)) " " }
                        @if let Some(path) = &event.path { (offered(&field(Dimension::Path), path)) }
                    }
                }
            }
            td { @if let Some(status) = event.status { div { (is(Dimension::Status, &status.to_string())) } } }
            td {
                @if let Some(properties) = event.properties.as_ref().filter(|properties| !properties.is_empty()) {
                    (self::properties(properties))
                }
            }
        }
    }
}

fn properties(properties: &Map<String, Value>) -> Markup {
    let mut bytes = 0;
    let field = |key: &String| Field::Json(JsonField::Properties, vec![key.clone()]);
    let pairs = properties
        .iter()
        .map(|(key, value)| pair(&field(key), key, value));
    let pairs: Vec<_> = pairs
        .take_while(|pair| {
            let has_room = bytes < PROPERTIES;
            bytes += pair.0.len();
            has_room
        })
        .collect();
    let more = properties.len() - pairs.len();
    html! { div { @for pair in &pairs { (pair) } @if more > 0 { small { "and " (more) " more" } } } }
}

/// The identifiers of the event's user: the way to the user's page, if actions can name them.
fn user(event: &StoredEvent, met: &Met) -> Markup {
    let field = |key: &String| Field::Json(JsonField::User, vec![key.clone()]);
    html! {
        @match met.named() {
            Some(actor) => {
                a.who href=(actor.link()) {
                    @for (key, value) in event.user.iter().flatten() {
                        @let text = super::text(value);
                        span.pair data-test=[super::test(&field(key), &text)] { b { (short(key)) } " " (short(&text)) } " "
                    }
                }
                " "
            },
            None => @for (key, value) in event.user.iter().flatten() { (pair(&field(key), key, value)) },
        }
    }
}
