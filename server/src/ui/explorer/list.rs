//! The list of events.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::terms::{offered, pair};
use super::{Listing, Terms};
use crate::store::{Cursor, Dimension, Field, JsonField, StoredEvent};
use crate::ui::access::Reader;
use crate::ui::actions::Met;
use crate::ui::actor::Actor;
use crate::ui::event;
use crate::ui::room::{fit, some};
use crate::ui::text::{short, time};

/// The most bytes of a row's properties; the event's page has all.
const PROPERTIES: usize = 6_000;
/// The most bytes of the identifiers of a row's user.
const USER: usize = 3_000;

/// The list, and how many of the events found it has: those that fit, one at least.
pub(super) fn table(
    listing: &Listing<'_>,
    terms: &Terms,
    (events, actions): (&[StoredEvent], &[Met]),
    most: usize,
) -> (Markup, usize) {
    let back = listing.place.here();
    let events = events.iter().zip(actions);
    let rows = events.map(|(event, met)| row(event, met, terms, listing.reader, &back));
    let rows = fit(rows, most);
    let list = html! {
        // The live list begins with none.
        div.scroll.stack tabindex="0" role="region" aria-label="Events" hidden[rows.is_empty()] {
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
        tr data-cursor=(Cursor::of(event)) {
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
                        a.who href=[Actor::Ip(ip).link()] data-test=[test] { (ip) } " "
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
    let field = |key: &String| Field::Json(JsonField::Properties, vec![key.clone()]);
    let pair = |(key, value)| pair(&field(key), key, value);
    html! { div { (some(properties.iter(), PROPERTIES, pair)) } }
}

/// The identifiers of the event's user: the way to the user's page, if actions can name them.
fn user(event: &StoredEvent, met: &Met) -> Markup {
    let field = |key: &String| Field::Json(JsonField::User, vec![key.clone()]);
    let named = |(key, value): (&String, &Value)| {
        let text = super::text(value);
        html! { span.pair data-test=[super::test(&field(key), &text)] { b { (short(key)) } " " (short(&text)) } " " }
    };
    let Some(user) = &event.user else {
        return html! {};
    };
    html! {
        @match met.named().and_then(Actor::link) {
            Some(page) => { a.who href=(page) { (some(user.iter(), USER, named)) } " " },
            None => (some(user.iter(), USER, |(key, value)| pair(&field(key), key, value))),
        }
    }
}
