//! How fast the events of one application may come.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Serialize;

/// The most applications that are told apart; further ones share a limit.
const MAX_APPS: usize = 10_000;
/// Events beyond the limit, of agents that cannot wait, weigh on the application for this time at most.
const MAX_DEBT: Duration = Duration::from_secs(60);

/// A rate of events, for each application by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    /// How many events may come at once after silence.
    pub(crate) burst: f64,
}

/// A token bucket for each application.
///
/// What was taken is charged afterwards, into debt if need be, so that a batch of any size passes once the debt is
/// paid.
#[derive(Debug)]
pub(crate) struct Rates {
    rate: Option<Rate>,
    apps: Mutex<BTreeMap<String, Bucket>>,
}

#[derive(Debug)]
struct Bucket {
    /// Below zero: how much must flow in before the next batch.
    tokens: f64,
    at: Instant,
    deferred: u64,
    over_limit: u64,
}

/// What the limit did to one application since the start of the server.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Limited")]
pub(crate) struct LimitedRow {
    pub(crate) app: String,
    /// Batches that were answered 429, to come again.
    pub(crate) deferred_batches: u64,
    /// Events that were stored although they were over the limit, since their agent would not have come again.
    pub(crate) events_over_limit: u64,
}

impl Rates {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            apps: Mutex::default(),
        }
    }

    /// Whether a batch may come now, else when it may.
    pub(super) fn admit(&self, app: &str) -> Result<(), Duration> {
        self.with(app, |rate, bucket| {
            if bucket.tokens >= 0.0 {
                return Ok(());
            }
            bucket.deferred += 1;
            let wait = -bucket.tokens / rate.per_second;
            Err(Duration::try_from_secs_f64(wait).unwrap_or(MAX_DEBT))
        })
        .unwrap_or(Ok(()))
    }

    /// Books events that are stored.
    pub(super) fn charge(&self, app: &str, events: u64) {
        self.with(app, |rate, bucket| {
            #[expect(clippy::cast_precision_loss, reason = "far fewer events than 2^52")]
            let tokens = bucket.tokens - events as f64;
            if bucket.tokens < 0.0 {
                bucket.over_limit += events;
            }
            bucket.tokens = tokens.max(-rate.per_second * MAX_DEBT.as_secs_f64());
        });
    }

    /// How many batches were answered 429 in all.
    pub(crate) fn deferred(&self) -> u64 {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.values().map(|bucket| bucket.deferred).sum()
    }

    /// What the limit did, for each application that met it.
    pub(crate) fn rows(&self) -> Vec<LimitedRow> {
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let met = apps
            .iter()
            .filter(|(_, bucket)| bucket.deferred + bucket.over_limit > 0);
        met.map(|(app, bucket)| LimitedRow {
            app: app.clone(),
            deferred_batches: bucket.deferred,
            events_over_limit: bucket.over_limit,
        })
        .collect()
    }

    /// `None` without a limit.
    fn with<R>(&self, app: &str, act: impl FnOnce(Rate, &mut Bucket) -> R) -> Option<R> {
        let rate = self.rate?;
        let now = Instant::now();
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        let app = if apps.contains_key(app) || apps.len() < MAX_APPS {
            app
        } else {
            ""
        };
        let bucket = apps.entry(app.to_owned()).or_insert_with(|| Bucket {
            tokens: rate.burst,
            at: now,
            deferred: 0,
            over_limit: 0,
        });
        let flown = now.duration_since(bucket.at).as_secs_f64() * rate.per_second;
        bucket.tokens = (bucket.tokens + flown).min(rate.burst);
        bucket.at = now;
        Some(act(rate, bucket))
    }
}
