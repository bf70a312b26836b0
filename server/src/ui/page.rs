//! The pages. Whatever agents sent is escaped where it is written.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;
use sqreen::protocol::Timestamp;

use super::access::{Reader, value};
use super::actions::Met;
use super::actor::Actor;
use super::chart;
use super::explorer::{Found, Listing, Unread};
use crate::api::Params;
use crate::store::StoredEvent;

const FIELDS: [(&str, &str); 3] = [("filter", "Filter"), ("from", "From"), ("to", "To")];

const SNIPPET: &str = r#"let sqreen = Sqreen::new(Config::from_env()?)?;
let app = router.layer(sqreen.layer());
sqreen::track("cart.checkout"); // in a handler"#;

/// The most bytes of one text in the table. Whoever sends requests chooses their length, and browsers take seconds to
/// break a long one into lines.
const SHOWN: usize = 256;

/// The places that the navigation leads to.
const PLACES: [(&str, &str); 2] = [("/", "Events"), ("/actions", "Actions")];

/// A page; `here` is its place in the navigation, for those who signed in.
pub(super) fn document(title: &str, here: Option<&str>, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                link rel="stylesheet" href="/assets/explorer.css";
                link rel="icon" href="data:,";
            }
            body {
                header {
                    h1 { a href="/" { "Event Explorer" } }
                    @if let Some(here) = here {
                        nav aria-label="Pages" {
                            @for (path, name) in PLACES {
                                a href=(path) aria-current=[(path == here).then_some("page")] { (name) }
                            }
                        }
                    }
                }
                main { (content) }
            }
        }
    }
}

pub(super) fn sign_in(reason: &str) -> Markup {
    document(
        "Sign in",
        None,
        &html! {
            form.signin method="post" action="/signin" {
                p role="alert" { (reason) }
                label { "API token" input type="password" name="token" autocomplete="current-password" required; }
                button { "Sign in" }
            }
        },
    )
}

pub(super) fn explorer(listing: &Listing<'_>, found: &Result<Found, Unread>) -> Markup {
    let content = html! {
        (filter(listing, &FIELDS, &[]))
        (events(listing, found, &empty(listing.params)))
    };
    document("Event Explorer", Some(listing.path), &content)
}

/// A form with these fields that leads to the page; `hidden` is what it takes along.
pub(super) fn filter(
    listing: &Listing<'_>,
    fields: &[(&str, &str)],
    hidden: &[(String, String)],
) -> Markup {
    html! {
        form.filter method="get" action=(listing.path) role="search" {
            @for (name, value) in hidden { input type="hidden" name=(name) value=(value); }
            @for (name, label) in fields {
                label { (label) input name=(name) value=(value(listing.params, name).unwrap_or_default()); }
            }
            button { "Filter" }
        }
    }
}

/// The events of one page, or why there are none; `empty` is what to say where nothing was found.
pub(super) fn events(
    listing: &Listing<'_>,
    found: &Result<Found, Unread>,
    empty: &Markup,
) -> Markup {
    html! {
        @match found {
            Err(unread) => p role="alert" { (unread.reason) },
            Ok(found) => {
                (chart::bars(&found.histogram))
                @if found.page.events.is_empty() { (empty) } @else { (table(listing, found)) }
                @if let Some(next) = found.page.next {
                    nav { a rel="next" href=(listing.next(next)) { "Older events" } }
                }
            }
        }
    }
}

fn empty(params: &Params) -> Markup {
    html! {
        @if params.is_empty() {
            p { "No events yet. Add the layer to an axum app, and track:" }
            pre tabindex="0" { code { (SNIPPET) } }
        } @else {
            p { "No event matches the filter." }
        }
    }
}

fn table(listing: &Listing<'_>, found: &Found) -> Markup {
    let back = listing.here();
    let rows = found.page.events.iter().zip(&found.actions);
    html! {
        div.scroll tabindex="0" role="region" aria-label="Events" {
            table {
                thead { tr {
                    @for head in ["Time", "Event", "User", "IP", "Request", "Status", "Properties"] {
                        th scope="col" { (head) }
                    }
                } }
                tbody { @for (event, met) in rows { (row(event, met, listing.reader, &back)) } }
            }
        }
    }
}

fn row(event: &StoredEvent, met: &Met, reader: &Reader, back: &str) -> Markup {
    let properties = event.properties.iter().flatten();
    let user = html! { @for (key, value) in event.user.iter().flatten() { (pair(key, value)) } };
    html! {
        tr {
            td { (time(event.time)) }
            td { strong { (event.name) } br; small { (event.app) } }
            td {
                @match met.named() {
                    Some(actor) => { a.who href=(actor.link()) { (user) } " " },
                    None => (user),
                }
                (met.user(event, reader, back))
            }
            td {
                @if let Some(ip) = event.ip { a href=(Actor::Ip(ip).link()) { (ip) } " " }
                (met.ip(event, reader, back))
            }
            td {
                @if let Some(method) = &event.method { (short(method)) " " }
                @if let Some(path) = &event.path { (short(path)) }
            }
            td { @if let Some(status) = event.status { (status) } }
            td { @for (key, value) in properties { (pair(key, value)) } }
        }
    }
}

/// A time in microseconds since the Unix epoch.
pub(super) fn time(micros: i64) -> Markup {
    let time = Timestamp::from_micros(micros);
    html! { time datetime=(time) { (time) } }
}

fn pair(key: &str, value: &Value) -> Markup {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    html! { span.pair { b { (short(key)) } " " (short(&text)) } " " }
}

/// The text, or the start of a long one.
fn short(text: &str) -> Markup {
    let start = text.get(..text.floor_char_boundary(SHOWN)).unwrap_or(text);
    html! { (start) @if start.len() < text.len() { "…" } }
}
