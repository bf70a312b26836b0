//! What agents are given.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use sqreen::protocol::{self, ActionParameters, ActionsChange, ActionsVersion, Allowlist};

use super::changes::Change;
use super::delivery::Told;
use super::limits::{MAX_LEGACY_DURATION, MAX_PIECE};
use super::service::{Actions, now};
use crate::state::{Action, Targets};

/// Who is given actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// This project's SDK.
    Sdk,
    /// Agents that know nothing of dry runs, positions and single identifiers.
    Legacy,
}

/// What is in force for an application at one moment.
#[derive(Debug)]
pub(crate) struct Pack {
    pub(crate) version: ActionsVersion,
    /// In the order of creation: of two actions on one network, old agents take the later one.
    pub(crate) actions: Vec<Arc<Action>>,
    pub(crate) allowlist: Allowlist,
    pub(crate) dry_run: bool,
    /// What an agent that is given the pack has been told.
    pub(crate) told: Told,
}

/// As `ETag`s spell a version.
pub(crate) fn etag(version: &ActionsVersion) -> String {
    format!("\"{}-{}\"", version.epoch, version.seq)
}

/// The action on the wire, with the time that it has left; `None` if it has expired.
pub(crate) fn wire(action: &Action, audience: Audience) -> Option<protocol::Action> {
    let duration = match action.expires_at {
        None => None,
        // Rounded up, since 0 is for ever to some agents.
        Some(end) => {
            let left = end.checked_sub(now()).filter(|left| *left > 0)?;
            Some((left as f64 / 1e3).ceil() / 1e3)
        }
    };
    let duration = match audience {
        Audience::Sdk => duration,
        Audience::Legacy => duration.map(|left| left.min(MAX_LEGACY_DURATION)),
    };
    let (ip_cidr, users) = match &action.targets {
        Targets::Ips(nets) => (nets.iter().map(ToString::to_string).collect(), Vec::new()),
        Targets::Users(users) => {
            let user = |user: &BTreeMap<String, String>| {
                let pairs = user
                    .iter()
                    .map(|(name, value)| (name.clone(), Value::from(value.as_str())));
                pairs.collect()
            };
            (Vec::new(), users.iter().map(user).collect())
        }
    };
    Some(protocol::Action {
        action_id: action.id.to_string(),
        action: action.kind.name().to_owned(),
        duration,
        send_response: true,
        dry_run: action.dry_run,
        parameters: ActionParameters {
            ip_cidr,
            users,
            match_any: action.match_any,
            url: action.url.clone(),
        },
    })
}

impl Actions {
    /// All that is in force for the application.
    pub(crate) fn pack(&self, app: &str, audience: Audience) -> Pack {
        let live = self.live(now());
        let mut actions = live.set.of_app(app);
        if audience == Audience::Legacy {
            actions.retain(|action| live.shows(action));
        }
        Pack {
            version: self.version(live.changes.position(app)),
            actions,
            allowlist: live.allowlist.clone(),
            dry_run: live.settings.dry_run,
            told: Told::of(&live, app, audience),
        }
    }

    /// The position of the application.
    pub(crate) fn position(&self, app: &str) -> ActionsVersion {
        self.version(self.live(now()).changes.position(app))
    }

    fn version(&self, seq: u64) -> ActionsVersion {
        ActionsVersion {
            epoch: self.epoch.clone(),
            seq,
        }
    }

    /// Where a stream to an agent with this position starts: there, if what follows is known, else anew.
    pub(crate) fn resume(&self, app: &str, has: &ActionsVersion) -> ActionsChange {
        let live = self.live(now());
        let known = has.epoch == self.epoch && live.changes.since(app, has.seq, 0).is_some();
        if known {
            self.line(has.seq)
        } else {
            ActionsChange {
                reload: true,
                ..self.line(live.changes.position(app))
            }
        }
    }

    /// What follows a position, one line for each change; no line if nothing does.
    pub(crate) fn follow(&self, app: &str, seq: u64) -> Vec<ActionsChange> {
        let (changes, position) = {
            let live = self.live(now());
            (
                live.changes.since(app, seq, MAX_PIECE),
                live.changes.position(app),
            )
        };
        let Some(changes) = changes else {
            return vec![ActionsChange {
                reload: true,
                ..self.line(position)
            }];
        };
        (seq + 1..)
            .zip(changes)
            .map(|(seq, change)| self.change(seq, change))
            .collect()
    }

    /// A line that tells the position.
    pub(crate) fn line(&self, seq: u64) -> ActionsChange {
        let ActionsVersion { epoch, seq } = self.version(seq);
        ActionsChange {
            epoch,
            seq,
            ..ActionsChange::default()
        }
    }

    fn change(&self, seq: u64, change: Change) -> ActionsChange {
        let mut line = self.line(seq);
        match change {
            Change::Put(action, replaced) => {
                line.put.extend(wire(&action, Audience::Sdk));
                line.lift.extend(replaced.map(|id| id.to_string()));
            }
            Change::Lift(id) => line.lift.push(id.to_string()),
            Change::Reload => line.reload = true,
        }
        line
    }
}
