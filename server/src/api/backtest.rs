//! `POST /api/v1/playbooks/backtest`: what a playbook would have done with the stored events.
//!
//! With `Accept: text/event-stream` the answer is a stream: `progress` tells `scanned` of `rows` about ten times a
//! second, `done` is what is otherwise the whole answer, and `failed` says that the store could not be read. A stream
//! that ends with neither was cut off. Closing the connection cancels the backtest.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sqreen::protocol::Timestamp;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::READ;
use super::body::Object;
use super::events::{Scan, place, sse_answer, sse_event};
use super::openapi::{Described, Moment, Operation, Tag, Time};
use super::params::Given;
use super::playbooks::PlaybookFields;
use super::problem::Problem;
use crate::fields::Fields;
use crate::playbooks::{self, Actor, Backtest, file, show_actor};
use crate::routes::post;
use crate::server::App;
use crate::store::{StoreError, TimeRange};

/// How often progress is told.
const PACE: Duration = Duration::from_millis(100);
/// How long a page waits for a place.
const PATIENCE: Duration = Duration::from_secs(5);
const UNREADABLE: &str = "the event store cannot be read now";

pub(super) fn routes() -> Vec<Described> {
    let example = json!({
        "playbook": {
            "slug": "guessed-passwords", "name": "Guessed passwords", "actor": "ip", "at_least": 6, "period": "5min",
            "trigger": {"event": "users.login", "where": "properties.success:false"},
        },
        "from": "2026-11-23T00:00:00Z",
    });
    vec![
        post("/api/v1/playbooks/backtest", READ, backtest).described(
            Operation::new(
                Tag::Playbooks,
                "backtestPlaybook",
                "What a playbook would have done with the stored events",
            )
            .body::<BacktestBody>(example)
            .answer_or_stream::<BacktestView>(
                "What it would have done; as a stream, `progress` and then `done` or `failed`",
            ),
        ),
    ]
}

/// A playbook with the fields of one in a file, and the range of time: RFC 3339, or milliseconds since 1970.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "it is the form of what a reader of its own takes apart"
)]
struct BacktestBody {
    playbook: PlaybookFields,
    #[schemars(with = "Option<Moment>")]
    from: Option<Value>,
    /// Exclusive.
    #[schemars(with = "Option<Moment>")]
    to: Option<Value>,
}

