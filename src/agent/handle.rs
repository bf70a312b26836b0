use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use futures_core::Stream;
use tokio::sync::watch;

use super::entry::{Call, Entry, Identity};
use super::ledger::DropReason;
use super::queue::{Bounds, PushError, Queue};
use super::session::DEFAULT_BATCH_SIZE;
use super::stats::{ShutdownReport, Stats};
use super::thread;
use crate::actions::{Enforced, Updater};
use crate::blocking;
use crate::config::Config;
use crate::context::{self, RequestContext};
use crate::event::Event;
use crate::limiter::Limiter;
use crate::limits::Mistakes;
use crate::middleware::SqreenLayer;
use crate::not_found;
use crate::protocol::names;
use crate::user::UserIdentifiers;

/// What the app's side and the agent's thread share.
pub(crate) struct Agent {
    pub(crate) config: Config,
    pub(crate) queue: Queue,
    /// The security responses in force.
    pub(crate) enforced: Arc<Enforced>,
    pub(crate) reports: Limiter,
    /// `None` where responses with status 404 are not tracked.
    pub(crate) not_found: Option<Limiter>,
    /// `Some` once the agent shall stop: the moment by which it must have.
    pub(super) stop: watch::Sender<Option<Instant>>,
    /// Whether the thread has ended.
    pub(super) stopped: watch::Sender<bool>,
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent").finish_non_exhaustive()
    }
}

impl Agent {
    fn new(config: Config, enforced: Arc<Enforced>) -> Self {
        let bounds = Bounds {
            events: config.queue_events,
            bytes: config.queue_bytes,
        };
        let batch_size = config.batch_size.unwrap_or(DEFAULT_BATCH_SIZE);
        Self {
            queue: Queue::new(bounds, batch_size),
            enforced,
            reports: Limiter::new(blocking::LIMITS),
            not_found: config
                .track_not_found
                .then(|| Limiter::new(not_found::LIMITS)),
            config,
            stop: watch::Sender::new(None),
            stopped: watch::Sender::new(false),
        }
    }

    /// Whether a security response is in force on a user, allow lists aside.
    pub(crate) fn blocks(&self, user: &UserIdentifiers) -> bool {
        let enforced = self.enforced.load();
        let hit = enforced.by_user(user, Instant::now);
        hit.is_some_and(|hit| !hit.dry_run)
    }

    pub(crate) fn correct(&self, mistakes: Mistakes) {
        self.queue.correct(mistakes);
    }

    pub(crate) fn send(
        &self,
        call: Call,
        event: Event,
        context: Option<(Arc<RequestContext>, Option<Arc<Identity>>)>,
    ) {
        let mistakes = event.parts().mistakes;
        if event.parts().refused() {
            return self.queue.refuse(DropReason::InvalidName, mistakes);
        }
        self.queue.push(self.entry(call, event, context), mistakes);
    }

    fn entry(
        &self,
        call: Call,
        event: Event,
        context: Option<(Arc<RequestContext>, Option<Arc<Identity>>)>,
    ) -> Entry {
        let (context, identity) = context.unzip();
        let body = if event.parts().collect_body {
            self.config.max_body_bytes
        } else {
            0
        };
        let facts = context.as_ref().map_or(0, |context| context.facts.size());
        let identity = identity.flatten();
        let user = identity
            .as_ref()
            .map_or(0, |i| i.user.size() + i.traits.size());
        Entry {
            size: size_of::<Entry>() + event.parts().size() + facts + user + body,
            call,
            event,
            context,
            identity,
            queued: Instant::now(),
        }
    }

    fn stop_within(&self, timeout: Duration) {
        self.queue.close();
        let deadline = Instant::now() + timeout;
        self.stop.send_if_modified(|stop| {
            let first = stop.is_none();
            stop.get_or_insert(deadline);
            first
        });
    }

