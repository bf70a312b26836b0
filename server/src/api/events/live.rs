//! `GET /api/v1/events/live`: the events that are meant, as they are stored from now on.
//!
//! `found` is an event as in a page. A reader that falls too far behind is told by `missed` how many events were
//! stored meanwhile, whether they were meant or not; `null` if that is not known. Nothing is queued for a reader but
//! the events of one commit: the rest waits, in bounds, in the store's own feed.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::super::Bearer;
use super::super::params::Given;
use super::super::problem::Problem;
use super::scan::{drained, place};
use super::sse;
use super::view::EventView;
use crate::actions::News;
use crate::server::App;
use crate::store::{Filter, Followed, Follower, StoredEvent};

struct Live<F> {
    filter: Filter,
    /// How an event is shown.
    show: F,
    follower: Follower,
    news: watch::Receiver<News>,
    found: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

/// Takes `filter`.
pub(super) async fn live(
    _: Bearer,
    State(app): State<App>,
    mut given: Given,
) -> Result<Response, Problem> {
    let filter = given.filter()?;
    given.end()?;
    answer(&app, filter, |event| {
        sse::event("found", &EventView::from(event))
    })
}

/// The stream of the events that the filter takes, each as `show` makes it.
pub(crate) fn answer<F>(app: &App, filter: Filter, show: F) -> Result<Response, Problem>
where
    F: FnMut(StoredEvent) -> Event + Send + 'static,
{
    let live = Live {
        filter,
        show,
        _place: place(&app.scans.live)?,
        follower: app.store.follow(),
        news: app.actions.listen(),
        found: VecDeque::new(),
    };
    Ok(sse::answer(stream::unfold(live, |mut live| async {
        let event = live.next().await?;
        Some((Ok::<_, Infallible>(event), live))
    })))
}

impl<F: FnMut(StoredEvent) -> Event> Live<F> {
    /// The next event of the stream; `None` ends it.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.found.pop_front() {
                return Some(event);
            }
            let followed = tokio::select! {
                followed = self.follower.next() => followed?,
                () = drained(&mut self.news) => return None,
            };
            match followed {
                Followed::Missed(events) => {
                    let events = (events > 0).then_some(events);
                    return Some(sse::event("missed", &json!({"events": events})));
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
}
