//! What is done when a playbook fires: the security responses, and the run that tells of them.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqreen::protocol::Timestamp;

use super::model::{Actor, Response, Stage};
use super::service::{Current, Playbooks};
use super::times;
use crate::actions::{ActionError, Actions};
use crate::auth::Caller;
use crate::enrich::Enrichment;
use crate::notify::Notifier;
use crate::state::{
    ActionDraft, Id, Place, RunRecord, StateError, StateStore, StoredNotice, Targets, network,
};
use crate::store::{EventId, EventStore};

pub(super) const HOUR: i64 = 3_600_000_000;
pub(super) const DAY: i64 = 24 * HOUR;
/// For how long earlier runs make responses longer.
const REMEMBERED: i64 = 30 * DAY;

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The responses are in force.
    Enforced,
    /// The responses would have been.
    Shadowed,
    /// There are no responses: it is known that it fired.
    Recorded,
    /// A rail held the responses back.
    Held,
    /// The responses could not be taken.
    Failed,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] = [
        Self::Enforced,
        Self::Shadowed,
        Self::Recorded,
        Self::Held,
        Self::Failed,
    ];

    pub(super) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Shadowed => "shadowed",
            Self::Recorded => "recorded",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

/// That a playbook fired: what the engine found.
#[derive(Clone, Debug)]
pub(crate) struct Fired {
    pub(crate) current: Arc<Current>,
    pub(crate) actor: Actor,
    pub(crate) group: Option<String>,
    /// When the last of the events happened, in microseconds since the Unix epoch.
    pub(crate) at: i64,
    /// The times and ids of the events, the oldest first.
    pub(crate) events: Vec<(i64, EventId)>,
    /// What was counted: `events`, `values`, `others`, `value`.
    pub(crate) counted: Value,
}

/// A response of a run as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RunResponse {
    pub(crate) action: String,
    pub(crate) url: Option<String>,
    /// Such as `5min`, or `permanent`.
    pub(crate) duration: String,
    /// The actions, where it is in force.
    pub(crate) ids: Vec<String>,
}

/// What a decision needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Responder<'a> {
    pub(crate) state: &'a dyn StateStore,
    pub(crate) store: &'a dyn EventStore,
    pub(crate) actions: &'a Actions,
    pub(crate) playbooks: &'a Playbooks,
    pub(crate) notifier: &'a Notifier,
    pub(crate) enrichment: &'a Enrichment,
}

impl Responder<'_> {
    /// Decides what comes of it, does it, and writes it down with what people are told. False if that was done before: a
    /// run is known by its events, so that whoever starts again from an earlier place repeats nothing. Blocks.
    ///
    /// # Errors
    ///
    /// If something could not be stored. The run is open then, and whoever responds again goes on with it.
    pub(crate) fn respond(&self, fired: &Fired) -> Result<bool, StateError> {
        let run = new_run(fired)?;
        let (run, known) = self.state.begin_run(&run)?;
        if known && !run.outcome.is_empty() {
            return Ok(false);
        }
        self.finish(run, &fired.current, &fired.actor)?;
        Ok(true)
    }

    fn finish(
        &self,
        mut run: RunRecord,
        current: &Current,
        actor: &Actor,
    ) -> Result<(), StateError> {
        let mut current = current.clone();
        // It may be another than when the event was evaluated.
        match self.playbooks.get(&run.slug) {
            Some(latest) => current.take_stage(&latest),
            None => current.stage = Stage::Draft,
        }
        let current = &current;
        current.approved_by().clone_into(&mut run.approved_by);
        current.stage.name().clone_into(&mut run.stage);
        let held = match current.playbook.responses.is_empty() {
            true => None,
            false => self.held(current, actor, &run)?,
        };
        let times = self.earlier(&run)?;
        let responses = current.playbook.responses.iter();
        let mut responses: Vec<_> = responses
            .map(|response| (response, planned(response, times)))
            .collect();
        let (outcome, reason) = match (held, current.stage) {
            (Some(reason), _) => (Outcome::Held, Some(reason)),
            (None, _) if responses.is_empty() => (Outcome::Recorded, None),
            (None, Stage::Enforce) => match self.enforce(current, actor, &run, &mut responses)? {
                Ok(()) => (Outcome::Enforced, None),
                Err(reason) => (Outcome::Failed, Some(reason)),
            },
            (None, Stage::Shadow | Stage::Draft) => (Outcome::Shadowed, None),
        };
        let responses: Vec<_> = responses
            .into_iter()
            .map(|(_, response)| response)
            .collect();
        run.outcome = outcome.name().to_owned();
        run.reason = reason;
        run.responses = json!(responses).to_string();
        self.end(&run)
    }

    /// Writes down what came of a run, with what people are told of it.
    fn end(&self, run: &RunRecord) -> Result<(), StateError> {
        match self.told(run)? {
            Some(notice) => {
                let write = |notice: &StoredNotice, places: &[Place<'_>]| {
                    self.state.end_run(run, Some((notice, places)))
                };
                self.notifier
                    .notify_with(&run.id.to_string(), &notice, write)?;
            }
            None => drop(self.state.end_run(run, None)?),
        }
        // Someone may have undone it while it was decided.
        let stored = self.state.run(run.id)?;
        if stored.is_some_and(|run| run.undone_at.is_some()) {
            self.lift(run, &Caller::playbook(&run.slug))?;
        }
        let (playbook, actor) = (&run.slug, &run.actor);
        let (outcome, reason) = (run.outcome.as_str(), run.reason.as_deref());
        tracing::info!(playbook, actor, outcome, reason, run = %run.id, "a playbook fired");
        Ok(())
    }

    /// Takes up what was begun and not written down when the server ended; answers how many runs that were. Blocks.
    pub(crate) fn finish_open(&self) -> Result<u64, StateError> {
        let mut finished = 0;
        for mut run in self.state.open_runs()? {
            let current = self.playbooks.get(&run.slug);
            let current = current.filter(|current| current.record.version == run.version);
            match (current, read_actor(&run.actor)) {
                (Some(current), Some(actor)) => self.finish(run, &current, &actor)?,
                _ => {
                    run.outcome = Outcome::Failed.name().to_owned();
                    run.reason =
                        Some("the server ended, and the playbook is another now".to_owned());
                    self.end(&run)?;
                }
            }
            finished += 1;
        }
        Ok(finished)
    }

    /// How often the playbook met the actor before, rightly as far as is known.
    fn earlier(&self, run: &RunRecord) -> Result<usize, StateError> {
        let outcome = match run.stage.as_str() {
            "enforce" => Outcome::Enforced,
            _ => Outcome::Shadowed,
        };
        let since = run.decided_at - REMEMBERED;
        let times = self
            .state
            .past_runs(&run.slug, outcome.name(), &run.actor, since)?;
        Ok(usize::try_from(times).unwrap_or(usize::MAX))
    }

    /// Puts the responses in force; answers why one cannot be.
    fn enforce(
        &self,
        current: &Current,
        actor: &Actor,
        run: &RunRecord,
        responses: &mut [(&Response, RunResponse)],
    ) -> Result<Result<(), String>, StateError> {
        let by = Caller::playbook(&run.slug);
        for (response, planned) in responses {
            for app in apps(current) {
                let draft = draft(current, actor, response, &planned.duration, app);
                match self.actions.decide(&draft, Some(run.id), &by) {
                    Ok(record) => planned.ids.push(record.action.id.to_string()),
                    Err(ActionError::State(error)) => return Err(error),
                    Err(ActionError::Field(error) | ActionError::Critical(error)) => {
                        return Ok(Err(error.to_string()));
                    }
                    Err(ActionError::Full(text)) => return Ok(Err(text)),
                }
            }
        }
        Ok(Ok(()))
    }
}

