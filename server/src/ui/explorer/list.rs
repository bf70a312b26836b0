//! The list of events.

use maud::{Markup, html};

use super::{Found, Listing, Terms};
use crate::store::{Dimension, Field, JsonField, StoredEvent};
use crate::ui::access::Reader;
use crate::ui::actions::Met;
use crate::ui::actor::Actor;
use crate::ui::event;
use crate::ui::text::{short, time};

pub(super) fn table(listing: &Listing<'_>, terms: &Terms, found: &Found) -> Markup {
    let back = listing.place.here();
    let rows = found.page.events.iter().zip(&found.actions);
    html! {
        div.scroll.stack tabindex="0" role="region" aria-label="Events" {
            table.events data-base=(terms.base()) {
                thead { tr {
                    @for head in ["Time", "Event", "User", "IP", "Request", "Status", "Properties"] {
                        th scope="col" { (head) }
                    }
                } }
                tbody #events { @for (event, met) in rows { (row(event, met, terms, listing.reader, &back)) } }
            }
        }
    }
}

/// One event as a row of the table.
pub(crate) fn row(
    event: &StoredEvent,
    met: &Met,
    terms: &Terms,
    reader: &Reader,
    back: &str,
) -> Markup {
    let is =
        |dimension, value: &str| terms.only(&Field::Dimension(dimension), value, &short(value));
    html! {
        tr {
            td { a.detail href=(event::link(event)) { (time(event.time)) } }
            td {
                div {
                    (terms.only(&Field::Dimension(Dimension::Name), &event.name, &html! { strong { (short(&event.name)) } }))
                    " " small { (is(Dimension::App, &event.app)) }
                }
            }
            td { @if event.user.is_some() { div { (user(event, met, terms)) (met.user(event, reader, back)) } } }
            td {
                @if let Some(ip) = event.ip {
                    div {
                        @let test = super::test(&Field::Dimension(Dimension::Ip), &ip.to_canonical().to_string());
                        a.who href=(Actor::Ip(ip).link()) data-test=[test] { (ip) } " "
                        (met.ip(event, reader, back))
                    }
                }
            }
            td {
                @if event.method.is_some() || event.path.is_some() {
                    div {
                        @if let Some(method) = &event.method { (is(Dimension::Method, method)) " " }
                        @if let Some(path) = &event.path { (is(Dimension::Path, path)) }
                    }
                }
            }
            td { @if let Some(status) = event.status { (is(Dimension::Status, &status.to_string())) } }
            td {
                @if event.properties.as_ref().is_some_and(|properties| !properties.is_empty()) {
                    div {
                        @for (key, value) in event.properties.iter().flatten() {
                            (terms.pair(&Field::Json(JsonField::Properties, vec![key.clone()]), key, value))
                        }
                    }
                }
            }
        }
    }
}

/// The identifiers of the event's user: the way to the user's page, if actions can name them.
fn user(event: &StoredEvent, met: &Met, terms: &Terms) -> Markup {
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
            None => @for (key, value) in event.user.iter().flatten() { (terms.pair(&field(key), key, value)) },
        }
    }
}
