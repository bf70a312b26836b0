//! `GET /actor`: what one address or one user meets now, what they did, who is related to them, and their events.
//!
//! The actor is `ip=203.0.113.7`, or `user.email=a%40b.example` and further `user.<identifier>=<value>`: all the
//! identifiers of a user, since an action meets who has exactly those. The events are those with any of them. The other
//! parameters are those of the Event Explorer; with `app`, only what concerns that application is shown.

mod identity;
mod past;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

pub(super) use self::identity::Actor;
use self::past::Past;
use super::access::Reader;
use super::explorer::{self, Asked, Listing, Part, Place};
use super::page::{Here, refusal};
use super::slow::{self, Scans, Stage};
use super::{actions, playbooks};
use crate::api::{Params, Problem};
use crate::auth::Pass;
use crate::fields::FieldError;
use crate::server::{App, blocking};
use crate::store::{Dimension, Field, Filter};

const PATH: &str = "/actor";

pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    part: Part,
    Query(params): Query<Params>,
) -> Response {
    let (actor, rest) = match Actor::parse(&params) {
        Ok(parsed) => parsed,
        Err(error) => return (StatusCode::BAD_REQUEST, nobody(&error, &reader)).into_response(),
    };
    let place = Place::new(PATH, actor.params(), &rest);
    let asked = asked(&actor, &place);
    if let Part::List = part {
        return explorer::list_alone(&app, &reader, &place, asked).await;
    }
    let steering = explorer::steering(&place, &[("app", "App")], asked.as_ref().err());
    let (title, lead) = (actor.to_string(), lead(&app, &actor, &place, &reader));
    let above = lead.0.len();
    let owned = reader.clone();
    let work = |scans| async move {
        let reading = explorer::read(&app, asked, &scans).await;
        let past = match &reading {
            Ok((_, found)) => Some(past(&app, &actor, &place, found.span.1, scans).await),
            Err(_) => None,
        };
        let views = explorer::views(&app).await;
        let runs = playbooks::of_actor(&app, &actor).await;
        let about = html! {
            @match past {
                Some(Ok(past)) => (past.markup(&place)),
                Some(Err(Unread)) => p.bad role="status" {
                    "What the actor did before cannot be read now. The server's log says why. "
                    a href=(place.here()) { "Try again" }
                },
                None => {},
            }
            (runs)
            (steering)
        };
        let listing = Listing {
            reader: &owned,
            place: &place,
            views: views.as_deref(),
            besides: above + about.0.len(),
        };
        let empty = html! { p { "No event of this actor matches." } };
        let content = html! {
            (about)
            (explorer::markup(&app, &listing, &reading, &empty))
        };
        (explorer::status(&reading), content)
    };
    slow::answer(&title, Here::new(PATH, &reader), &lead, work).await
}

/// `GET /actor/live`: the stream of the actor's page of these parameters.
pub(super) async fn live(
    State(app): State<App>,
    pass: Pass,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    match Actor::parse(&params) {
        Ok((actor, rest)) => {
            let place = Place::new(PATH, actor.params(), &rest);
            explorer::follow(&app, pass, reader, &place, asked(&actor, &place))
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The actor's events, of one application or of all.
fn own(actor: &Actor, place: &Place) -> Filter {
    let app = Some(place.value("app")).filter(|app| !app.is_empty());
    let app = app.map(|app| Filter::equals(Field::Dimension(Dimension::App), app));
    Filter::All([actor.filter()].into_iter().chain(app).collect())
}

/// The actor's events that the parameters select.
fn asked(actor: &Actor, place: &Place) -> Result<Asked, Problem> {
    let mut apps = place.params().iter().filter(|(name, _)| name == "app");
    if apps.next().is_some() && apps.next().is_some() {
        return Err(Problem::field("app", "app: given twice"));
    }
    let rest = place.params().iter().filter(|(name, _)| name != "app");
    let rest = Place::new(PATH, Params::new(), &rest.cloned().collect());
    Asked::read(&rest, own(actor, place))
}

/// The store's fault.
struct Unread;

/// What is known of the actor until that time.
async fn past(
    app: &App,
    actor: &Actor,
    place: &Place,
    until: i64,
    scans: Arc<Scans>,
) -> Result<Past, Unread> {
    let shared = Arc::clone(app);
    let (filter, of) = (own(actor, place), actor.clone());
    let read = move || {
        let monitor = scans.of(Stage::Past);
        Past::read(&*shared.store, &of, &filter, until, monitor)
    };
    let read = blocking(read).await;
    read.and_then(|read| read).map_err(|error| {
        tracing::error!(%error, "the past of an actor not read");
        Unread
    })
}

/// Who it is, and what they meet now.
fn lead(app: &App, actor: &Actor, place: &Place, reader: &Reader) -> Markup {
    let within = Some(place.value("app")).filter(|app| !app.is_empty());
    html! {
        (actions::banner(app))
        section.actor aria-labelledby="actor" {
            h2 #actor { (name(actor)) }
            (actions::standing(app, actor, within, reader, &place.here()))
        }
    }
}

fn name(actor: &Actor) -> Markup {
    html! {
        @match actor {
            Actor::Ip(ip) => (ip),
            Actor::User(pairs) => @for (name, value) in pairs { span.pair { b { (name) } " " (value) } " " },
        }
    }
}

/// For parameters that name no actor.
fn nobody(error: &FieldError, reader: &Reader) -> Markup {
    let here = Some(Here::new(PATH, reader));
    refusal("Actor", here, &error.to_string(), &[("/", "Events")])
}