    pub(super) fn stats(&self) -> Stats {
        let (ledger, events, bytes) = self.queue.snapshot();
        let not_found = self.not_found.as_ref().map_or(0, Limiter::suppressed);
        Stats {
            pending_bytes: bytes as u64,
            suppressed_reports: self.reports.suppressed(),
            suppressed_not_found: not_found,
            ..Stats::new(&ledger, events)
        }
    }
}

/// The agent could not be started.
#[derive(Debug)]
pub struct StartError(std::io::Error);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the sqreen agent could not be started: {}", self.0)
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// The agent's handle: one per process, cheap to clone.
///
/// The agent runs on a thread of its own. When the last handle is dropped (the layers and their
/// services hold one each), what is left is sent, for at most
/// [`shutdown_timeout`](crate::ConfigBuilder::shutdown_timeout), and the drop waits for it. An
/// app that can await calls [`shutdown`](Self::shutdown) instead.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use sqreen::{Config, Sqreen};
///
/// let sqreen = Sqreen::new(Config::from_env()?)?;
/// let app = axum::Router::<()>::new().layer(sqreen.layer());
/// // … serve …
/// let report = sqreen.shutdown().await;
/// assert!(report.is_complete());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sqreen {
    owner: Option<Arc<Owner>>,
}

impl fmt::Debug for Sqreen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let enabled = self.owner.is_some();
        f.debug_struct("Sqreen")
            .field("enabled", &enabled)
            .finish_non_exhaustive()
    }
}

/// Stops the agent with the last handle. Requests and events hold the [`Agent`], not this.
struct Owner {
    agent: Arc<Agent>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.agent.stop_within(self.agent.config.shutdown_timeout);
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // The thread ends by the deadline; a panic in it was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// The agents of this process, oldest first; see [`track`].
static AGENTS: RwLock<Vec<Weak<Agent>>> = RwLock::new(Vec::new());

impl Sqreen {
    pub(crate) const OFF: Self = Self { owner: None };

    /// Starts an agent; with a [disabled](Config::disabled) configuration, one that does nothing.
    ///
    /// Returns at once: the backend is called from the agent's thread, and need not be there.
    ///
    /// # Errors
    ///
    /// The system refuses another thread, or TLS cannot be set up.
    pub fn new(config: Config) -> Result<Self, StartError> {
        if !config.is_enabled() {
            return Ok(Self { owner: None });
        }
        let updater = Updater::new(Instant::now());
        let agent = Arc::new(Agent::new(config, updater.enforced()));
        let thread = thread::spawn(agent.clone(), updater).map_err(StartError)?;
        let mut agents = AGENTS.write().unwrap_or_else(PoisonError::into_inner);
        agents.retain(|agent| agent.strong_count() > 0);
        agents.push(Arc::downgrade(&agent));
        drop(agents);
        let thread = Mutex::new(Some(thread));
        Ok(Self {
            owner: Some(Arc::new(Owner { agent, thread })),
        })
    }

    /// A layer that captures requests for this agent.
    pub fn layer(&self) -> SqreenLayer {
        SqreenLayer::from_agent(self.clone())
    }

    /// Whether the agent is on.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.owner.is_some()
    }

    pub(crate) fn agent(&self) -> Option<&Arc<Agent>> {
        self.owner.as_ref().map(|owner| &owner.agent)
    }

    /// Tracks an event outside of any request; see [`SqreenCtx`](crate::SqreenCtx) for the ones
    /// within. Never fails, blocks or waits.
    pub fn track(&self, event: impl Into<Event>) {
        self.send(Call::Track, || event.into());
    }

    /// Tracks an attempt to log in, outside of any request.
    pub fn auth_track(&self, success: bool, user: impl Into<UserIdentifiers>) {
        self.send(Call::Auth, || {
            let event = Event::unchecked(names::LOGIN.into());
            event.property("success", success).user(user)
        });
    }

