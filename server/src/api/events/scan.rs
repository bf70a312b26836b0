//! Scans whose findings are streamed while they run.
//!
//! A scan runs on a thread that may block, and waits there for its reader: what is on its way is bounded by a short
//! channel. It ends once the reader has gone, takes nothing for a minute, or the server drains.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::problem::Problem;
use crate::actions::News;
use crate::server::App;
use crate::store::{ScanMonitor, StoreError};

/// How many items are on their way to a reader.
const WAITING: usize = 16;

/// How long a reader may take nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many streams may be open at a time; further ones are refused.
#[derive(Debug)]
pub(crate) struct Scans {
    pub(super) searches: Arc<Semaphore>,
    pub(super) exports: Arc<Semaphore>,
    pub(super) live: Arc<Semaphore>,
    pub(in crate::api) backtests: Arc<Semaphore>,
}

impl Scans {
    pub(crate) fn new() -> Self {
        Self {
            searches: Arc::new(Semaphore::new(8)),
            exports: Arc::new(Semaphore::new(4)),
            live: Arc::new(Semaphore::new(64)),
            // Each may take as much memory as the live engine, twice.
            backtests: Arc::new(Semaphore::new(2)),
        }
    }
}

/// A place among the streams that are open.
pub(in crate::api) fn place(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(of)
        .try_acquire_owned()
        .map_err(|_| Problem::busy())
}

/// Waits until the server drains.
pub(super) async fn drained(news: &mut watch::Receiver<News>) {
    // Without a sender there is no server either.
    let _ = news.wait_for(|news| news.closing).await;
}

/// Where a scan hands out what it finds.
#[derive(Debug)]
pub(in crate::api) struct Outlet<T> {
    sender: mpsc::Sender<T>,
    runtime: Handle,
    pub(in crate::api) monitor: Arc<ScanMonitor>,
}

impl<T> Outlet<T> {
    /// Waits until the reader has room; without a reader that takes something, the scan is cancelled.
    pub(in crate::api) fn send(&self, item: T) {
        if self.monitor.is_cancelled() {
            return;
        }
        let sent = timeout(PATIENCE, self.sender.send(item));
        if !matches!(self.runtime.block_on(sent), Ok(Ok(()))) {
            self.monitor.cancel();
        }
    }
}

/// The scan ended before it was done.
#[derive(Debug)]
pub(in crate::api) struct Cut;

/// A scan that runs; dropping it cancels the scan.
#[derive(Debug)]
pub(in crate::api) struct Scan<T> {
    receiver: mpsc::Receiver<T>,
    /// Whether the scan came to its end; `None` once that was told.
    running: Option<JoinHandle<bool>>,
    monitor: Arc<ScanMonitor>,
    news: watch::Receiver<News>,
}

impl<T: Send + 'static> Scan<T> {
    /// Runs `work`, which says whether it came to its end.
    pub(in crate::api) fn start(
        app: &App,
        place: OwnedSemaphorePermit,
        work: impl FnOnce(&Outlet<T>) -> Result<bool, StoreError> + Send + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let monitor = Arc::new(ScanMonitor::new());
        let outlet = Outlet {
            sender,
            runtime: Handle::current(),
            monitor: Arc::clone(&monitor),
        };
        let running = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&outlet).unwrap_or_else(|error| {
                tracing::error!(%error, "events not read to their end");
                false
            }) && !outlet.monitor.is_cancelled()
        });
        Self {
            receiver,
            running: Some(running),
            monitor,
            news: app.actions.listen(),
        }
    }

    /// How far it is.
    pub(in crate::api) fn monitor(&self) -> &ScanMonitor {
        &self.monitor
    }

    /// The next that was found; `None` ends it.
    pub(in crate::api) async fn next(&mut self) -> Option<Result<T, Cut>> {
        self.running.as_ref()?;
        let found = tokio::select! {
            found = self.receiver.recv() => found,
            () = drained(&mut self.news) => {
                self.monitor.cancel();
                self.running = None;
                return Some(Err(Cut));
            }
        };
        if let Some(found) = found {
            return Some(Ok(found));
        }
        let running = self.running.take()?;
        match running.await {
            Ok(true) => None,
            _ => Some(Err(Cut)),
        }
    }
}

impl<T> Drop for Scan<T> {
    fn drop(&mut self) {
        self.monitor.cancel();
    }
}
