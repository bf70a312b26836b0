//! Batches of events.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqreen::protocol::{
    BatchElement, BatchRequest, BatchResponse, Metric, MetricsRequest, RequestRecord, Signal,
    Status, Verdict, VerdictKind,
};

use super::answer::{self, Refusal};
use super::body::Body;
use super::ignored::Kinds;
use super::normalise::{Normalised, Normaliser, Row};
use super::session::Session;
use crate::server::App;
use crate::sessions::Agent;
use crate::store;

type Sent = Result<Body, Refusal>;

pub(super) async fn batch(State(app): State<App>, Session(agent): Session, sent: Sent) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, batch: BatchRequest| {
        for element in batch.batch {
            match element {
                BatchElement::RequestRecord(record) => normaliser.record(*record),
                other @ BatchElement::Other(_) => normaliser.other(&other),
            }
        }
        batch.verdicts
    };
    match take(&app, &agent, sent, read).await {
        Ok((outcome, true)) => Json(BatchResponse {
            status: Status::OK,
            error: None,
            accepted: Some(outcome.accepted),
            verdicts: outcome.verdicts,
        })
        .into_response(),
        Ok(_) => answer::ok(),
        Err(refusal) => refuse(&app, &agent, refusal),
    }
}

/// One request record outside of a batch.
pub(super) async fn record(
    State(app): State<App>,
    Session(agent): Session,
    sent: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, record: RequestRecord| normaliser.record(record);
    plain(&app, &agent, take(&app, &agent, sent, read).await)
}

pub(super) async fn signals(
    State(app): State<App>,
    Session(agent): Session,
    sent: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, signals: Vec<Signal>| {
        for signal in &signals {
            normaliser.signal(signal);
        }
    };
    plain(&app, &agent, take(&app, &agent, sent, read).await)
}

/// One signal or trace outside of a batch.
pub(super) async fn signal(
    State(app): State<App>,
    Session(agent): Session,
    sent: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, signal: Value| {
        // A signal reads any JSON.
        if let Ok(signal) = serde_json::from_value(signal) {
            normaliser.signal(&signal);
        }
    };
    plain(&app, &agent, take(&app, &agent, sent, read).await)
}

/// Metrics outside of a heartbeat.
pub(super) async fn metrics(
    State(app): State<App>,
    Session(agent): Session,
    sent: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, sent: MetricsRequest| {
        for metric in &sent.metrics {
            normaliser.metric(metric);
        }
    };
    plain(&app, &agent, take(&app, &agent, sent, read).await)
}

/// Stores the counts of a heartbeat.
pub(super) async fn counts(app: &App, agent: &Agent, metrics: &[Metric]) -> Result<(), Refusal> {
    let mut normaliser = Normaliser::new(agent);
    for metric in metrics {
        normaliser.metric(metric);
    }
    keep(app, agent, normaliser.finish()).await.map(drop)
}

fn plain(app: &App, agent: &Agent, taken: Result<(Outcome, ()), Refusal>) -> Response {
    match taken {
        Ok(_) => answer::ok(),
        Err(refusal) => refuse(app, agent, refusal),
    }
}

/// Answers a body whose events are not taken. Those of agents that do not come again are lost, which is counted.
pub(super) fn refuse(app: &App, agent: &Agent, refusal: Refusal) -> Response {
    let (Some(kind), false) = (refusal.loses(), agent.capable) else {
        return refusal.into_response();
    };
    let (name, host) = (&agent.app, &agent.hostname);
    tracing::warn!(app = name, host, ?refusal, "events of an old agent lost");
    app.intake
        .ignored
        .add(name, &agent.agent_type, &Kinds::one(kind));
    match refusal {
        // It would send the same again for ever.
        Refusal::TooLarge(_) => answer::ok(),
        refusal => refusal.into_response(),
    }
}

/// What became of the events of a body.
#[derive(Debug, Default)]
struct Outcome {
    accepted: u64,
    verdicts: Vec<Verdict>,
}

/// Reads a body, normalises its events with `read` and stores them durably.
async fn take<B, R, F>(
    app: &App,
    agent: &Arc<Agent>,
    sent: Sent,
    read: F,
) -> Result<(Outcome, R), Refusal>
where
    B: DeserializeOwned + Default,
    R: Send + 'static,
    F: FnOnce(&mut Normaliser<'_>, B) -> R + Send + 'static,
{
    if agent.capable {
        app.intake.rates.admit(&agent.app).map_err(Refusal::Busy)?;
    }
    let reader = Arc::clone(agent);
    let (normalised, rest) = sent?
        .read(app, move |body| {
            let mut normaliser = Normaliser::new(&reader);
            let rest = read(&mut normaliser, body);
            (normaliser.finish(), rest)
        })
        .await?;
    Ok((keep(app, agent, normalised).await?, rest))
}

/// Stores what a body came to, and then counts what was left out of it.
async fn keep(app: &App, agent: &Agent, normalised: Normalised) -> Result<Outcome, Refusal> {
    if !normalised.proxies.is_empty() {
        app.actions.note_proxies(&agent.app, normalised.proxies);
    }
    let mut outcome = Outcome::default();
    let mut ids = Vec::with_capacity(normalised.rows.len());
    let mut events = Vec::with_capacity(normalised.rows.len());
    for Row { id, event } in normalised.rows {
        match event {
            Ok(event) => {
                ids.push(id);
                events.push(event);
            }
            Err(reason) => outcome.verdicts.push(Verdict {
                id,
                kind: VerdictKind::Rejected(reason),
            }),
        }
    }
    app.metrics.reject(outcome.verdicts.len());
    if !events.is_empty() {
        let verdicts = app.store.append(events).await?;
        app.intake.rates.charge(&agent.app, verdicts.len() as u64);
        for (id, verdict) in ids.into_iter().zip(verdicts) {
            match verdict {
                store::Verdict::Accepted => outcome.accepted += 1,
                store::Verdict::Duplicate => outcome.verdicts.push(Verdict {
                    id,
                    kind: VerdictKind::Duplicate,
                }),
            }
        }
    }
    app.intake
        .ignored
        .add(&agent.app, &agent.agent_type, &normalised.ignored);
    Ok(outcome)
}
