//! Batches of events.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sqreen::protocol::{
    BatchElement, BatchRequest, BatchResponse, Metric, MetricsRequest, Outcomes, RequestRecord,
    Signal, Status, Verdict, VerdictKind,
};
use tokio::sync::SemaphorePermit;

use super::answer::{self, Refusal};
use super::body::{Body, closing};
use super::ignored::Kinds;
use super::json::FromJson;
use super::normalise::{Normalised, Normaliser};
use super::session::Session;
use crate::ledger;
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
        for signal in signals {
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
            normaliser.signal(signal);
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
    let mut normaliser = Normaliser::new(agent, app.enrichment.lookup());
    for metric in metrics {
        normaliser.metric(metric);
    }
    keep(app, agent, normaliser.finish(), None).await.map(drop)
}

fn plain(app: &App, agent: &Agent, taken: Result<(Outcome, ()), Refusal>) -> Response {
    match taken {
        Ok(_) => answer::ok(),
        Err(refusal) => refuse(app, agent, refusal),
    }
}

fn refuse(app: &App, agent: &Agent, refusal: Refusal) -> Response {
    lost(app, agent, &refusal);
    match refusal {
        // An old agent would send the same again for ever.
        Refusal::TooLarge(_) if !agent.capable => answer::ok(),
        refusal => refusal.into_response(),
    }
}

/// Counts a body that is not taken from an agent that does not come again, or not for long.
pub(super) fn lost(app: &App, agent: &Agent, refusal: &Refusal) {
    if agent.capable {
        return;
    }
    if let Some(kind) = refusal.loses() {
        let (name, host) = (&agent.app, &agent.hostname);
        tracing::warn!(app = name, host, kind, "body of an old agent refused");
        let ignored = &app.intake.ignored;
        ignored.add(name, &agent.agent_type, &Kinds::one(kind));
    }
}

/// What became of the events of a body.
#[derive(Debug)]
struct Outcome {
    accepted: u64,
    verdicts: Vec<Verdict>,
}

impl Outcome {
    fn counts(&self) -> Outcomes {
        let mut duplicate = 0;
        let mut rejected = BTreeMap::new();
        for verdict in &self.verdicts {
            match &verdict.kind {
                VerdictKind::Rejected(reason) => {
                    *rejected.entry(reason.clone()).or_default() += 1;
                }
                VerdictKind::Duplicate => duplicate += 1,
            }
        }
        ledger::found(self.accepted, duplicate, rejected)
    }
}

/// Reads a body, normalises its events with `read` and stores them durably.
async fn take<B, R, F>(
    app: &App,
    agent: &Arc<Agent>,
    sent: Sent,
    read: F,
) -> Result<(Outcome, R), Refusal>
where
    B: FromJson,
    R: Send + 'static,
    F: FnOnce(&mut Normaliser<'_>, B) -> R + Send + 'static,
{
    if agent.capable {
        app.intake.rates.admit(&agent.app).map_err(Refusal::Busy)?;
    }
    let reader = Arc::clone(agent);
    let enrichment = app.enrichment.lookup();
    let ((normalised, rest), reading) = sent?
        .read(app, move |body| {
            let mut normaliser = Normaliser::new(&reader, enrichment);
            let rest = read(&mut normaliser, body);
            (normaliser.finish(), rest)
        })
        .await?;
    let outcome = keep(app, agent, normalised, Some(reading)).await?;
    Ok((outcome, rest))
}

/// Stores what a body came to, and then counts what was left out of it. While the store is busy, other bodies are not
/// read, so that no more events wait in memory.
async fn keep(
    app: &App,
    agent: &Agent,
    normalised: Normalised,
    reading: Option<SemaphorePermit<'_>>,
) -> Result<Outcome, Refusal> {
    if !normalised.proxies.is_empty() {
        app.actions.note_proxies(&agent.app, normalised.proxies);
    }
    let mut outcome = Outcome {
        accepted: 0,
        verdicts: normalised.refused,
    };
    app.metrics.reject(outcome.verdicts.len());
    let events = normalised.events;
    if !events.is_empty() {
        let kib = u32::try_from(events.bytes().div_ceil(1 << 10)).unwrap_or(u32::MAX);
        let _storing = app
            .intake
            .storing
            .acquire_many(kib)
            .await
            .map_err(closing)?;
        drop(reading);
        let verdicts = app.store.append_batch(events).await?;
        app.intake.rates.charge(&agent.app, verdicts.len() as u64);
        for (id, verdict) in normalised.ids.into_iter().zip(verdicts) {
            match verdict {
                store::Verdict::Accepted => outcome.accepted += 1,
                store::Verdict::Duplicate => outcome.verdicts.push(Verdict {
                    id,
                    kind: VerdictKind::Duplicate,
                }),
            }
        }
    }
    // This project's SDK asks for verdicts, and counts them itself.
    if !agent.capable {
        app.ledger.count(agent, outcome.counts());
    }
    app.intake
        .ignored
        .add(&agent.app, &agent.agent_type, &normalised.ignored);
    Ok(outcome)
}
