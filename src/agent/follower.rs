//! Keeps the security responses in force up to date: the pack of the login, then each change as it
//! comes over a stream that is held open.
//!
//! Whatever happens to the backend, what is in force stays until its actions expire, or a pack or
//! change takes its place. A backend that restarts or is restored has other positions, so that its
//! whole pack is loaded, be it empty.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::{HeaderValue, IF_NONE_MATCH};
use tokio::sync::{Notify, mpsc};

use super::retry::Backoff;
use super::transport::{CallError, Lines, MAX_PACK, Transport, parse, session_headers};
use crate::actions::{Followed, Pack, Updater};
use crate::protocol::{ACTIONS_PACK, ActionsChange, ActionsPack, Status};

const RETRY_BASE: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// What the flusher tells the follower.
#[derive(Debug)]
pub(super) enum Order {
    /// A session was opened.
    Follow {
        session: HeaderValue,
        /// The actions that came with it, or why they cannot be used.
        pack: Result<Box<ActionsPack>, String>,
        /// Where the changes are streamed, if they are.
        stream: Option<String>,
    },
    /// The backend asks for its pack to be loaded.
    Reload,
}

/// The actions in force, written here and told in heartbeats. Never held across an await.
#[derive(Clone, Debug)]
pub(super) struct SharedUpdater(Arc<Mutex<Updater>>);

