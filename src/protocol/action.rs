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
    /// Where a redirect leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}
