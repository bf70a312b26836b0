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

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

pub(super) use self::asked::Asked;
pub(super) use self::feed::{complete, export, follow, live};
pub(super) use self::form::steering;
pub(super) use self::page::page as markup;
pub(super) use self::place::{Place, given, link};
pub(super) use self::terms::{Terms, test, text};
use super::access::Reader;
use super::actions::Met;
use super::page::Here;
use super::signin::From;
use super::slow::{self, Scans, Stage};
use crate::api::{Params, Problem};
use crate::server::{App, blocking};
use crate::state::SavedView;
use crate::store::{Cursor, EventPage, Filter, Groups, Histogram, StoreError};

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

impl Found {
    /// Where the next page begins, if this one shows that many of the events.
    fn next(&self, shown: usize) -> Option<Cursor> {
        let events = &self.page.events;
        let cut = shown.checked_sub(1).filter(|_| shown < events.len());
        let last = cut.and_then(|last| events.get(last));
        last.map(Cursor::of).or(self.page.next)
    }
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
    from: From,
    Query(params): Query<Params>,
) -> Response {
    page(&app, &reader, &from, &params).await
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

fn find(app: &App, asked: &Asked, scans: &Scans) -> Result<Found, StoreError> {
    let store = &app.store;
    let page = store.query(&asked.events(), scans.of(Stage::Events))?;
    let span = asked::span(asked.range, page.events.first().map(|event| event.time));
    let histogram = store.histogram(&asked.histogram(span), scans.of(Stage::Chart))?;
    let groups = asked.groups(span);
    let groups = groups.map(|query| store.groups(&query, scans.of(Stage::Groups)));
    let actions = page
        .events
        .iter()
        .map(|event| Met::by(app, event))
        .collect();
    Ok(Found {
        page,
        actions,
        span,
        histogram,
        groups: groups.transpose()?,
    })
}
