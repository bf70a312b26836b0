//! The worker: makes deliveries when they are due.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::counts::{Counts, Outcome};
use super::destination::Allowed;
use super::failure::Failure;
use super::http::{Http, Url};
use super::limits::{
    FIRST_WAIT, KEEP_DEAD, KEEP_DELIVERED, LONGEST_WAIT, PATIENCE, STOP, TIDY, TRY,
};
use super::mail::Mail;
use super::notice::{Notice, read};
use super::words::headline;
use super::{slack, webhook};
use crate::config::PublicUrl;
use crate::server::blocking;
use crate::state::{
    Channel, Delivery, DeliveryStatus, Destination, Ended, Id, StateError, StateStore,
};
use crate::store::StoreError;

/// How long it sleeps at most: the system's clock may be set.
const SLEEP: Duration = Duration::from_secs(30);
/// How long it waits where the store cannot be read.
const TROUBLE: Duration = Duration::from_secs(5);

pub(super) struct Worker {
    pub(super) state: Arc<dyn StateStore>,
    pub(super) counts: Counts,
    http: Http,
    mail: Option<Mail>,
    /// What links begin with.
    base: Option<PublicUrl>,
    clock: Box<dyn Fn() -> i64 + Send + Sync>,
    news: Notify,
    closing: AtomicBool,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// A head of a line, what it tells, and where it goes.
type Begun = (Destination, Delivery, Vec<(String, Notice)>);

impl Worker {
    pub(super) fn new(
        state: Arc<dyn StateStore>,
        http: Http,
        mail: Option<Mail>,
        base: Option<PublicUrl>,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            state,
            counts: Counts::default(),
            http,
            mail,
            base,
            clock: Box::new(clock),
            news: Notify::new(),
            closing: AtomicBool::new(false),
        }
    }

    /// Microseconds since the Unix epoch.
    pub(super) fn now(&self) -> i64 {
        (self.clock)()
    }

    pub(super) fn allowed(&self) -> Allowed {
        Allowed {
            internal: self.http.allows_internal(),
            mail: self.mail.is_some(),
        }
    }

    /// Has it look for what is due.
    pub(super) fn wake(&self) {
        self.news.notify_one();
    }

