//! `GET /api/v1/events/live`: the events that are meant, as they are stored from now on.
//!
//! `found` is an event as in a page. A reader that falls too far behind is told by `missed` how many events were
//! stored meanwhile, whether they were meant or not; `null` if that is not known. Nothing is queued for a reader but
//! the events of one commit: the rest waits, in bounds, in the store's own feed.
//!
//! The stream ends with the token or the session that opened it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::future::OptionFuture;
use futures_util::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, interval};

use super::super::params::Given;
use super::super::problem::Problem;
use super::scan::{drained, place};
use super::sse;
use super::view::EventView;
use crate::actions::News;
use crate::auth::Pass;
use crate::server::{App, scanning};
use crate::store::{
    BoxFuture, EventPage, EventQuery, Filter, Followed, Follower, StoreError, StoredEvent,
};

/// How soon a stream without events ends that nobody may read any longer. One that has events ends before the next.
const ASKED_EVERY: Duration = Duration::from_secs(1);

struct Live<F> {
    app: App,
    pass: Pass,
    ask: Interval,
    filter: Filter,
    /// How an event is shown.
    show: F,
    /// What was stored before, until it is read.
    past: Option<BoxFuture<'static, Result<EventPage, StoreError>>>,
    follower: Follower,
    news: watch::Receiver<News>,
    found: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

/// Takes `filter`.
pub(super) async fn live(
    State(app): State<App>,
    pass: Pass,
    mut given: Given,
) -> Result<Response, Problem> {
    let filter = given.filter()?;
    given.end()?;
    answer(&app, pass, filter, None, |event| {
        sse::event("found", &EventView::from(event))
    })
}

/// The stream of the events that the filter takes, each as `show` makes it.
///
/// With `past`, it has the events of that page, too, the oldest first, and then `caught_up`, whose `more` says whether
/// there are older ones: nothing is lost between a page and its stream. Events that are stored meanwhile may come
/// before and twice.
pub(crate) fn answer<F>(
    app: &App,
    pass: Pass,
    filter: Filter,
    past: Option<EventQuery>,
    show: F,
) -> Result<Response, Problem>
where
    F: FnMut(StoredEvent) -> Event + Send + 'static,
{
    let live = Live {
        app: Arc::clone(app),
        pass,
        ask: interval(ASKED_EVERY),
        filter,
        show,
        _place: place(&app.scans.live)?,
        // The past is read from now on only, so that whatever it lacks is followed.
        follower: app.store.follow(),
        past: past.map(|query| read(app, query)),
        news: app.actions.listen(),
        found: VecDeque::new(),
    };
    Ok(sse::answer(stream::unfold(live, |mut live| async {
        let event = live.next().await?;
        Some((Ok::<_, Infallible>(event), live))
    })))
}

/// Reads a page; dropped, it ends.
fn read(app: &App, query: EventQuery) -> BoxFuture<'static, Result<EventPage, StoreError>> {
    let store = Arc::clone(&app.store);
    Box::pin(scanning(move |monitor| store.query(&query, monitor)))
}

impl<F: FnMut(StoredEvent) -> Event> Live<F> {
    /// The next event of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !self.pass.holds(&self.app) {
                return None;
            }
            if let Some(event) = self.found.pop_front() {
                return Some(event);
            }
            let followed = tokio::select! {
                Some(page) = OptionFuture::from(self.past.as_mut()), if self.past.is_some() => {
                    self.past = None;
                    self.catch_up(page);
                    continue;
                }
                followed = self.follower.next() => followed?,
                _ = self.ask.tick() => continue,
                () = drained(&mut self.news) => return None,
            };
            match followed {
                Followed::Missed(events) => {
                    let events = (events > 0).then_some(events);
                    return Some(missed(events));
                }
                Followed::Events(events) => {
                    let meant = events
                        .into_iter()
                        .filter(|event| self.filter.matches(event));
                    self.found.extend(meant.map(&mut self.show));
                }
            }
        }
    }

    fn catch_up(&mut self, page: Result<EventPage, StoreError>) {
        match page {
            Ok(page) => {
                let more = page.next.is_some();
                let events = page.events.into_iter().rev();
                self.found.extend(events.map(&mut self.show));
                self.found
                    .push_back(sse::event("caught_up", &json!({"more": more})));
            }
            Err(error) => {
                tracing::error!(%error, "events not read for a live stream");
                self.found.push_back(missed(None));
            }
        }
    }
}

fn missed(events: Option<u64>) -> Event {
    sse::event("missed", &json!({"events": events}))
}
