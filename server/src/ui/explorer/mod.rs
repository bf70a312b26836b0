//! `GET /`: the events that the filters select, how many there were when, and of which values. The pages of actors list
//! events as this one does.

mod asked;
mod chart;
mod feed;
mod first;
mod form;
mod groups;
mod list;
mod page;
mod place;
mod terms;

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Query, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

pub(super) use self::asked::Asked;
pub(super) use self::feed::{complete, export, follow, live};
pub(super) use self::form::steering;
pub(super) use self::page::page as markup;
pub(super) use self::place::{Place, given, link};
pub(super) use self::terms::{Terms, test, text};
use super::access::Reader;
use super::actions::Met;
use super::page::Here;
use super::room::cut;
use super::signin::From;
use super::slow::{self, Scans, Stage};
use crate::api::{Params, Problem};
use crate::server::{App, blocking, scanning};
use crate::state::SavedView;
use crate::store::{
    Cursor, EventPage, EventQuery, Filter, Groups, Histogram, ScanMonitor, StoreError,
};

pub(super) const PATH: &str = "/";

/// What a page shows.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) page: EventPage,
    /// What the client and the user of each event meet now.
    pub(super) actions: Vec<Met>,
    /// The range of the counts.
    pub(super) span: (i64, i64),
    pub(super) histogram: Histogram,
    pub(super) groups: Option<Groups>,
}

/// Where the next page begins, if this one shows that many of the events.
fn next(page: &EventPage, shown: usize) -> Option<Cursor> {
    let last = cut(&page.events, shown);
    last.map(Cursor::of).or(page.next)
}

/// Why a page lists no events.
#[derive(Debug)]
pub(super) enum Unread {
    /// What was asked for.
    Wrong(Problem),
    /// The store's fault.
    Failed,
}

/// What was asked for, and what was found.
pub(super) type Reading = Result<(Asked, Found), Unread>;

/// A page that lists events, and who looks at it.
#[derive(Debug)]
pub(super) struct Listing<'a> {
    pub(super) reader: &'a Reader,
    pub(super) place: &'a Place,
    /// The saved views; `None` if they cannot be read.
    pub(super) views: Option<&'a [SavedView]>,
    /// The bytes that the page has besides.
    pub(super) besides: usize,
}

pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    part: Part,
    from: From,
    Query(params): Query<Params>,
) -> Response {
    match part {
        Part::Page => page(&app, &reader, &from, &params).await,
        Part::List => {
            let place = Place::new(PATH, Params::new(), &params);
            let asked = Asked::read(&place, Filter::default());
            list_alone(&app, &reader, &place, asked).await
        }
    }
}

/// What of a page is asked for: by script that goes on with a list, as it says in a header, the list alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Page,
    List,
}

impl Part {
    const HEADER: &str = "x-part";
}

impl<S: Sync> FromRequestParts<S> for Part {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let asked = parts.headers.get(Self::HEADER);
        let list = asked.is_some_and(|part| part == "list");
        Ok(if list { Self::List } else { Self::Page })
    }
}

/// The list of a page, and the way to the next one: nothing is counted for it. Whoever leaves ends the search.
pub(super) async fn list_alone(
    app: &App,
    reader: &Reader,
    place: &Place,
    asked: Result<Asked, Problem>,
) -> Response {
    let asked = match asked {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let (shared, query) = (Arc::clone(app), asked.events());
    let found = scanning(move |monitor| events(&shared, &query, monitor)).await;
    match found {
        Ok((page, actions)) => {
            let listing = Listing {
                reader,
                place,
                views: Some(&[]),
                besides: 0,
            };
            page::alone(&listing, &asked, &page, &actions).into_response()
        }
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The page itself, for those who may see it.
pub(super) async fn page(app: &App, reader: &Reader, from: &From, params: &Params) -> Response {
    let place = Place::new(PATH, Params::new(), params);
    let asked = Asked::read(&place, Filter::default());
    let lead = form::steering(&place, &[], asked.as_ref().err());
    let (app, owned, besides) = (Arc::clone(app), reader.clone(), lead.0.len());
    let url = from.url();
    let work = |scans| async move {
        let reading = read(&app, asked, &scans).await;
        let views = views(&app).await;
        let listing = Listing {
            reader: &owned,
            place: &place,
            views: views.as_deref(),
            besides,
        };
        let content = page::explorer(&app, &listing, &reading, url.as_deref());
        (status(&reading), content)
    };
    let here = Here::new(PATH, reader);
    slow::answer("Event Explorer", here, &lead, work).await
}

/// The saved views; `None` if they cannot be read, so that events can be looked at nevertheless.
pub(super) async fn views(app: &App) -> Option<Vec<SavedView>> {
    let shared = Arc::clone(app);
    match blocking(move || shared.state.views()).await {
        Ok(Ok(views)) => Some(views),
        Ok(Err(error)) => {
            tracing::error!(%error, "saved views not read");
            None
        }
        Err(error) => {
            tracing::error!(%error, "saved views not read");
            None
        }
    }
}

/// What the store has of it.
pub(super) async fn read(app: &App, asked: Result<Asked, Problem>, scans: &Arc<Scans>) -> Reading {
    let asked = asked.map_err(Unread::Wrong)?;
    let (shared, scans) = (Arc::clone(app), Arc::clone(scans));
    let found = blocking(move || find(&shared, &asked, &scans).map(|found| (asked, found))).await;
    found.and_then(|found| found).map_err(|error| {
        tracing::error!(%error, "events not read");
        Unread::Failed
    })
}

/// The status of a page that shows this.
pub(super) fn status(reading: &Reading) -> StatusCode {
    match reading {
        Ok(_) => StatusCode::OK,
        Err(Unread::Wrong(problem)) => problem.status(),
        Err(Unread::Failed) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The events of a page, and what the client and the user of each meet now.
fn events(
    app: &App,
    query: &EventQuery,
    monitor: &ScanMonitor,
) -> Result<(EventPage, Vec<Met>), StoreError> {
    let page = app.store.query(query, monitor)?;
    let met = page.events.iter().map(|event| Met::by(app, event));
    let met = met.collect();
    Ok((page, met))
}

fn find(app: &App, asked: &Asked, scans: &Scans) -> Result<Found, StoreError> {
    let store = &app.store;
    let (page, actions) = events(app, &asked.events(), scans.of(Stage::Events))?;
    let span = asked::span(asked.range, page.events.first().map(|event| event.time));
    let histogram = store.histogram(&asked.histogram(span), scans.of(Stage::Chart))?;
    let groups = asked.groups(span);
    let groups = groups.map(|query| store.groups(&query, scans.of(Stage::Groups)));
    Ok(Found {
        page,
        actions,
        span,
        histogram,
        groups: groups.transpose()?,
    })
}