impl SharedUpdater {
    pub(super) fn new(updater: Updater) -> Self {
        Self(Arc::new(Mutex::new(updater)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Updater> {
        // An update that panicked has not been published.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Follower {
    transport: Arc<Transport>,
    updater: SharedUpdater,
    orders: mpsc::Receiver<Order>,
    /// Told when the backend does not know the session.
    lost: Arc<Notify>,
    session: Option<HeaderValue>,
    stream_path: Option<String>,
    stream: Option<Lines>,
    /// Whether the whole pack is to be loaded.
    reload: bool,
    backoff: Backoff,
    /// Spaces the logins that it asks for, should the backend know no session at all.
    lost_backoff: Backoff,
    /// No call before this moment.
    retry_at: Instant,
    is_refused: bool,
}

impl Follower {
    pub(super) fn new(
        transport: Arc<Transport>,
        updater: SharedUpdater,
        orders: mpsc::Receiver<Order>,
        lost: Arc<Notify>,
    ) -> Self {
        Self {
            transport,
            updater,
            orders,
            lost,
            session: None,
            stream_path: None,
            stream: None,
            reload: false,
            backoff: Backoff::new(RETRY_BASE, RETRY_MAX),
            lost_backoff: Backoff::new(RETRY_BASE, RETRY_MAX),
            retry_at: Instant::now(),
            is_refused: false,
        }
    }

    /// Ends with the sender of its orders.
    pub(super) async fn run(mut self) {
        loop {
            let wants_call = self.session.is_some() && (self.reload || self.wants_stream());
            if wants_call && Instant::now() >= self.retry_at {
                self.call().await;
                continue;
            }
            let reads = self.stream.is_some() && !self.reload;
            tokio::select! {
                order = self.orders.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                line = next(self.stream.as_mut()), if reads => self.take(line),
                () = tokio::time::sleep_until(self.retry_at.into()), if wants_call => {}
            }
        }
    }

    const fn wants_stream(&self) -> bool {
        self.stream.is_none() && self.stream_path.is_some()
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Reload => self.reload = true,
            Order::Follow {
                session,
                pack,
                stream,
            } => {
                self.stream_path = stream;
                self.stream = None;
                self.reload = false;
                if self.session.replace(session).is_some() {
                    self.retry_at = Instant::now();
                }
                match pack {
                    Ok(pack) => self.load(&pack),
                    Err(why) => self.refuse(why),
                }
            }
        }
    }

    /// Loads the pack if that is asked for, or opens the stream.
    async fn call(&mut self) {
        let Some(session) = self.session.clone() else {
            return;
        };
        let mut headers = session_headers(&session);
        let called = if self.reload {
            let version = self.updater.lock().version().cloned();
            let tag = version.map(|v| HeaderValue::try_from(format!("\"{}-{}\"", v.epoch, v.seq)));
            if let Some(Ok(tag)) = tag {
                headers.insert(IF_NONE_MATCH, tag);
            }
            let answer = self.transport.answer(ACTIONS_PACK, headers, None, MAX_PACK);
            answer.await.map(|answer| match parse(&answer) {
                Ok(pack) => {
                    self.follows();
                    self.load(&pack);
                }
                Err(error) => self.refuse(error.to_string()),
            })
        } else {
            let path = self.stream_path();
            let lines = self.transport.lines(&path, headers).await;
            lines.map(|lines| self.stream = Some(lines))
        };
        match called {
            Ok(()) | Err(CallError::NotModified) => self.reload = false,
            // It is no smaller when it is asked for again.
            Err(error @ CallError::TooLarge(..)) => {
                self.refuse(error.to_string());
                self.reload = false;
            }
            Err(error) => self.failed(&error),
        }
    }

    fn stream_path(&self) -> String {
        let path = self.stream_path.as_deref().unwrap_or_default();
        match self.updater.lock().version() {
            // The epoch is the backend's own word; what a query cannot carry is another's.
            Some(version) if version.epoch.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                format!("{path}?epoch={}&seq={}", version.epoch, version.seq)
            }
            _ => path.to_owned(),
        }
    }

    fn take(&mut self, line: Result<Vec<u8>, CallError>) {
        let line = match line {
            Ok(line) => line,
            Err(error) => {
                self.stream = None;
                if matches!(error, CallError::TooLarge(..)) {
                    // The same line would come again.
                    self.refuse(error.to_string());
                    return self.reload_later();
                }
                return self.failed(&error);
            }
        };
        let change = match parse::<ActionsChange>(&line) {
            Ok(change) => change,
            Err(error) => {
                self.refuse(error.to_string());
                return self.reload_later();
            }
        };
        let followed = self.updater.lock().follow(&change, Instant::now());
        match followed {
            Ok(Followed::Current) => self.follows(),
            Ok(Followed::Applied) => {
                self.follows();
                self.is_refused = false;
            }
            Ok(Followed::Reload) if self.is_refused => self.reload_later(),
            Ok(Followed::Reload) => self.reload = true,
            Err(error) => {
                self.warn(&error);
                self.reload_later();
            }
        }
    }

    /// The backend knows the session, and answers.
    const fn follows(&mut self) {
        self.backoff.reset();
        self.lost_backoff.reset();
    }

    fn load(&mut self, pack: &ActionsPack) {
        if pack.status != Status::OK {
            return self.refuse("its pack has no true `status`".to_owned());
        }
        let loaded = Pack {
            actions: &pack.actions,
            allowlist: &pack.allowlist,
            dry_run: pack.dry_run,
            version: pack.version.as_ref(),
        };
        let loaded = self.updater.lock().load(loaded, Instant::now());
        match loaded {
            Ok(loaded) => {
                if loaded.skipped > 0 {
                    tracing::debug!("{} actions are of unknown kinds", loaded.skipped);
                }
                self.is_refused = false;
            }
            Err(error) => self.warn(&error),
        }
    }

    fn refuse(&mut self, why: String) {
        self.warn(&why);
        self.updater.lock().refuse(why);
    }

    fn warn(&mut self, why: &dyn std::fmt::Display) {
        if !std::mem::replace(&mut self.is_refused, true) {
            tracing::warn!("security responses were refused, those before stay in force: {why}");
        }
    }

    /// A pack that is refused again and again must not be asked for without a pause.
    fn reload_later(&mut self) {
        self.reload = true;
        self.retry_at = Instant::now() + self.backoff.next();
    }

    fn failed(&mut self, error: &CallError) {
        tracing::debug!("the stream of security responses is interrupted: {error}");
        let wait = match error {
            CallError::Unauthorized => self.lost_backoff.next(),
            CallError::Busy(_, Some(retry_after)) => (*retry_after).max(self.backoff.next()),
            _ => self.backoff.next(),
        };
        self.retry_at = Instant::now() + wait;
        if matches!(error, CallError::Unauthorized) {
            self.session = None;
            self.stream = None;
            self.lost.notify_one();
        }
    }
}

async fn next(stream: Option<&mut Lines>) -> Result<Vec<u8>, CallError> {
    match stream {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}