/// What a playbook would have done, times as RFC 3339.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Backtest")]
struct BacktestView {
    /// Events that are part of the rule.
    events: u64,
    /// How often it would have fired.
    fired: u64,
    /// On how many different actors.
    actors: u64,
    /// How many different actors are in the trigger's events.
    seen: u64,
    /// `actors` of `seen`, from 0 to 1.
    share: f64,
    /// How many of `actors` have signed in within the range.
    signed_in: u64,
    /// How many of `actors` the allow list has something in common with.
    allowed: u64,
    /// Whether the numbers of actors are estimates, since there were more than a million.
    estimated: bool,
    /// Actors that the engine forgot before their time.
    evicted: u64,
    /// The same, of the curve.
    curve_evicted: u64,
    curve: Vec<PointView>,
    /// The newest 1,000, the newest first.
    firings: Vec<FiringView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BacktestPoint")]
struct PointView {
    at_least: f64,
    actors: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BacktestFiring")]
struct FiringView {
    #[schemars(with = "Time")]
    at: Timestamp,
    /// An address or range, or the identifiers of a user.
    actor: Value,
    group: Option<String>,
    /// As in a run.
    counted: Value,
}

impl From<Backtest> for BacktestView {
    fn from(found: Backtest) -> Self {
        let firings = found.firings.iter().map(|firing| FiringView {
            at: Timestamp::from_micros(firing.at),
            actor: match &firing.actor {
                Actor::User(identifiers) => json!(identifiers),
                Actor::Ip(_) => show_actor(&firing.actor).into(),
            },
            group: firing.group.clone(),
            counted: firing.counted(),
        });
        let curve = found.curve.iter().map(|point| PointView {
            at_least: point.at_least,
            actors: point.actors,
        });
        Self {
            events: found.events,
            fired: found.fired,
            actors: found.actors,
            seen: found.seen,
            share: found.share(),
            signed_in: found.signed_in,
            allowed: found.allowed,
            estimated: found.estimated,
            evicted: found.evicted,
            curve_evicted: found.curve_evicted,
            curve: curve.collect(),
            firings: firings.collect(),
        }
    }
}

/// Takes `playbook`, and `from` and `to` as lists of events do; without them, all that is stored is meant.
async fn backtest(
    State(app): State<App>,
    headers: HeaderMap,
    Object(fields): Object,
) -> Result<Response, Problem> {
    let (playbook, range) = read(fields)?;
    let place = place(&app.scans.backtests)?;
    let mut scan = start(&app, place, playbook, range);
    let accepts = headers.get(header::ACCEPT);
    if accepts.is_some_and(|accepts| accepts == "text/event-stream") {
        let done = |found| sse_event("done", &BacktestView::from(found));
        return Ok(stream(scan, done));
    }
    match scan.next().await {
        Some(Ok(found)) => Ok(Json(BacktestView::from(found)).into_response()),
        _ => Err(StoreError::Closed.into()),
    }
}

/// The whole of a backtest, for a page; dropping this cancels it.
pub(crate) async fn run(
    app: &App,
    playbook: Arc<playbooks::Playbook>,
    range: TimeRange,
) -> Result<Backtest, Problem> {
    let place = wait(app).await?;
    match start(app, place, playbook, range).next().await {
        Some(Ok(found)) => Ok(found),
        _ => Err(StoreError::Closed.into()),
    }
}

/// A backtest as a stream, for a page: as the API's, but for what `done` tells.
pub(crate) async fn follow(
    app: &App,
    playbook: Arc<playbooks::Playbook>,
    range: TimeRange,
    done: impl Fn(Backtest) -> Value + Send + Sync + 'static,
) -> Result<Response, Problem> {
    let place = wait(app).await?;
    let scan = start(app, place, playbook, range);
    Ok(stream(scan, move |found| sse_event("done", &done(found))))
}

/// A place for a page, whose reader may just have given up the backtest that holds it.
async fn wait(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    let place = Arc::clone(&app.scans.backtests).acquire_owned();
    match timeout(PATIENCE, place).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(Problem::busy()),
    }
}

fn start(
    app: &App,
    place: OwnedSemaphorePermit,
    playbook: Arc<playbooks::Playbook>,
    range: TimeRange,
) -> Scan<Backtest> {
    let allowed = app.actions.allowed().into_iter();
    let allowed: Vec<_> = allowed.flat_map(|entry| entry.ips).collect();
    let store = Arc::clone(&app.store);
    Scan::start(app, place, move |outlet| {
        let monitor = &outlet.monitor;
        let found = playbooks::backtest(&*store, &playbook, range, &allowed, monitor)?;
        let ended = found.is_some();
        found.into_iter().for_each(|found| outlet.send(found));
        Ok(ended)
    })
}

fn read(fields: Map<String, Value>) -> Result<(Arc<playbooks::Playbook>, TimeRange), Problem> {
    let mut fields = Fields::new(fields);
    let mut times = Vec::new();
    for name in ["from", "to"] {
        match fields.take(name) {
            None => {}
            Some(Value::String(text)) => times.push((name.to_owned(), text)),
            Some(other) => times.push((name.to_owned(), other.to_string())),
        }
    }
    let range = Given::new(times)?.range()?;
    let playbook = fields.object("playbook")?;
    fields.finish()?;
    let playbook = playbook.ok_or_else(|| Problem::field("playbook", "playbook: missing"))?;
    Ok((Arc::new(file::entry(playbook)?.playbook), range))
}

fn stream(
    scan: Scan<Backtest>,
    done: impl Fn(Backtest) -> Event + Send + Sync + 'static,
) -> Response {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let running = Some((scan, pace, done));
    sse_answer(stream::unfold(running, |running| async move {
        let (mut scan, mut pace, done) = running?;
        let found = tokio::select! {
            found = scan.next() => found,
            _ = pace.tick() => {
                let monitor = scan.monitor();
                let progress = json!({"scanned": monitor.scanned(), "rows": monitor.rows()});
                let event = sse_event("progress", &progress);
                return Some((Ok::<_, Infallible>(event), Some((scan, pace, done))));
            }
        };
        let event = match found {
            Some(Ok(found)) => done(found),
            // The server drains.
            _ if scan.monitor().is_cancelled() => return None,
            _ => sse_event("failed", &json!({"detail": UNREADABLE})),
        };
        Some((Ok(event), None))
    }))
}
