use std::collections::BTreeMap;
use std::fmt;

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
    /// This SDK: the pack's position in the stream of changes, which is also its `ETag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<ActionsVersion>,
    /// This SDK: what no action touches.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Allowlist::is_empty"
    )]
    pub allowlist: Allowlist,
    /// This SDK: every action is a dry run, whatever it says itself.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub dry_run: bool,
}

/// Where a pack stands in the history of its application's security responses.
///
/// Its text, `<epoch>-<seq>`, is the `ETag` of the pack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionsVersion {
    /// Names the history; another one after a backend lost or restored its data.
    pub epoch: String,
    /// Goes up by one with each change.
    pub seq: u64,
}

impl fmt::Display for ActionsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// What no security response touches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Allowlist {
    /// Addresses and networks.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub ips: Vec<String>,
    /// Beginnings of paths, compared as plain text.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub paths: Vec<String>,
}

impl Allowlist {
    /// Whether it allows nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ips.is_empty() && self.paths.is_empty()
    }
}

/// A line of [`ACTION_STREAM`](super::ACTION_STREAM).
///
/// A line without `reload`, `put` and `lift` is a keepalive, which tells the position. When `seq`
/// is more than one ahead of the agent's, or `epoch` another, the agent loads the whole pack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActionsChange {
    /// The history that the change belongs to.
    pub epoch: String,
    /// The position after the change.
    pub seq: u64,
    /// The whole pack is to be loaded: the allow list, the dry run or too much else has changed.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub reload: bool,
    /// New actions; one whose id is in force takes its place.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub put: Vec<Action>,
    /// Ids of actions that end, before those of `put` begin.
    #[serde(
        default,
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub lift: Vec<String>,
}

/// What an agent enforces, told in its heartbeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ActionsState {
    /// The position of what is in force; `None` before the first pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<ActionsVersion>,
    /// Actions in force.
    pub live: u64,
    /// Why the last pack or change was refused; what was in force before it still is.
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
    /// Whom it concerns.
    pub parameters: ActionParameters,
    /// This SDK: what the action would do is reported, and nothing is done.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub dry_run: bool,
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
    /// Users, each by all of its identifiers, for the user kinds.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub users: Vec<BTreeMap<String, Value>>,
    /// Where a redirect leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// This SDK, for the user kinds: any single identifier of a listed user is enough.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub match_any: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{BeatRequest, LoginResponse};
    use super::*;

    #[test]
    fn old_agents_never_meet_the_additions() {
        let action = Action {
            action_id: "a1".to_owned(),
            action: "block_user".to_owned(),
            parameters: ActionParameters {
                users: vec![BTreeMap::from([("uid".to_owned(), json!("7"))])],
                ..ActionParameters::default()
            },
            ..Action::default()
        };
        let pack = ActionsPack {
            status: Status::OK,
            actions: vec![action],
            ..ActionsPack::default()
        };
        let old = json!({"status": true, "actions": [{
            "action_id": "a1",
            "action": "block_user",
            "duration": null,
            "send_response": false,
            "parameters": {"users": [{"uid": "7"}]},
        }]});
        assert_eq!(serde_json::to_value(&pack).unwrap(), old);
        assert_eq!(serde_json::from_value::<ActionsPack>(old).unwrap(), pack);

        let login = serde_json::to_value(LoginResponse::default()).unwrap();
        let beat = serde_json::to_value(BeatRequest::default()).unwrap();
        for new in ["actions_version", "allowlist", "actions_dry_run"] {
            assert!(login.get(new).is_none(), "{new}");
        }
        assert!(beat.get("actions").is_none());
    }

    #[test]
    fn the_additions_keep_their_names() {
        let pack = json!({
            "status": true,
            "actions": [{
                "action_id": "a1",
                "action": "block_user",
                "duration": 2.5,
                "send_response": true,
                "parameters": {"users": [{"uid": "7"}], "match_any": true},
                "dry_run": true,
            }],
            "version": {"epoch": "e", "seq": 3},
            "allowlist": {"ips": ["10.0.0.0/8"], "paths": ["/health"]},
            "dry_run": true,
        });
        let parsed: ActionsPack = serde_json::from_value(pack.clone()).unwrap();
        assert!(parsed.dry_run && parsed.actions[0].dry_run);
        assert!(parsed.actions[0].parameters.match_any);
        assert_eq!(parsed.version.as_ref().unwrap().to_string(), "e-3");
        assert_eq!(serde_json::to_value(parsed).unwrap(), pack);

        let login = json!({
            "actions_version": {"epoch": "e", "seq": 3},
            "allowlist": {"ips": ["::1"]},
            "actions_dry_run": true,
        });
        let parsed: LoginResponse = serde_json::from_value(login.clone()).unwrap();
        let written = serde_json::to_value(parsed).unwrap();
        for (name, value) in login.as_object().unwrap() {
            assert_eq!(written[name], *value);
        }

        let state = json!({"version": {"epoch": "e", "seq": 3}, "live": 4, "error": "no"});
        let beat = json!({"actions": state});
        let parsed: BeatRequest = serde_json::from_value(beat).unwrap();
        assert_eq!(serde_json::to_value(parsed).unwrap()["actions"], state);
    }

    #[test]
    fn a_change_is_one_short_line() {
        let keepalive = r#"{"epoch":"e","seq":4}"#;
        let change: ActionsChange = serde_json::from_str(keepalive).unwrap();
        assert_eq!(serde_json::to_string(&change).unwrap(), keepalive);
        let change = json!({"epoch": "e", "seq": 5, "reload": true, "lift": ["a1"], "put": [
            {"action_id": "a2", "action": "block_ip", "duration": null, "send_response": true,
             "parameters": {"ip_cidr": ["192.0.2.1"]}},
        ]});
        let parsed: ActionsChange = serde_json::from_value(change.clone()).unwrap();
        assert_eq!(serde_json::to_value(parsed).unwrap(), change);
        serde_json::from_str::<ActionsChange>(r#"{"seq":5}"#).unwrap_err();
    }
}
