//! The notifier.

use std::sync::{Arc, Mutex, PoisonError};

use sqreen::protocol::Timestamp;
use tokio::task::JoinHandle;

use super::counts::{Counts, Outcome};
use super::destination::{Allowed, Draft};
use super::http::{Http, Url};
use super::limits::{DAY, DIGEST_HOUR, GATHER, MAX_DESTINATIONS};
use super::mail::Mail;
use super::notice::{Notice, Test, read, stored};
use super::webhook;
use super::worker::Worker;
use crate::auth::{Caller, Secret};
use crate::config::ServerConfig;
use crate::fields::FieldError;
use crate::server::blocking;
use crate::state::{
    Channel, Delivery, DeliveryStatus, Destination, Event, Id, NotSaved, Place, Queued, StateError,
    StateStore, StoredNotice,
};
use crate::store::StoreError;

/// Why something is not done.
#[derive(Debug)]
pub(crate) enum NotifyError {
    Field(FieldError),
    /// It would contradict what is there.
    Conflict(FieldError),
    /// There is none of this id.
    Unknown,
    State(StateError),
    Internal(StoreError),
}

impl From<FieldError> for NotifyError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<StateError> for NotifyError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<StoreError> for NotifyError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error)
    }
}

impl From<NotSaved> for NotifyError {
    fn from(error: NotSaved) -> Self {
        let wrong = match error {
            NotSaved::Taken => "another destination has it".to_owned(),
            NotSaved::Full => format!("there are {MAX_DESTINATIONS} destinations, the limit"),
        };
        Self::Conflict(FieldError::new("name", wrong))
    }
}

/// Tells people.
#[derive(Debug)]
pub(crate) struct Notifier {
    worker: Arc<Worker>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.worker.close();
    }
}

