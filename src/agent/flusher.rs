//! The loop on the agent's thread: session, heartbeats and batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, watch};

use super::batch::Batch;
use super::follower::{Order, SharedUpdater};
use super::handle::Agent;
use super::health::Health;
use super::ledger::DropReason;
use super::queue::Cut;
use super::retry::Backoff;
use super::session::{Session, Settings};
use super::transport::{CallError, Transport};

const RETRY_BASE: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(60);
/// Time between two flushes of urgent events: a flood of logins goes out in batches, too.
const URGENT_FLUSHES: Duration = Duration::from_millis(100);
/// After a refused token there is nothing to hurry for, but it may be put right.
const REFUSED_RETRY: Duration = Duration::from_secs(60);

pub(super) struct Flusher {
    agent: Arc<Agent>,
    transport: Arc<Transport>,
    updater: SharedUpdater,
    /// To the follower.
    orders: mpsc::Sender<Order>,
    /// Told by the follower when the backend does not know the session.
    lost: Arc<Notify>,
    stop: watch::Receiver<Option<Instant>>,
    settings: Settings,
    session: Option<Session>,
    /// The agent across its sessions.
    instance: String,
    batch: Option<Batch>,
    backoff: Backoff,
    /// No call before this moment.
    retry_at: Instant,
    /// Whether it was the backend that chose `retry_at`.
    told_to_wait: bool,
    next_beat: Instant,
    /// No batch for urgent events alone before this moment.
    next_urgent: Instant,
    /// Whether events came lately.
    lingers: bool,
    health: Health,
    observer: super::observe::Observer,
}

impl Flusher {
    pub(super) fn new(
        agent: Arc<Agent>,
        transport: Arc<Transport>,
        updater: SharedUpdater,
        orders: mpsc::Sender<Order>,
        lost: Arc<Notify>,
    ) -> Self {
        let now = Instant::now();
        let settings = Settings::new(&agent.config, None);
        Self {
            stop: agent.stop.subscribe(),
            transport,
            updater,
            orders,
            lost,
            next_beat: now + settings.heartbeat,
            settings,
            session: None,
            instance: uuid::Uuid::now_v7().to_string(),
            batch: None,
            backoff: Backoff::new(RETRY_BASE, RETRY_MAX),
            retry_at: now,
            told_to_wait: false,
            next_urgent: now,
            lingers: false,
            health: Health::Unknown,
            observer: super::observe::Observer::default(),
            agent,
        }
    }

    pub(super) async fn run(mut self) {
        while self.stop.borrow().is_none() {
            self.step().await;
            if self.stop.borrow().is_none() {
                self.sleep().await;
            }
        }
        self.finish().await;
        self.observer.observe(self.agent.stats());
    }

    /// Does what is due: the session first, then the heartbeat, then batches.
    async fn step(&mut self) {
        self.expire();
        self.observer.observe(self.agent.stats());
        if Instant::now() < self.retry_at {
            return;
        }
        if self.session.is_none() && !self.login().await {
            return;
        }
        let is_beat = Instant::now() >= self.next_beat;
        if is_beat && !self.beat().await {
            return;
        }
        loop {
            if self.batch.is_none() {
                self.cut(self.settings.response_wait, is_beat);
            }
            if self.batch.is_none() || !self.send().await || self.stop.borrow().is_some() {
                return;
            }
        }
    }

