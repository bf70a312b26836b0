use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::beat::Status;
use super::lenient;

/// Answer of [`ACTIONS_PACK`](super::ACTIONS_PACK): all security responses in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionsPack {
    /// Whether the pack can be used.
    pub status: Status,
    /// The whole pack; it replaces the one before.
    pub actions: Vec<Action>,
    /// This SDK: which state of the actions the pack is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<ActionsVersion>,
    /// This SDK: what no action concerns. Old agents are told by commands.
    #[serde(skip_serializing_if = "Allowlist::is_empty")]
    pub allowlist: Allowlist,
    /// This SDK: whether all actions are reported only, and nothing is stopped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// Which state of an app's security responses the backend or an agent has.
///
/// Positions of two epochs cannot be compared; within one, each change adds one to `seq`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionsVersion {
    /// A random name that the backend takes whenever its positions may have started anew.
    pub epoch: String,
    /// How many changes there were in this epoch.
    pub seq: u64,
}

/// What no security response concerns; it wins over all actions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Allowlist {
    /// Addresses and networks.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ips: Vec<String>,
    /// Prefixes of request paths.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub paths: Vec<String>,
}

impl Allowlist {
    /// Whether it lists nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ips.is_empty() && self.paths.is_empty()
    }
}

/// One line of [`ACTION_STREAM`](super::ACTION_STREAM): where the stream is, and what changed.
///
/// Without `reload`, `put` and `lift` it tells that the stream lives, and its position.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionsChange {
    /// The epoch of `seq`, see [`ActionsVersion`].
    pub epoch: String,
    /// The position after this line.
    pub seq: u64,
    /// Whether the changes up to `seq` are to be had from
    /// [`ACTIONS_PACK`](super::ACTIONS_PACK) alone.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reload: bool,
    /// Actions that are new, or replace the one of their id.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub put: Vec<Action>,
    /// Ids of actions that are no longer in force.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub lift: Vec<String>,
}

/// What an agent says of its security responses in the heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionsState {
    /// The state it enforces; `None` if it has none of this backend's.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "Option::is_none"
    )]
    pub version: Option<ActionsVersion>,
    /// How many of its actions have not expired.
    pub live: u64,
    /// Why it refused the last pack or change, and enforces the one before; or why it refused one since the heartbeat
    /// before, though a good one has come since.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<String>,
}

/// A security response.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Action {
    /// Names the action in the events that report it.
    pub action_id: String,
    /// `block_ip`, `redirect_ip`, `block_user` or `redirect_user`.
    pub action: String,
    /// Seconds left from its reception; `None` is unlimited.
    pub duration: Option<f64>,
    /// Whether each application is reported.
    #[serde(deserialize_with = "lenient::or_default")]
    pub send_response: bool,
    /// This SDK: whether it is reported only, and nothing is stopped. Old agents never see one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Whom it concerns.
    pub parameters: ActionParameters,
}

/// Whom a security response concerns.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionParameters {
    /// Addresses and networks, for the IP kinds.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ip_cidr: Vec<String>,
    /// User identifiers, for the user kinds.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub users: Vec<BTreeMap<String, Value>>,
    /// This SDK, user kinds: whether one identifier of a listed user is enough, where all must be
    /// the same otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub match_any: bool,
    /// Where a redirect leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