    /// Tracks the creation of an account, outside of any request.
    pub fn signup_track(&self, user: impl Into<UserIdentifiers>) {
        self.send(Call::Signup, || {
            Event::unchecked(names::SIGNUP.into()).user(user)
        });
    }

    fn send(&self, call: Call, event: impl FnOnce() -> Event) {
        if let Some(agent) = self.agent() {
            agent.send(call, event(), None);
            if call.is_urgent() {
                agent.queue.hurry();
            }
        }
    }

    /// Whether a security response is in force on this user, for apps that want to ask outside of
    /// a request; see [`SqreenCtx::is_blocked`](crate::SqreenCtx::is_blocked) for within.
    #[must_use]
    pub fn is_blocked(&self, user: &UserIdentifiers) -> bool {
        self.agent().is_some_and(|agent| agent.blocks(user))
    }

    /// Imports past events, which carry their own [`timestamp`](Event::timestamp).
    ///
    /// Waits for room in the queue instead of dropping. The report tells what was queued; the
    /// delivery shows in [`stats`](Self::stats) and in the report of
    /// [`shutdown`](Self::shutdown).
    pub async fn import<S>(&self, events: S) -> ImportReport
    where
        S: Stream<Item: Into<Event>>,
    {
        let mut report = ImportReport::default();
        let mut events = std::pin::pin!(events);
        while let Some(event) = std::future::poll_fn(|cx| events.as_mut().poll_next(cx)).await {
            let Some(agent) = self.agent() else {
                report.refused += 1;
                continue;
            };
            if import_one(agent, event.into()).await {
                report.queued += 1;
            } else {
                report.refused += 1;
            }
        }
        report
    }

    /// What became of the events so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.agent()
            .map_or_else(Stats::default, |agent| agent.stats())
    }

    /// Sends what is left, closes the session and stops the agent, for all its handles; what is
    /// tracked afterwards is counted as dropped.
    ///
    /// Takes at most [`shutdown_timeout`](crate::ConfigBuilder::shutdown_timeout); what could not
    /// be delivered by then is reported as dropped.
    pub async fn shutdown(&self) -> ShutdownReport {
        if let Some(agent) = self.agent() {
            agent.stop_within(agent.config.shutdown_timeout);
            let mut stopped = agent.stopped.subscribe();
            // The sender lives in `agent`: this cannot fail.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        }
        ShutdownReport {
            stats: self.stats(),
        }
    }
}

async fn import_one(agent: &Arc<Agent>, event: Event) -> bool {
    let mistakes = event.parts().mistakes;
    if event.parts().refused() {
        agent.queue.refuse(DropReason::InvalidName, mistakes);
        return false;
    }
    let mut entry = agent.entry(Call::Track, event, None);
    loop {
        let mut room = std::pin::pin!(agent.queue.room.notified());
        // Registered before the attempt, so that room made in between is not missed.
        room.as_mut().enable();
        match agent.queue.try_push(entry, mistakes) {
            Ok(()) => return true,
            Err(PushError::Closed) => return false,
            Err(PushError::Full(back)) => entry = back,
        }
        room.await;
    }
}

/// What became of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Events that were queued for delivery.
    pub queued: u64,
    /// Events that were not: they have no usable name, or the agent is off or shut down.
    pub refused: u64,
}

/// Tracks an event of the [current](crate::current) request; outside of any, an event without a
/// request, by the process's agent. Of several agents, that is the oldest that runs. Never fails,
/// blocks or waits; does nothing when there is no agent.
pub fn track(event: impl Into<Event>) {
    if let Some(request) = context::current() {
        return request.track(event);
    }
    let agents = AGENTS.read().unwrap_or_else(PoisonError::into_inner);
    let mut live = agents.iter().filter_map(Weak::upgrade);
    let agent = live.find(|agent| agent.stop.borrow().is_none());
    drop(agents);
    if let Some(agent) = agent {
        agent.send(Call::Track, event.into(), None);
    }
}
