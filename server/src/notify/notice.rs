//! What there is to tell. Plain values, so that whoever has something to tell needs nothing of this module else.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

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
    /// The applications whose events it saw.
    pub(crate) apps: Vec<String>,
    pub(crate) actor: Actor,
    pub(crate) stage: Stage,
    /// The ids of the security responses.
    pub(crate) actions: Vec<String>,
    /// Why nothing was done, where something should have been.
    #[serde(default)]
    pub(crate) held: Option<String>,
    /// What was counted.
    pub(crate) count: u64,
    /// The time in which it was counted, in seconds.
    pub(crate) window_s: u64,
    /// The ids of the events, the first 20.
    pub(crate) events: Vec<String>,
    pub(crate) at: i64,
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

    /// What happened, in one line.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Fired(fired) => {
                let (name, actor) = (&fired.playbook.name, &fired.actor);
                match fired.stage {
                    Stage::Enforce => format!("{name} fired on {actor}"),
                    Stage::Shadow => format!("{name} would have fired on {actor}"),
                }
            }
            Self::Tripped(tripped) => format!("{} went back to shadow", tripped.playbook.name),
            Self::Test(_) => "Test".to_owned(),
        }
    }

    /// The rest that people are told, line by line.
    pub(crate) fn details(&self) -> Vec<String> {
        match self {
            Self::Fired(fired) => {
                let mut lines = vec![format!("{} in {} s", fired.count, fired.window_s)];
                let listed = |name: &str, list: &[String]| {
                    (!list.is_empty()).then(|| format!("{name}: {}", list.join(", ")))
                };
                lines.extend(listed("Applications", &fired.apps));
                lines.extend(fired.held.as_ref().map(|why| format!("Held back: {why}")));
                match fired.stage {
                    Stage::Enforce => lines.extend(listed("Security responses", &fired.actions)),
                    Stage::Shadow => lines.push("In shadow: nothing was done".to_owned()),
                }
                lines.extend(listed("Events", &fired.events));
                lines
            }
            Self::Tripped(tripped) => vec![tripped.reason.clone()],
            Self::Test(test) => vec![format!(
                "{} tries out whether notifications arrive here.",
                test.by
            )],
        }
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

/// What all of these say, in one line.
pub(super) fn headline(notices: &[(String, Notice)]) -> String {
    let [(_, only)] = notices else {
        let count = notices.len();
        let playbooks: BTreeMap<_, _> = by_playbook(notices);
        let mut names = playbooks.keys();
        return match (names.next(), names.next()) {
            (Some(name), None) => format!("{name}: {count} notices"),
            _ => format!("{count} notices of {} playbooks", playbooks.len()),
        };
    };
    only.title()
}

/// How many notices there are of each playbook, by its name.
pub(super) fn by_playbook(notices: &[(String, Notice)]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for (_, notice) in notices {
        let name = notice.playbook().map_or("Test", |playbook| &playbook.name);
        *counts.entry(name).or_default() += 1;
    }
    counts
}
