//! `/readyz`: whether agents should be sent here.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::server::{App, Shared, blocking};
use crate::store::StoreStats;

/// An answer is good for so long: whoever asks more often costs the disk nothing.
const FRESH: Duration = Duration::from_secs(5);

/// After events could not be stored, and none was since, for how long no more are asked for.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// What is written to see whether the disk takes it, in bytes: about as much as a batch makes. Where events are
/// stored, nothing needs to be tried.
const PROBE: usize = 256 << 10;

/// Whether the server can do its work.
#[derive(Debug)]
pub(crate) struct Readiness {
    data_dir: PathBuf,
    stopping: AtomicBool,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    /// When it was looked at, and why the answer was no.
    looked: Option<(Instant, Vec<&'static str>)>,
    stats: StoreStats,
    /// When appends were last seen to fail.
    failed: Option<Instant>,
}

impl Readiness {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
            stopping: AtomicBool::new(false),
            last: Mutex::default(),
        }
    }

    /// From now on the answer is no.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Why the server is not ready; nothing if it is. Blocks.
    fn reasons(&self, shared: &Shared) -> Vec<&'static str> {
        if self.stopping.load(Ordering::Relaxed) {
            return vec!["the server is stopping"];
        }
        // Held while it looks, so that many who ask at once make it look once.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, reasons)) = &last.looked
            && at.elapsed() < FRESH
        {
            return reasons.clone();
        }
        let stats = shared.store.stats();
        let stored = stats.stored_events > last.stats.stored_events;
        if stats.failed_appends > last.stats.failed_appends {
            last.failed = Some(Instant::now());
        } else if stored {
            last.failed = None;
        }
        last.stats = stats;
        let mut reasons = Vec::new();
        if last.failed.is_some_and(|at| at.elapsed() < AFTER_FAILURE) {
            reasons.push("events could not be stored just now");
        } else if !stored && let Err(error) = self.probe() {
            tracing::warn!(%error, "the disk takes no writes");
            reasons.push("the disk takes no writes");
        }
        if let Err(error) = shared.state.check_writable() {
            tracing::warn!(%error, "the state store takes no writes");
            reasons.push("the state store takes no writes");
        }
        last.looked = Some((Instant::now(), reasons.clone()));
        reasons
    }

    fn probe(&self) -> io::Result<()> {
        let path = self.data_dir.join("probe.tmp");
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&[0; PROBE])?;
            file.sync_all()
        });
        // It takes the place that the disk may lack.
        let removed = fs::remove_file(&path);
        written.and(removed)
    }
}

/// `GET /readyz`: 200 if events and decisions can be stored, else 503 and why not.
pub(super) async fn answer(State(app): State<App>) -> Response {
    let shared = Arc::clone(&app);
    let reasons = blocking(move || shared.ready.reasons(&shared)).await;
    let reasons = reasons.unwrap_or_else(|_| vec!["the server is stopping"]);
    if reasons.is_empty() {
        return Json(json!({"status": "ready"})).into_response();
    }
    let body = Json(json!({"status": "not ready", "reasons": reasons}));
    (StatusCode::SERVICE_UNAVAILABLE, body).into_response()
}
