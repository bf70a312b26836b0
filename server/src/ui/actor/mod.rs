//! `GET /actor`: what one address or one user meets now, and their events.
//!
//! The actor is `ip=203.0.113.7`, or `user.email=a%40b.example` and further `user.<identifier>=<value>`: all the
//! identifiers of a user, since an action meets who has exactly those. The filter of events takes one identifier, so
//! the first one given selects the events, and the page leads to those of each other. `app`, `name`, `from`, `to`,
//! `limit` and `cursor` are those of the Event Explorer; with `app`, only what concerns that application is shown.

mod identity;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

pub(super) use self::identity::Actor;
use super::access::{self, value};
use super::explorer::{self, Found, Listing, Unread};
use super::{actions, page};
use crate::actions::FieldError;
use crate::api::Params;
use crate::server::App;

const PATH: &str = "/actor";
const FIELDS: [(&str, &str); 4] = [
    ("app", "App"),
    ("name", "Event"),
    ("from", "From"),
    ("to", "To"),
];

pub(super) async fn show(
    State(app): State<App>,
    headers: HeaderMap,
    Query(params): Query<Params>,
) -> Response {
    let Some(reader) = app.explorer.reader(&headers) else {
        return access::refuse("Sign in with the API token to see the actor.");
    };
    let (actor, rest) = match Actor::parse(&params) {
        Ok(parsed) => parsed,
        Err(error) => return (StatusCode::BAD_REQUEST, nobody(&error)).into_response(),
    };
    let query = actor.filter().into_iter().chain(rest.clone()).collect();
    let found = explorer::read(&app, &query).await;
    let params = actor.params().into_iter().chain(rest).collect();
    let listing = Listing {
        reader: &reader,
        path: PATH,
        params: &params,
    };
    let status = explorer::status(&found);
    (status, markup(&app, &actor, &listing, &found)).into_response()
}

fn markup(
    app: &App,
    actor: &Actor,
    listing: &Listing<'_>,
    found: &Result<Found, Unread>,
) -> Markup {
    let within = value(listing.params, "app");
    let content = html! {
        (actions::banner(app))
        section.actor aria-labelledby="actor" {
            h2 #actor { (name(actor)) }
            (actions::standing(app, actor, within, listing.reader, &listing.here()))
            @if let Ok(found) = found { (seen(found)) }
        }
        (page::filter(listing, &FIELDS, &actor.params()))
        (by(actor))
        (page::events(listing, found, &html! { p { "No event of this actor matches." } }))
    };
    page::document(&actor.to_string(), Some(PATH), &content)
}

fn name(actor: &Actor) -> Markup {
    html! {
        @match actor {
            Actor::Ip(ip) => (ip),
            Actor::User(pairs) => @for (name, value) in pairs { span.pair { b { (name) } " " (value) } " " },
        }
    }
}

/// By which identifier the events are selected, where there are several.
fn by(actor: &Actor) -> Markup {
    let others = actor.by_others();
    html! {
        @if let (Actor::User(pairs), false) = (actor, others.is_empty()) {
            p {
                @for (name, value) in pairs.iter().take(1) { "Events with " b { (name) } " " (value) "." }
                @for (name, actor) in &others { " " a href=(actor.link()) { "By " (name) } }
            }
        }
    }
}

fn seen(found: &Found) -> Markup {
    let events = &found.page.events;
    html! {
        @if let (Some(last), Some(first)) = (events.first(), events.last()) {
            p { "In the events shown: first seen " (page::time(first.time)) ", last seen " (page::time(last.time)) "." }
        }
    }
}

/// For parameters that name no actor.
fn nobody(error: &FieldError) -> Markup {
    let content = html! {
        p role="alert" { (error) }
        p { a href="/" { "Events" } }
    };
    page::document("Actor", Some(PATH), &content)
}
