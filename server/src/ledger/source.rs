//! Whose events are counted together.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sessions::Agent;

/// Who counts the events.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CountedBy {
    /// The agent: every event that the application tracked, also those that never came.
    Agent,
    /// The server, for agents that tell no counts: the events that came.
    Server,
}

/// Whose events one row of the ledger counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) app: String,
    pub(crate) host: String,
    /// The type of agent, such as `rust`; empty where it is not known.
    pub(crate) agent: String,
    /// The agent's version; empty where it is not known.
    pub(crate) version: String,
    pub(crate) counted_by: CountedBy,
    /// Whether it stands for rows that had to make room, of one application or, where that is empty, of several.
    pub(crate) other: bool,
}

impl Source {
    pub(crate) fn of(agent: &Agent, counted_by: CountedBy) -> Self {
        Self {
            app: agent.app.clone(),
            host: agent.hostname.clone().unwrap_or_default(),
            agent: agent.agent_type.clone(),
            version: agent.agent_version.clone(),
            counted_by,
            other: false,
        }
    }

    /// The host's row of before versions were told apart.
    pub(super) fn former(&self) -> Self {
        Self {
            agent: String::new(),
            version: String::new(),
            counted_by: CountedBy::Agent,
            ..self.clone()
        }
    }

    /// Where its counts go when it makes room: to the rest of its application, and at last to that of all.
    pub(super) fn rest(&self) -> Option<Self> {
        let app = match (self.other, self.app.as_str()) {
            (true, "") => return None,
            (true, _) => String::new(),
            (false, _) => self.app.clone(),
        };
        Some(Self {
            app,
            host: String::new(),
            agent: String::new(),
            version: String::new(),
            counted_by: self.counted_by,
            other: true,
        })
    }
}