    /// Has it begin nothing more, and end.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.wake();
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Delivers, until it is closed, or the store is. Each destination has a task of its own while it has something
    /// due, so that none waits for another.
    pub(super) async fn run(self: Arc<Self>) {
        let mut lines = JoinSet::new();
        // The destinations by the tasks that are at work for them.
        let mut busy = HashMap::new();
        let mut tidied = None;
        while !self.is_closing() {
            let sleep = match self.look(&mut tidied).await {
                Ok((due, next)) => {
                    for delivery in due {
                        let destination = delivery.destination;
                        if !busy.values().any(|busy| *busy == destination) {
                            let line = Arc::clone(&self).drain(destination);
                            busy.insert(lines.spawn(line).id(), destination);
                        }
                    }
                    next
                }
                Err(StateError::Closed) => break,
                Err(error) => {
                    tracing::warn!(%error, "outbox not read");
                    TROUBLE
                }
            };
            tokio::select! {
                Some(line) = lines.join_next_with_id() => {
                    let task = line.map_or_else(|error| error.id(), |(task, ())| task);
                    busy.remove(&task);
                }
                () = self.news.notified() => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
        // What takes longer is cut off, and tried again after the next start.
        let rest = async { while lines.join_next().await.is_some() {} };
        tokio::time::timeout(STOP, rest).await.ok();
    }

    /// What is due, and how long nothing else will be. What is old is forgotten, once an hour; `tidied` tells when.
    async fn look(
        self: &Arc<Self>,
        tidied: &mut Option<i64>,
    ) -> Result<(Vec<Delivery>, Duration), StateError> {
        let (worker, now) = (Arc::clone(self), self.now());
        let tidy = tidied.is_none_or(|then| now - then >= TIDY);
        *tidied = tidied.filter(|_| !tidy).or(Some(now));
        let look = move || {
            let state = &worker.state;
            if tidy {
                state.forget_ended(now - KEEP_DELIVERED, now - KEEP_DEAD)?;
            }
            let due = state.due(now)?;
            let next = state.next_due()?.map_or(SLEEP, |next| {
                let micros = u64::try_from(next - now).unwrap_or_default();
                // What is due and under way would be found again at once.
                Duration::from_micros(micros.max(FIRST_WAIT.cast_unsigned() / 10)).min(SLEEP)
            });
            Ok((due, next))
        };
        blocking(look)
            .await
            .unwrap_or_else(|error| Err(lost(&error)))
    }

    /// Makes the deliveries of one destination that are due, until one fails.
    pub(super) async fn drain(self: Arc<Self>, destination: Id) {
        loop {
            match self.next(destination).await {
                Ok(true) if !self.is_closing() => {}
                Ok(_) => return,
                Err(StateError::Closed) => return,
                Err(error) => {
                    tracing::warn!(%error, "outbox not usable");
                    // It is still due, and would be found again at once.
                    tokio::time::sleep(TROUBLE).await;
                    return;
                }
            }
        }
    }

    /// Makes the delivery at the head of the line, and says whether another may follow at once.
    async fn next(self: &Arc<Self>, destination: Id) -> Result<bool, StateError> {
        let worker = Arc::clone(self);
        let begun = blocking(move || worker.begin(destination)).await;
        let Some((destination, delivery, notices)) =
            begun.unwrap_or_else(|error| Err(lost(&error)))?
        else {
            return Ok(false);
        };
        let sent = self.send(&destination, &delivery, &notices).await;
        let worker = Arc::clone(self);
        let ended = blocking(move || worker.end(&destination, &delivery, sent)).await;
        ended.unwrap_or_else(|error| Err(lost(&error)))
    }

    fn begin(&self, id: Id) -> Result<Option<Begun>, StateError> {
        let heads = self.state.due(self.now())?;
        let head = heads.into_iter().find(|head| head.destination == id);
        let destinations = self.state.destinations()?;
        let destination = destinations
            .into_iter()
            .find(|destination| destination.id == id);
        let (Some(mut delivery), Some(destination)) = (head, destination) else {
            return Ok(None);
        };
        let Some(notices) = self.state.begin(delivery.row)? else {
            return Ok(None);
        };
        delivery.attempts += 1;
        Ok(Some((destination, delivery, read(notices))))
    }

    fn end(
        &self,
        destination: &Destination,
        delivery: &Delivery,
        sent: Result<String, Failure>,
    ) -> Result<bool, StateError> {
        let now = self.now();
        let (status, due_at, answer) = match sent {
            Ok(answer) => (DeliveryStatus::Delivered, delivery.due_at, answer),
            Err(failure) => {
                self.counts.add(destination.channel, Outcome::Failed);
                match next_try(delivery.since_at, now, failure.retry_after) {
                    Some(due_at) => (DeliveryStatus::Pending, due_at, failure.reason),
                    None => (DeliveryStatus::Dead, delivery.due_at, failure.reason),
                }
            }
        };
        let ended = Ended {
            status,
            at: now,
            due_at,
            answer: &answer,
        };
        self.state.end(delivery.row, ended)?;
        let (name, attempts) = (&destination.name, delivery.attempts);
        match status {
            DeliveryStatus::Delivered => self.counts.add(destination.channel, Outcome::Delivered),
            DeliveryStatus::Dead => {
                self.counts.add(destination.channel, Outcome::Dead);
                tracing::warn!(destination = %name, attempts, answer, "notification given up");
            }
            DeliveryStatus::Pending => {
                tracing::info!(destination = %name, attempts, answer, "notification not delivered yet");
            }
        }
        Ok(status != DeliveryStatus::Pending)
    }

    /// Tries a delivery once, and answers what the receiver said.
    pub(super) async fn send(
        &self,
        destination: &Destination,
        delivery: &Delivery,
        notices: &[(String, Notice)],
    ) -> Result<String, Failure> {
        let sent = tokio::time::timeout(TRY, self.talk(destination, delivery, notices)).await;
        let late = || Failure::new(format!("took longer than {} s", TRY.as_secs()));
        let code = sent.unwrap_or_else(|_| Err(late()))?;
        Ok(format!("answered {code}"))
    }

    async fn talk(
        &self,
        destination: &Destination,
        delivery: &Delivery,
        notices: &[(String, Notice)],
    ) -> Result<u16, Failure> {
        if notices.is_empty() {
            return Err(Failure::new("what it tells cannot be read"));
        }
        let url = || {
            Url::parse(&destination.target).map_err(|wrong| Failure::new(format!("url: {wrong}")))
        };
        let base = self.base.as_ref();
        match destination.channel {
            Channel::Webhook => {
                let body = webhook::body(notices, delivery.attempts.saturating_sub(1), base);
                let (secret, former) = (&destination.secret, &destination.former_secret);
                let secret = secret.as_deref().unwrap_or_default();
                let id = delivery.id.to_string();
                let headers =
                    webhook::signatures(secret, former.as_deref(), &id, self.now(), &body)?;
                self.http.post(&url()?, body, &headers).await
            }
            Channel::Slack => {
                let body = slack::body(&headline(notices), notices, base);
                self.http.post(&url()?, body, &[]).await
            }
            Channel::Email => {
                let missing = || Failure::new("the settings smtp_url and smtp_from are not given");
                let mail = self.mail.as_ref().ok_or_else(missing)?;
                let id = delivery.id.to_string();
                mail.send(&destination.target, &id, &headline(notices), notices, base)
                    .await
            }
        }
    }
}

/// The task that asked the store was lost.
fn lost(error: &StoreError) -> StateError {
    tracing::error!(%error, "outbox not asked");
    StateError::Closed
}

/// When to try again what is tried since then: after 5 seconds at first, then when it has been failing for twice as
/// long, once an hour at least, and for the last time after 24 hours.
fn next_try(since: i64, now: i64, retry_after: Option<Duration>) -> Option<i64> {
    let last = since + PATIENCE;
    if now >= last {
        return None;
    }
    let asked = retry_after.map_or(0, |after| {
        i64::try_from(after.as_micros()).unwrap_or(i64::MAX)
    });
    let wait = (now - since).max(asked).clamp(FIRST_WAIT, LONGEST_WAIT);
    Some((now + wait).min(last))
}