    /// Waits until something is due, or happens.
    async fn sleep(&mut self) {
        let now = Instant::now();
        let queue = &self.agent.queue;
        let due = queue.due(self.settings.cut(), self.settings.max_staleness, now);
        let expiry = queue.oldest().map(|t| t + self.agent.config.max_event_age);
        let mut until = self.next_beat;
        if self.session.is_none() || self.batch.is_some() {
            until = self.retry_at;
        } else if let Some(due) = due {
            until = until.min(due);
            self.lingers = true;
        } else if std::mem::take(&mut self.lingers) || !queue.doze() {
            // Where events came, more are likely: looking again is cheaper than being woken.
            until = until.min(now + self.settings.max_staleness);
        }
        if queue.is_hurried() && self.session.is_some() && self.batch.is_none() {
            until = until.min(self.next_urgent);
        }
        until = until.max(self.retry_at);
        if let Some(expiry) = expiry {
            until = until.min(expiry.max(now + Duration::from_millis(10)));
        }
        let waiting_out = now < self.retry_at;
        let mut stop = self.stop.clone();
        tokio::select! {
            () = tokio::time::sleep_until(until.into()) => {}
            // While a retry is waited out, new events change nothing.
            () = self.agent.queue.wake.notified(), if !waiting_out => {}
            () = self.lost.notified() => {
                // The backend is there: no wait from before holds the login up. Should it know no
                // session at all, the follower's waits space the logins.
                self.session = None;
                self.retry_at = Instant::now();
            }
            _ = stop.changed() => {}
        }
    }

    /// Gives up what was not delivered within the age cap.
    fn expire(&mut self) {
        let max_age = self.agent.config.max_event_age;
        let now = Instant::now();
        let expired = |queued: Instant| now.saturating_duration_since(queued) >= max_age;
        if let Some(batch) = self.batch.take_if(|batch| expired(batch.newest)) {
            self.drop_batch(&batch, DropReason::Expired);
        }
        self.agent.queue.drop_expired(expired);
    }

    fn drop_batch(&self, batch: &Batch, reason: DropReason) {
        self.agent
            .queue
            .settle(batch.ids.len(), batch.size, |ledger| {
                ledger.drop_events(reason, batch.ids.len() as u64);
            });
    }

    /// Builds the next batch when one is due, or at once from whatever is ready.
    fn cut(&mut self, response_wait: Duration, at_once: bool) {
        let now = Instant::now();
        let cut = Cut {
            response_wait,
            ..self.settings.cut()
        };
        let due = self.agent.queue.due(cut, self.settings.max_staleness, now);
        let urgent = self.agent.queue.is_hurried() && now >= self.next_urgent;
        if urgent {
            self.next_urgent = now + URGENT_FLUSHES;
        }
        if at_once || urgent || due.is_some_and(|due| due <= now) {
            let mut entries = Vec::new();
            self.agent.queue.take(now, cut, &mut entries);
            if !entries.is_empty() {
                self.batch = Batch::build(&self.agent, &self.settings, entries);
            }
        }
    }

