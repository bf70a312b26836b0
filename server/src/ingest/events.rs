//! Batches of events.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqreen::protocol::{
    BatchElement, BatchRequest, BatchResponse, RequestRecord, Signal, Status, Verdict, VerdictKind,
};

use super::answer::{self, Refusal};
use super::body::Body;
use super::normalise::{Normaliser, Row};
use super::session::Session;
use crate::server::{App, blocking};
use crate::sessions::Agent;
use crate::store;

type Sent = Result<Bytes, BytesRejection>;

pub(super) async fn batch(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
    bytes: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, batch: BatchRequest| {
        for element in &batch.batch {
            match element {
                BatchElement::RequestRecord(record) => normaliser.record(record),
                BatchElement::Other(_) => {}
            }
        }
        batch.verdicts
    };
    match take(&app, &agent, &headers, bytes, read).await {
        Ok((outcome, true)) => Json(BatchResponse {
            status: Status::OK,
            error: None,
            accepted: Some(outcome.accepted),
            verdicts: outcome.verdicts,
        })
        .into_response(),
        Ok(_) => answer::ok(),
        Err(refusal) => refuse(&agent, refusal),
    }
}

/// One request record outside of a batch.
pub(super) async fn record(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
    bytes: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, record: RequestRecord| normaliser.record(&record);
    plain(&agent, take(&app, &agent, &headers, bytes, read).await)
}

pub(super) async fn signals(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
    bytes: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, signals: Vec<Signal>| {
        for signal in &signals {
            normaliser.signal(signal);
        }
    };
    plain(&agent, take(&app, &agent, &headers, bytes, read).await)
}

/// One signal or trace outside of a batch.
pub(super) async fn signal(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
    bytes: Sent,
) -> Response {
    let read = |normaliser: &mut Normaliser<'_>, signal: Value| {
        if let Ok(signal) = serde_json::from_value(signal) {
            normaliser.signal(&signal);
        }
    };
    plain(&agent, take(&app, &agent, &headers, bytes, read).await)
}

fn plain(agent: &Agent, taken: Result<(Outcome, ()), Refusal>) -> Response {
    match taken {
        Ok(_) => answer::ok(),
        Err(refusal) => refuse(agent, refusal),
    }
}

fn refuse(agent: &Agent, refusal: Refusal) -> Response {
    match refusal {
        Refusal::TooLarge(error) if !agent.capable => {
            tracing::warn!(
                app = agent.app,
                host = agent.hostname,
                error,
                "events of an old agent lost"
            );
            answer::ok()
        }
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
    headers: &HeaderMap,
    bytes: Sent,
    read: F,
) -> Result<(Outcome, R), Refusal>
where
    B: DeserializeOwned + Default,
    R: Send + 'static,
    F: FnOnce(&mut Normaliser<'_>, B) -> R + Send + 'static,
{
    let body = Body::new(headers, bytes)?;
    let closing = |_| Refusal::Unavailable("the server is closing".to_owned());
    let _permit = app.bodies.acquire().await.map_err(closing)?;
    let small = body.is_small();
    let reader = Arc::clone(agent);
    let work = move || {
        let mut normaliser = Normaliser::new(&reader);
        let rest = read(&mut normaliser, body.parse()?);
        Ok::<_, Refusal>((normaliser.finish(), rest))
    };
    let ((rows, proxies), rest) = if small {
        work()?
    } else {
        blocking(work).await??
    };
    if !proxies.is_empty() {
        app.actions.note_proxies(&agent.app, proxies);
    }
    Ok((store(app, rows).await?, rest))
}

async fn store(app: &App, rows: Vec<Row>) -> Result<Outcome, Refusal> {
    let mut outcome = Outcome::default();
    let mut ids = Vec::with_capacity(rows.len());
    let mut events = Vec::with_capacity(rows.len());
    for Row { id, event } in rows {
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
    let verdicts = app.store.append(events).await?;
    for (id, verdict) in ids.into_iter().zip(verdicts) {
        match verdict {
            store::Verdict::Accepted => outcome.accepted += 1,
            store::Verdict::Duplicate => outcome.verdicts.push(Verdict {
                id,
                kind: VerdictKind::Duplicate,
            }),
        }
    }
    Ok(outcome)
}
