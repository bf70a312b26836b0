//! `GET /actor`: what one address or one user meets now, and their events.
//!
//! The actor is `ip=203.0.113.7`, or `user.email=a%40b.example` and further `user.<identifier>=<value>`: all the
//! identifiers of a user, since an action meets who has exactly those. The events are those with any of them. `filter`,
//! `from`, `to`, `limit` and `cursor` are those of the Event Explorer; with `app`, only what concerns that application is
//! shown.

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
use crate::api::{Given, Params, Problem};
use crate::server::App;
use crate::store::{Dimension, EventQuery, Field, Filter};

const PATH: &str = "/actor";
const FIELDS: [(&str, &str); 4] = [
    ("filter", "Filter"),
    ("app", "App"),
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
    let found = explorer::read(&app, query(&actor, &rest)).await;
    let params = actor.params().into_iter().chain(rest).collect();
    let listing = Listing {
        reader: &reader,
        path: PATH,
        params: &params,
    };
    let status = explorer::status(&found);
    (status, markup(&app, &actor, &listing, &found)).into_response()
}

/// The actor's events that the parameters select.
fn query(actor: &Actor, params: &Params) -> Result<EventQuery, Problem> {
    let mut given = Given::new(params.clone())?;
    let app = given.text("app");
    let app = app.map(|app| Filter::equals(Field::Dimension(Dimension::App), app));
    let mut query = given.events()?;
    let own = [actor.filter()].into_iter().chain(app);
    query.filter = Filter::All(own.chain([query.filter]).collect());
    Ok(query)
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