    async fn login(&mut self) -> bool {
        let call = Session::open(&self.agent.config, &self.transport, &self.instance);
        match until_stopped(&self.stop, call).await {
            Ok(opened) => {
                let features = &opened.features;
                self.settings = Settings::new(&self.agent.config, Some(features));
                self.agent.queue.set_batch_size(self.settings.batch_size);
                self.next_beat = Instant::now() + self.settings.heartbeat;
                if !self.agent.config.ignore_actions {
                    let additions = features.sqreen_rs.as_ref();
                    let order = Order::Follow {
                        session: opened.session.key().clone(),
                        pack: opened.pack,
                        stream: additions.and_then(|a| a.action_stream.clone()),
                    };
                    // It listens as long as this runs.
                    let _ = self.orders.send(order).await;
                }
                self.session = Some(opened.session);
                self.is_up();
                true
            }
            Err(CallError::Unauthorized | CallError::Refused(_)) => {
                self.retry_at = Instant::now() + REFUSED_RETRY;
                self.told_to_wait = false;
                self.health.set(Health::Refused, "its token");
                false
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn beat(&mut self) -> bool {
        let Some(session) = &mut self.session else {
            return false;
        };
        let (ledger, pending, _) = self.agent.queue.snapshot();
        let outcomes = ledger.outcomes(&self.instance, pending);
        let actions = (!self.agent.config.ignore_actions).then(|| {
            let mut updater = self.updater.lock();
            let now = Instant::now();
            updater.tidy(now);
            updater.state(now)
        });
        let call = session.beat(&self.transport, outcomes, actions.clone());
        match until_stopped(&self.stop, call).await {
            Ok(()) => {
                if let Some(told) = actions {
                    self.updater.lock().told(&told);
                }
                if session.take_reload() {
                    // When its orders are full, one of them is this.
                    let _ = self.orders.try_send(Order::Reload);
                }
                self.next_beat = Instant::now() + self.settings.heartbeat;
                self.is_up();
                true
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Sends the batch; keeps it unless the backend has answered for it.
    async fn send(&mut self) -> bool {
        let (Some(session), Some(batch)) = (&self.session, &self.batch) else {
            return false;
        };
        let call = batch.send(&self.transport, session);
        match until_stopped(&self.stop, call).await {
            Ok(answer) => {
                if let Some(batch) = self.batch.take() {
                    self.agent
                        .queue
                        .settle(batch.ids.len(), batch.size, |ledger| {
                            batch.book(&answer, ledger);
                        });
                }
                self.is_up();
                true
            }
            Err(CallError::Refused(status)) => {
                if let Some(batch) = self.batch.take() {
                    let events = batch.ids.len();
                    self.agent.queue.settle(events, batch.size, |ledger| {
                        ledger.reject(&format!("http_{}", status.as_u16()), events as u64);
                    });
                }
                true
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Sends what is left and closes the session, by the deadline.
    async fn finish(&mut self) {
        // The agent's own waits are longer than a shutdown; what the backend asked for stands.
        if !self.told_to_wait {
            self.retry_at = Instant::now();
            self.backoff.reset();
        }
        while !self.agent.queue.is_empty() && !self.is_late() {
            let wait = self.retry_at.saturating_duration_since(Instant::now());
            if !wait.is_zero() {
                let waited = until_stopped(&self.stop, async {
                    tokio::time::sleep(wait).await;
                    Ok(())
                });
                if waited.await.is_err() {
                    break;
                }
            }
            if self.session.is_none() && !self.login().await {
                if self.health == Health::Refused {
                    break;
                }
                continue;
            }
            if self.batch.is_none() {
                self.cut(Duration::ZERO, true);
            }
            self.send().await;
        }
        if let Some(batch) = self.batch.take() {
            self.drop_batch(&batch, DropReason::Shutdown);
        }
        self.agent.queue.drop_all(DropReason::Shutdown);
        if self.session.is_some()
            && self.beat().await
            && let Some(session) = self.session.take()
        {
            // The backend lets a silent session expire.
            let _ = until_stopped(&self.stop, session.close(&self.transport)).await;
        }
    }

    fn is_late(&self) -> bool {
        self.stop
            .borrow()
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn failed(&mut self, error: &CallError) -> bool {
        let wait = self.backoff.next();
        self.told_to_wait = matches!(error, CallError::Busy(_, Some(_)));
        self.retry_at = Instant::now()
            + match error {
                // A new login at once, unless the backend does not know its own sessions.
                CallError::Unauthorized if self.session.is_some() => Duration::ZERO,
                CallError::Busy(_, Some(retry_after)) => (*retry_after).max(wait),
                _ => wait,
            };
        if matches!(error, CallError::Unauthorized) {
            self.session = None;
        } else {
            self.health.set(Health::Down, error);
        }
        false
    }

    fn is_up(&mut self) {
        self.backoff.reset();
        self.retry_at = Instant::now();
        self.told_to_wait = false;
        self.health.set(Health::Up, "");
    }
}

/// Makes a call, but not beyond the moment by which the agent must have stopped.
async fn until_stopped<T>(
    stop: &watch::Receiver<Option<Instant>>,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let mut stop = stop.clone();
    let deadline = async {
        // The sender lives in the agent, which outlives this.
        if let Ok(deadline) = stop.wait_for(Option::is_some).await.map(|stop| *stop)
            && let Some(deadline) = deadline
        {
            tokio::time::sleep_until(deadline.into()).await;
        }
    };
    tokio::select! {
        result = call => result,
        () = deadline => Err(CallError::Network("the agent stops".to_owned())),
    }
}
