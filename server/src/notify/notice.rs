//! What there is to tell. Plain values, so that whoever has something to tell needs nothing of this module else.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::playbooks::Outcome;
use crate::state::StoredNotice;

/// Something that people are told. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// A playbook fired on an actor.
    Fired(Box<Fired>),
    /// A circuit breaker put a playbook back to shadow.
    Tripped(Tripped),
    /// Someone tries out whether a destination can be reached.
    Test(Test),
}

/// A playbook fired on an actor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fired {
    pub(crate) playbook: Playbook,
    /// The applications whose events it looks at; of none, all.
    pub(crate) apps: Vec<String>,
    pub(crate) actor: Actor,
    pub(crate) stage: Stage,
    pub(crate) outcome: Outcome,
    /// Why nothing was done, where something should have been.
    pub(crate) reason: Option<String>,
    /// What was done, or would have been.
    pub(crate) responses: Vec<Response>,
    /// How many events there were.
    pub(crate) count: u64,
    pub(crate) counted: Counted,
    /// The time in which it was counted, in seconds.
    pub(crate) window_s: u64,
    /// Within which group.
    pub(crate) group: Option<Group>,
    /// The ids of the events, the first 20.
    pub(crate) events: Vec<String>,
    pub(crate) origin: Option<Origin>,
    /// Whether addresses of the actor are private, loopback or of a proxy; `None` for a user.
    pub(crate) critical: Option<bool>,
    pub(crate) at: i64,
}

/// Where the newest of the events came from, as far as that was known when it was received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) app: String,
    /// Such as `production`.
    pub(crate) environment: Option<String>,
    /// The two letters of the country, where the actor is one address.
    pub(crate) country: Option<String>,
    /// For each list that was known of, whether the address was on it, where the actor is one.
    pub(crate) lists: BTreeMap<String, bool>,
}

/// A security response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Response {
    /// Such as `block_ip`.
    pub(crate) action: String,
    /// Where a redirect leads.
    pub(crate) url: Option<String>,
    /// For how long, in seconds; `None` is for ever.
    pub(crate) duration_s: Option<u64>,
    /// When it ends, where it is in force and does.
    pub(crate) until: Option<i64>,
    /// The ids of its actions, one for each application; none where it is not in force.
    pub(crate) actions: Vec<String>,
}

/// What was counted beside events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counted {
    Events,
    /// Different values of a field.
    Values {
        of: String,
        values: u64,
    },
    /// The other events of a ratio.
    Others(u64),
    /// A value of a field that was not seen before.
    New {
        of: String,
        value: String,
    },
}

/// The value of the field that a playbook groups by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(crate) by: String,
    pub(crate) value: String,
}

/// A circuit breaker put a playbook back to shadow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tripped {
    pub(crate) playbook: Playbook,
    /// Why, for people.
    pub(crate) reason: String,
    pub(crate) at: i64,
}

/// Someone tries out whether a destination can be reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Test {
    /// Who.
    pub(crate) by: String,
    pub(crate) at: i64,
}

/// The playbook as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Playbook {
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) version: u64,
}

/// Whether the playbook did anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// It only says what it would have done.
    Shadow,
    Enforce,
}

/// Whom a playbook fired on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Actor {
    Ip(IpAddr),
    Range(IpNet),
    /// The identifiers of a user.
    User(BTreeMap<String, String>),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::Range(range) => range.fmt(f),
            Self::User(identifiers) => {
                for (nth, (key, value)) in identifiers.iter().enumerate() {
                    let comma = if nth > 0 { ", " } else { "" };
                    write!(f, "{comma}{key} {value}")?;
                }
                Ok(())
            }
        }
    }
}

impl Notice {
    pub(super) fn playbook(&self) -> Option<&Playbook> {
        match self {
            Self::Fired(fired) => Some(&fired.playbook),
            Self::Tripped(tripped) => Some(&tripped.playbook),
            Self::Test(_) => None,
        }
    }

    pub(crate) fn at(&self) -> i64 {
        match self {
            Self::Fired(fired) => fired.at,
            Self::Tripped(tripped) => tripped.at,
            Self::Test(test) => test.at,
        }
    }

    /// Where the pages tell more: what each is called, and its path. The notice's id is that of the run.
    pub(crate) fn links(&self, id: &str) -> Vec<(&'static str, String)> {
        let run = match self {
            Self::Fired(_) => Some(("Run", format!("/runs/{id}"))),
            Self::Tripped(_) | Self::Test(_) => None,
        };
        let playbook = self.playbook();
        let playbook =
            playbook.map(|playbook| ("Playbook", format!("/playbooks/{}", playbook.slug)));
        run.into_iter().chain(playbook).collect()
    }
}

/// As the outbox keeps it.
pub(super) fn stored(id: &str, notice: &Notice) -> StoredNotice {
    StoredNotice {
        id: id.to_owned(),
        // A notice has no map with keys that are no texts, which is all that can fail.
        body: serde_json::to_string(notice).unwrap_or_default(),
    }
}

/// Reads what the outbox kept; what cannot be read is left out, and told in the log.
pub(super) fn read(stored: Vec<StoredNotice>) -> Vec<(String, Notice)> {
    let read = |stored: StoredNotice| match serde_json::from_str(&stored.body) {
        Ok(notice) => Some((stored.id, notice)),
        Err(error) => {
            tracing::error!(%error, notice = %stored.id, "notice cannot be read");
            None
        }
    };
    stored.into_iter().filter_map(read).collect()
}