fn new_run(fired: &Fired) -> Result<RunRecord, StateError> {
    let Fired {
        current,
        actor,
        group,
        at,
        events,
        counted,
    } = fired;
    let actor = show_actor(actor);
    let slug = current.record.slug.clone();
    let mut hash = Sha256::new();
    for part in [slug.as_str(), &actor, group.as_deref().unwrap_or_default()] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.update(current.record.version.to_le_bytes());
    hash.update([u8::from(group.is_some())]);
    for (time, id) in events {
        hash.update(time.to_le_bytes());
        hash.update(id.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    Ok(RunRecord {
        row: 0,
        id: Id::random()?,
        key,
        slug,
        version: current.record.version,
        stage: current.stage.name().to_owned(),
        outcome: String::new(),
        approved_by: current.approved_by().to_owned(),
        reason: None,
        actor,
        group: group.clone(),
        at: *at,
        decided_at: Timestamp::now().as_micros(),
        counted: counted.to_string(),
        events: json!(events).to_string(),
        responses: "[]".to_owned(),
        undone_at: None,
        undone_by: None,
    })
}

/// An address or range, or a user's identifiers as JSON.
pub(crate) fn show_actor(actor: &Actor) -> String {
    match actor {
        Actor::Ip(net) => network(net),
        Actor::User(identifiers) => json!(identifiers).to_string(),
    }
}

/// The reverse of [`show_actor`].
pub(crate) fn read_actor(text: &str) -> Option<Actor> {
    if text.starts_with('{') {
        return serde_json::from_str(text).ok().map(Actor::User);
    }
    crate::actions::parse_network(text).ok().map(Actor::Ip)
}

/// The applications that the responses are for; `None` is all.
pub(super) fn apps(current: &Current) -> Vec<Option<String>> {
    let apps = &current.playbook.rule.trigger.apps;
    match apps.is_empty() {
        true => vec![None],
        false => apps.iter().cloned().map(Some).collect(),
    }
}

/// The response of the time after so many.
fn planned(response: &Response, times: usize) -> RunResponse {
    let duration = response.duration(times);
    RunResponse {
        action: response.kind.name().to_owned(),
        url: response.url.clone(),
        duration: duration.map_or_else(|| times::PERMANENT.to_owned(), times::show),
        ids: Vec::new(),
    }
}

fn draft(
    current: &Current,
    actor: &Actor,
    response: &Response,
    duration: &str,
    app: Option<String>,
) -> ActionDraft {
    let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
    ActionDraft {
        app,
        kind: response.kind,
        targets: match actor {
            Actor::Ip(net) => Targets::ips(vec![*net]),
            Actor::User(identifiers) => Targets::users(vec![identifiers.clone()]),
        },
        url: response.url.clone(),
        dry_run: false,
        match_any: false,
        comment: current.playbook.name.clone(),
        duration: times::read(duration).map(micros),
        allow_critical: current.playbook.rails.allow_critical,
    }
}

/// The responses of a run.
pub(crate) fn responses(run: &RunRecord) -> Vec<RunResponse> {
    serde_json::from_str(&run.responses).unwrap_or_default()
}

/// The times and ids of the events that made a run.
pub(crate) fn event_places(run: &RunRecord) -> Vec<(i64, EventId)> {
    serde_json::from_str(&run.events).unwrap_or_default()
}

/// JSON as it was stored, `null` if it is none.
pub(crate) fn read_json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
