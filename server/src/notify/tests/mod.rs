//! Notifications on real sockets and a real state store, by a clock that the tests move.

mod delivery;
mod mail;
mod outage;
mod receiver;
mod smtp;
mod targets;
mod told;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Map, Value, json};

use super::limits::SECOND;
use super::notice::{Actor, Counted, Fired, Notice, Playbook, Response, Stage};
use super::{Draft, Notifier};
use crate::auth::Caller;
use crate::config::ServerConfig;
use crate::playbooks::Outcome;
use crate::state::{Delivery, DeliveryQuery, Destination, SqliteState, StateStore};

/// Noon of a day.
const NOON: i64 = 1_800_014_400 * SECOND;

/// A notifier whose worker does not run by itself, unless it is started.
struct Bench {
    notifier: Notifier,
    state: Arc<dyn StateStore>,
    clock: Arc<AtomicI64>,
    dir: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self::with(|config| config.notify_internal(true))
    }

    fn with(set: impl Fn(ServerConfig) -> ServerConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(NOON));
        let config = set(ServerConfig::new(dir.path()));
        let (notifier, state) = open(dir.path(), &config, &clock);
        Self {
            notifier,
            state,
            clock,
            dir,
        }
    }

    /// The same directory after the end of the process.
    fn restarted(self) -> Self {
        self.state.close().unwrap();
        let config = ServerConfig::new(self.dir.path()).notify_internal(true);
        let (notifier, state) = open(self.dir.path(), &config, &self.clock);
        Self {
            notifier,
            state,
            ..self
        }
    }

    fn add(&self, fields: Value) -> Destination {
        self.try_add(fields).unwrap()
    }

    fn try_add(&self, fields: Value) -> Result<Destination, String> {
        let Value::Object(fields) = fields else {
            panic!("not an object: {fields}");
        };
        let draft = Draft::read(fields).map_err(|error| error.to_string())?;
        let added = self.notifier.add(draft, &Caller::command_line());
        added
            .map(|(destination, _)| destination)
            .map_err(|error| format!("{error:?}"))
    }

    fn webhook(&self, url: &str) -> Destination {
        self.add(json!({"name": url, "kind": "webhook", "url": url}))
    }

    fn set(&self, destination: &Destination, fields: Map<String, Value>) {
        let draft = Draft::read(fields).unwrap();
        self.notifier
            .change(destination.id, draft, &Caller::command_line())
            .unwrap();
    }

    fn notify(&self, id: &str, notice: &Notice) {
        self.notifier.notify(id, notice).unwrap();
    }

    fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * SECOND, Ordering::SeqCst);
    }

    /// Makes what is due at this moment.
    async fn deliver(&self) {
        let worker = self.notifier.worker();
        for delivery in self.state.due(self.now()).unwrap() {
            Arc::clone(worker).drain(delivery.destination).await;
        }
    }

    /// Lets this much time pass, and makes each delivery when it is due.
    async fn live(&self, seconds: i64) {
        let end = self.now() + seconds * SECOND;
        while let Some(due) = self.state.next_due().unwrap().filter(|due| *due <= end) {
            self.clock.fetch_max(due, Ordering::SeqCst);
            self.deliver().await;
        }
        self.clock.store(end, Ordering::SeqCst);
    }

    /// All deliveries, the oldest first.
    fn log(&self) -> Vec<Delivery> {
        let query = DeliveryQuery {
            limit: 10_000,
            ..DeliveryQuery::default()
        };
        let mut log = self.state.deliveries(query).unwrap();
        log.reverse();
        log
    }
}

fn open(
    dir: &Path,
    config: &ServerConfig,
    clock: &Arc<AtomicI64>,
) -> (Notifier, Arc<dyn StateStore>) {
    let state: Arc<dyn StateStore> =
        Arc::new(SqliteState::open(&dir.join("state.sqlite")).unwrap());
    let clock = Arc::clone(clock);
    let clock = move || clock.load(Ordering::SeqCst);
    let notifier = Notifier::with_clock(config, Arc::clone(&state), clock).unwrap();
    (notifier, state)
}

/// A playbook fired on the address 203.0.113.7.
fn fired(slug: &str) -> Notice {
    let ip: IpAddr = "203.0.113.7".parse().unwrap();
    fired_on(slug, Actor::Ip(ip), Stage::Enforce)
}

fn fired_on(slug: &str, actor: Actor, stage: Stage) -> Notice {
    let in_force = stage == Stage::Enforce;
    Notice::Fired(Box::new(Fired {
        playbook: playbook(slug),
        apps: vec!["shop".to_owned(), "blog".to_owned()],
        actor,
        stage,
        outcome: match stage {
            Stage::Enforce => Outcome::Enforced,
            Stage::Shadow => Outcome::Shadowed,
        },
        reason: None,
        responses: vec![Response {
            action: "block_ip".to_owned(),
            url: None,
            duration_s: Some(300),
            until: in_force.then_some(NOON + 300 * SECOND),
            actions: in_force
                .then(|| "00000000000000a1".to_owned())
                .into_iter()
                .collect(),
        }],
        count: 26,
        counted: Counted::Events,
        window_s: 300,
        group: None,
        origin: None,
        critical: None,
        events: (0..20).map(|n| format!("event-{n}")).collect(),
        at: NOON,
    }))
}

fn playbook(slug: &str) -> Playbook {
    Playbook {
        slug: slug.to_owned(),
        name: format!("Playbook {slug}"),
        version: 3,
    }
}