impl Notifier {
    /// Answers what is wrong with settings that cannot be used. Nothing is sent before [`start`](Self::start).
    pub(crate) fn new(
        config: &ServerConfig,
        state: Arc<dyn StateStore>,
    ) -> Result<Self, &'static str> {
        Self::with_clock(config, state, || Timestamp::now().as_micros())
    }

    /// The same, by a clock that tells microseconds since the Unix epoch.
    pub(super) fn with_clock(
        config: &ServerConfig,
        state: Arc<dyn StateStore>,
        clock: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, &'static str> {
        let mail = config.smtp.as_ref().map(Mail::new).transpose()?;
        let http = Http::new(config.notify_internal);
        let worker = Worker::new(state, http, mail, config.public_url.clone(), clock);
        Ok(Self {
            worker: Arc::new(worker),
            running: Mutex::new(None),
        })
    }

    /// Delivers what is due from now on, in a task of the present runtime.
    pub(crate) fn start(&self) {
        let task = tokio::spawn(Arc::clone(&self.worker).run());
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Begins no more tries, and waits a few seconds for those under way.
    pub(crate) async fn stop(&self) {
        self.worker.close();
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(running) = running {
            // It may have ended already, whatever by.
            running.await.ok();
        }
    }

    /// Queues a notice for each destination that takes it. It is durable once this returns. The same id is queued once
    /// for each destination, as long as the log knows it. Blocks on the disk, for as long as one write takes.
    pub(crate) fn notify(&self, id: &str, notice: &Notice) -> Result<Vec<Queued>, StateError> {
        let state = &self.worker.state;
        self.notify_with(id, notice, |stored, places| {
            state.queue(stored, places, self.worker.now())
        })
    }

    /// As [`notify`](Self::notify), where something else is written together with the notice: `write` queues it.
    pub(crate) fn notify_with(
        &self,
        id: &str,
        notice: &Notice,
        write: impl FnOnce(&StoredNotice, &[Place<'_>]) -> Result<Vec<Queued>, StateError>,
    ) -> Result<Vec<Queued>, StateError> {
        let now = self.worker.now();
        let slug = notice.playbook().map(|playbook| playbook.slug.as_str());
        let destinations = self.worker.state.destinations()?;
        let takes = |destination: &&Destination| {
            let named =
                |slugs: &Vec<String>| slugs.iter().any(|named| Some(named.as_str()) == slug);
            destination.enabled && destination.playbooks.as_ref().is_none_or(named)
        };
        let takers: Vec<_> = destinations.iter().filter(takes).collect();
        let places: Vec<_> = takers
            .iter()
            .map(|destination| Place {
                destination: destination.id,
                playbook: slug.filter(|_| !destination.digest),
                due_at: if destination.digest {
                    next_digest(now)
                } else {
                    now + GATHER
                },
            })
            .collect();
        let queued = write(&stored(id, notice), &places)?;
        for (destination, queued) in takers.iter().zip(&queued) {
            if *queued == Queued::Full {
                let name = &destination.name;
                tracing::warn!(destination = %name, "notice dropped: too many deliveries wait");
                self.worker
                    .counts
                    .add(destination.channel, Outcome::Dropped);
            }
        }
        self.worker.wake();
        Ok(queued)
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.worker.counts
    }

    /// Adds a destination. Answers the secret of a webhook with it, which is not shown again. Blocks.
    pub(crate) fn add(
        &self,
        draft: Draft,
        by: &Caller,
    ) -> Result<(Destination, Option<Secret>), NotifyError> {
        let mut destination = Destination {
            id: Id::random()?,
            name: String::new(),
            channel: Channel::Webhook,
            target: String::new(),
            secret: None,
            former_secret: None,
            playbooks: None,
            digest: false,
            enabled: true,
            created_at: self.worker.now(),
            created_by: by.name.to_string(),
        };
        draft.apply(&mut destination, self.allowed())?;
        if destination.channel == Channel::Webhook {
            destination.secret = Some(webhook::new_secret().ok_or(StateError::Random)?);
        }
        let state = &self.worker.state;
        state.add_destination(&destination, MAX_DESTINATIONS)??;
        self.note(
            by,
            Event::DestinationAdded,
            &destination.name,
            destination.channel.name(),
        );
        let secret = destination.secret.clone().map(Secret);
        Ok((destination, secret))
    }

    /// Changes a destination. Blocks.
    pub(crate) fn change(
        &self,
        id: Id,
        draft: Draft,
        by: &Caller,
    ) -> Result<Destination, NotifyError> {
        let before = self.destination(id)?;
        let mut after = before.clone();
        draft.apply(&mut after, self.allowed())?;
        let state = &self.worker.state;
        if !state.change_destination(&after, self.worker.now())?? {
            return Err(NotifyError::Unknown);
        }
        let changes = [
            (before.name != after.name, "name"),
            (before.target != after.target, "target"),
            (before.playbooks != after.playbooks, "playbooks"),
            (before.digest != after.digest, "digest"),
            (before.enabled && !after.enabled, "disabled"),
            (!before.enabled && after.enabled, "enabled"),
        ];
        let changed: Vec<_> = changes
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, name)| *name)
            .collect();
        self.note(
            by,
            Event::DestinationChanged,
            &after.name,
            &changed.join(", "),
        );
        self.worker.wake();
        Ok(after)
    }

    /// Forgets a destination, and what waits for it. Blocks.
    pub(crate) fn remove(&self, id: Id, by: &Caller) -> Result<(), NotifyError> {
        let destination = self.destination(id)?;
        if !self.worker.state.remove_destination(id)? {
            return Err(NotifyError::Unknown);
        }
        self.note(
            by,
            Event::DestinationRemoved,
            &destination.name,
            destination.channel.name(),
        );
        Ok(())
    }

    /// The delivery of this id, and what it tells: each notice with its id. Blocks.
    pub(crate) fn delivery(
        &self,
        id: Id,
    ) -> Result<(Delivery, Vec<(String, Notice)>), NotifyError> {
        let state = &self.worker.state;
        let delivery = state.delivery(id)?.ok_or(NotifyError::Unknown)?;
        let notices = read(state.notices(delivery.row)?);
        Ok((delivery, notices))
    }

    /// Lets a dead delivery be tried again, and answers it. Blocks.
    pub(crate) fn replay(&self, id: Id, by: &Caller) -> Result<Delivery, NotifyError> {
        let state = &self.worker.state;
        let replayed = state.replay(id, self.worker.now())?;
        let delivery = state.delivery(id)?.ok_or(NotifyError::Unknown)?;
        if !replayed {
            let wrong = format!(
                "is {}; only a dead delivery is replayed",
                delivery.status.name()
            );
            return Err(NotifyError::Conflict(FieldError::new("status", wrong)));
        }
        let destination = self.destination(delivery.destination)?;
        self.note(
            by,
            Event::DeliveryReplayed,
            &destination.name,
            &id.to_string(),
        );
        self.worker.wake();
        Ok(delivery)
    }

    /// Tries a destination at once, past those that wait, and answers what became of it.
    pub(crate) async fn test(&self, id: Id, by: Caller) -> Result<Delivery, NotifyError> {
        let now = self.worker.now();
        let worker = Arc::clone(&self.worker);
        let destination = blocking(move || find(&*worker.state, id)).await??;
        let mut delivery = Delivery {
            row: 0,
            id: Id::random()?,
            destination: id,
            playbook: None,
            notices: 1,
            status: DeliveryStatus::Dead,
            attempts: 1,
            opened_at: now,
            due_at: now,
            since_at: now,
            ended_at: None,
            answer: None,
        };
        let notice = Notice::Test(Test {
            by: by.name.to_string(),
            at: now,
        });
        let notice = (delivery.id.to_string(), notice);
        let sent = self
            .worker
            .send(&destination, &delivery, std::slice::from_ref(&notice))
            .await;
        let counts = &self.worker.counts;
        match sent {
            Ok(answer) => {
                delivery.status = DeliveryStatus::Delivered;
                delivery.answer = Some(answer);
                counts.add(destination.channel, Outcome::Delivered);
            }
            Err(failure) => {
                delivery.answer = Some(failure.reason);
                counts.add(destination.channel, Outcome::Failed);
                counts.add(destination.channel, Outcome::Dead);
            }
        }
        delivery.ended_at = Some(self.worker.now());
        let worker = Arc::clone(&self.worker);
        let added = blocking(move || {
            let state = &worker.state;
            state.add_ended(&delivery, &stored(&notice.0, &notice.1))?;
            by.note(
                &**state,
                Event::DestinationTested,
                Some(&destination.name),
                None,
            );
            Ok::<_, StateError>(delivery)
        });
        Ok(added.await??)
    }

    /// What a destination's target is called where it is shown: of Slack's URL, which is a secret, the host alone.
    pub(crate) fn shown_target(destination: &Destination) -> String {
        match (destination.channel, Url::parse(&destination.target)) {
            (Channel::Slack, Ok(url)) => format!("{} (the rest is secret)", url.host()),
            _ => destination.target.clone(),
        }
    }

    /// The destination of this id. Blocks.
    pub(crate) fn destination(&self, id: Id) -> Result<Destination, NotifyError> {
        find(&*self.worker.state, id)
    }

    pub(super) fn state(&self) -> &dyn StateStore {
        &*self.worker.state
    }

    fn allowed(&self) -> Allowed {
        self.worker.allowed()
    }

    pub(super) fn note(&self, by: &Caller, event: Event, subject: &str, detail: &str) {
        by.note(&*self.worker.state, event, Some(subject), Some(detail));
    }

    #[cfg(test)]
    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }
}

fn find(state: &dyn StateStore, id: Id) -> Result<Destination, NotifyError> {
    let mut destinations = state.destinations()?.into_iter();
    let found = destinations.find(|destination| destination.id == id);
    found.ok_or(NotifyError::Unknown)
}

/// When the digest that is open now is due.
fn next_digest(now: i64) -> i64 {
    let today = now - now.rem_euclid(DAY) + DIGEST_HOUR;
    if today > now { today } else { today + DAY }
}
