//! Actions for the scripted backend.

use serde_json::Value;
use sqreen::protocol::{
    ACTION_STREAM, Action, ActionParameters, ActionsChange, ActionsPack, ActionsVersion, Status,
};

use super::support::Backend;

pub(crate) fn block_ip(id: &str, network: &str) -> Action {
    Action {
        action_id: id.to_owned(),
        action: "block_ip".to_owned(),
        send_response: true,
        parameters: ActionParameters {
            ip_cidr: vec![network.to_owned()],
            ..ActionParameters::default()
        },
        ..Action::default()
    }
}

#[cfg(feature = "axum")]
pub(crate) fn redirect_ip(id: &str, network: &str, url: &str) -> Action {
    let mut action = block_ip(id, network);
    action.action = "redirect_ip".to_owned();
    action.parameters.url = Some(url.to_owned());
    action
}

pub(crate) fn block_user(id: &str, identifiers: &[(&str, &str)]) -> Action {
    let pairs = identifiers.iter();
    let user = pairs.map(|(key, value)| ((*key).to_owned(), Value::from(*value)));
    Action {
        action_id: id.to_owned(),
        action: "block_user".to_owned(),
        send_response: true,
        parameters: ActionParameters {
            users: vec![user.collect()],
            ..ActionParameters::default()
        },
        ..Action::default()
    }
}

pub(crate) fn version(seq: u64) -> ActionsVersion {
    ActionsVersion {
        epoch: "e1".to_owned(),
        seq,
    }
}

/// A backend whose logins bring these actions, at position 0 of a stream.
pub(crate) async fn start(actions: Vec<Action>) -> Backend {
    let backend = Backend::start().await;
    {
        let mut seen = backend.seen();
        seen.login.actions = actions;
        seen.login.actions_version = Some(version(0));
        let additions = seen.login.features.sqreen_rs.as_mut().unwrap();
        additions.action_stream = Some(ACTION_STREAM.to_owned());
    }
    backend
}

#[cfg(feature = "axum")]
pub(crate) fn change(seq: u64, put: Vec<Action>, lift: &[&str]) -> ActionsChange {
    ActionsChange {
        epoch: "e1".to_owned(),
        seq,
        put,
        lift: lift.iter().copied().map(str::to_owned).collect(),
        ..ActionsChange::default()
    }
}

/// A pack, and its `ETag`.
#[cfg(feature = "axum")]
pub(crate) fn pack(version: ActionsVersion, actions: Vec<Action>) -> (String, Vec<u8>) {
    let tag = format!("\"{}-{}\"", version.epoch, version.seq);
    let pack = ActionsPack {
        status: Status::OK,
        actions,
        version: Some(version),
        ..ActionsPack::default()
    };
    (tag, serde_json::to_vec(&pack).unwrap())
}
