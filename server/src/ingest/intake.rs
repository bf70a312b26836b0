//! What the agents' endpoints share: limits, and counts of what was not kept.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::ignored::Ignored;
use super::large::LargeReader;
use super::rates::{Rate, Rates};
use super::refused::Refused;

/// Limits on what agents send. The defaults suit a server of one or two cores.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct IngestLimits {
    pub(crate) rate: Option<Rate>,
    pub(crate) body_timeout: Duration,
}

impl IngestLimits {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            rate: None,
            body_timeout: Duration::from_secs(30),
        }
    }

    /// How many events of one application may come per second, and how many at once after silence. Default: no
    /// limit. A number below 1 counts as 1.
    ///
    /// Beyond it, agents of this project are answered 429 with `Retry-After`, keep their events and come again. Old
    /// agents would lose theirs, so these are stored; they weigh on the application for a minute at most. Both are
    /// counted at `/api/v1/outcomes`, as `limited`.
    pub fn events_per_second(mut self, events: u32, burst: u32) -> Self {
        self.rate = Some(Rate {
            per_second: f64::from(events.max(1)),
            burst: f64::from(burst.max(1)),
        });
        self
    }

    /// How long the body of a request may take to arrive, once its headers are there. Default: 30 seconds. It is
    /// answered 408 then, and the connection is closed.
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.body_timeout = timeout;
        self
    }
}

impl Default for IngestLimits {
    fn default() -> Self {
        Self::new()
    }
}

/// What the agents' endpoints share.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) body_timeout: Duration,
    pub(crate) ignored: Ignored,
    pub(crate) rates: Rates,
    pub(crate) refused: Refused,
    /// KiB of memory for bodies that are still arriving and are no longer small.
    pub(super) arriving: Arc<Semaphore>,
    /// How many bodies are decoded and read at a time, or wait for the store; others are not read yet.
    pub(super) reading: Semaphore,
    pub(super) large: LargeReader,
    /// How many large bodies are read, or wait for the store.
    pub(super) reading_large: Semaphore,
    /// KiB of events that are on their way to the store: fewer than it takes, so that it refuses none of agents that
    /// do not come again.
    pub(super) storing: Semaphore,
}

impl Intake {
    const ARRIVING_KIB: usize = 64 << 10;
    const READING: usize = 8;
    const READING_LARGE: usize = 2;
    const STORING_KIB: usize = 96 << 10;

    pub(crate) fn new(limits: &IngestLimits) -> io::Result<Self> {
        Ok(Self {
            body_timeout: limits.body_timeout,
            ignored: Ignored::default(),
            rates: Rates::new(limits.rate),
            refused: Refused::default(),
            arriving: Arc::new(Semaphore::new(Self::ARRIVING_KIB)),
            reading: Semaphore::new(Self::READING),
            large: LargeReader::start()?,
            reading_large: Semaphore::new(Self::READING_LARGE),
            storing: Semaphore::new(Self::STORING_KIB),
        })
    }
}
