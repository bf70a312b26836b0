//! What the server says of itself: `/healthz`, `/readyz` and `/metrics`.

mod page;
mod ready;
mod text;

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

pub(crate) use self::ready::Readiness;
use crate::histogram::Histogram;
use crate::server::App;

/// What a request is for. Paths would make the number of series the clients' choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Ingest,
    Api,
    Operation,
    Explorer,
}

impl Class {
    const ALL: [Self; 4] = [Self::Ingest, Self::Api, Self::Operation, Self::Explorer];

    fn of(path: &str) -> Self {
        const INGEST: [&str; 4] = ["/batches", "/signals", "/traces", "/ping"];
        const OPERATION: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
        if path.starts_with("/sqreen/") || INGEST.contains(&path) {
            Self::Ingest
        } else if path.starts_with("/api/") {
            Self::Api
        } else if OPERATION.contains(&path) {
            Self::Operation
        } else {
            Self::Explorer
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Api => "api",
            Self::Operation => "operation",
            Self::Explorer => "explorer",
        }
    }
}

/// The requests of one class.
#[derive(Debug, Default)]
struct Requests {
    /// By the first digit of their status, 1 to 5.
    statuses: [AtomicU64; 5],
    times: Histogram,
}

/// What the server counts beside its stores.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: [Requests; Class::ALL.len()],
    rejected: AtomicU64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            requests: array::from_fn(|_| Requests::default()),
            rejected: AtomicU64::new(0),
        }
    }

    /// Counts events that were refused for what they are.
    pub(crate) fn reject(&self, events: usize) {
        self.rejected.fetch_add(events as u64, Ordering::Relaxed);
    }

    fn count(&self, class: Class, status: StatusCode, since: Instant) {
        let Some(requests) = self.requests.get(class as usize) else {
            return;
        };
        let digit = usize::from(status.as_u16() / 100).saturating_sub(1);
        if let Some(count) = requests.statuses.get(digit) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        requests.times.observe(since.elapsed());
    }
}

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready::answer))
        .route("/metrics", get(page::answer))
}

/// Says that the process serves, and nothing of its stores.
async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Counts a request when its response begins.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let (class, since) = (Class::of(request.uri().path()), Instant::now());
    let response = next.run(request).await;
    app.metrics.count(class, response.status(), since);
    response
}
