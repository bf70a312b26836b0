//! What people are told of what playbooks did.

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::Value;

use super::model::{Actor, Detection};
use super::respond::{
    Outcome, Responder, RunResponse, event_places, read_actor, read_json, responses,
};
use super::service::{Current, stored};
use super::times;
use crate::notify::MAX_EVENTS;
use crate::notify::notice::{self, Counted, Notice, Origin};
use crate::state::{RunRecord, StateError, Targets};

/// That a playbook was put back to shadow by a run, and the notice's id.
pub(super) fn tripped(run: &RunRecord, current: &Current, reason: &str) -> (String, Notice) {
    let tripped = notice::Tripped {
        playbook: playbook(run, current),
        reason: reason.to_owned(),
        at: run.decided_at,
    };
    (format!("trip-{}", run.id), Notice::Tripped(tripped))
}

fn playbook(run: &RunRecord, current: &Current) -> notice::Playbook {
    notice::Playbook {
        slug: run.slug.clone(),
        name: current.playbook.name.clone(),
        version: run.version.unsigned_abs(),
    }
}

impl Responder<'_> {
    /// What came of a run, where people are told of the playbook's. Its id is that of the run: nothing is told twice.
    pub(super) fn told(&self, run: &RunRecord) -> Result<Option<Notice>, StateError> {
        let current = self.playbooks.get(&run.slug);
        let Some(current) = current.filter(|current| current.playbook.notify) else {
            return Ok(None);
        };
        let outcome = Outcome::of_name(&run.outcome);
        let (Some(actor), Some(outcome)) = (read_actor(&run.actor), outcome) else {
            return Ok(None);
        };
        // The playbook may be another by now than the one that fired.
        let version = self.state.playbook_version(&run.slug, run.version)?;
        let entry = version.and_then(|version| stored(&version.body).ok());
        let rule = entry.map_or_else(
            || current.playbook.rule.clone(),
            |entry| entry.playbook.rule,
        );
        let found = read_json(&run.counted);
        let events = event_places(run).into_iter().take(MAX_EVENTS);
        let events = events.map(|(_, id)| id.to_string());
        let responses = responses(run).into_iter();
        let responses = responses.map(|response| self.response(response));
        let fired = notice::Fired {
            playbook: playbook(run, &current),
            apps: rule.trigger.apps.clone(),
            actor: match &actor {
                Actor::User(user) => notice::Actor::User(user.clone()),
                Actor::Ip(net) if is_address(net) => notice::Actor::Ip(net.addr()),
                Actor::Ip(net) => notice::Actor::Range(*net),
            },
            stage: match run.stage.as_str() {
                "enforce" => notice::Stage::Enforce,
                _ => notice::Stage::Shadow,
            },
            outcome,
            reason: run.reason.clone(),
            responses: responses.collect::<Result<_, _>>()?,
            count: found["events"].as_u64().unwrap_or_default(),
            counted: counted(&rule.detection, &found),
            window_s: rule.period.as_secs(),
            group: rule.group_by.zip(run.group.clone()).map(|(by, value)| {
                let by = by.to_string();
                notice::Group { by, value }
            }),
            events: events.collect(),
            origin: self.origin(run, &actor),
            critical: self.is_critical(&rule.trigger.apps, &actor),
            at: run.at,
        };
        Ok(Some(Notice::Fired(Box::new(fired))))
    }

    /// Where the newest of the events came from, if the store still has it.
    fn origin(&self, run: &RunRecord, actor: &Actor) -> Option<Origin> {
        let (time, id) = event_places(run).pop()?;
        let found = self.store.find(id, time).unwrap_or_else(|error| {
            tracing::error!(%error, "the newest event of a run not read");
            None
        });
        let event = found?;
        let mut origin = Origin {
            app: event.app,
            environment: event.environment,
            country: None,
            lists: BTreeMap::new(),
        };
        if matches!(actor, Actor::Ip(net) if is_address(net)) {
            origin.country = event.country;
            let lists = self.enrichment.lists().into_iter();
            origin.lists.extend(lists.map(|name| (name, false)));
            let on = event.network.into_iter();
            origin.lists.extend(on.map(|name| (name, true)));
        }
        Some(origin)
    }

    /// Whether addresses of the actor are private, loopback or of a proxy of one of the applications.
    fn is_critical(&self, apps: &[String], actor: &Actor) -> Option<bool> {
        let Actor::Ip(net) = actor else {
            return None;
        };
        let targets = Targets::ips(vec![*net]);
        let of = |app: Option<&str>| self.actions.critical(app, &targets).is_some();
        Some(match apps {
            [] => of(None),
            apps => apps.iter().any(|app| of(Some(app))),
        })
    }

    /// A response, and until when it is in force.
    fn response(&self, response: RunResponse) -> Result<notice::Response, StateError> {
        let mut until = None;
        for id in response.ids.iter().filter_map(|id| id.parse().ok()) {
            let action = self.state.action(id)?;
            until = until.max(action.and_then(|record| record.action.expires_at));
        }
        Ok(notice::Response {
            action: response.action,
            url: response.url,
            duration_s: times::read(&response.duration).map(|time| time.as_secs()),
            until,
            actions: response.ids,
        })
    }
}

/// Whether it is one address.
fn is_address(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

fn counted(detection: &Detection, found: &Value) -> Counted {
    let number = |name: &str| found[name].as_u64().unwrap_or_default();
    match detection {
        Detection::Threshold { .. } => Counted::Events,
        Detection::Distinct { of, .. } => Counted::Values {
            of: of.to_string(),
            values: number("values"),
        },
        Detection::Ratio { .. } => Counted::Others(number("others")),
        Detection::FirstSeen { of } => Counted::New {
            of: of.to_string(),
            value: found["value"].as_str().unwrap_or_default().to_owned(),
        },
    }
}
