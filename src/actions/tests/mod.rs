//! What requests see of packs and changes.

mod lookup;
mod model;
mod refusal;
mod updates;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::error::{PackError, Problem};
use super::hit::ActionKind;
use super::updater::Loaded;
use super::*;
use crate::UserIdentifiers;
use crate::protocol::{Action, ActionsChange, ActionsVersion, Allowlist};

/// An updater, and the time it believes in.
struct Fixture {
    updater: Updater,
    now: Instant,
}

impl Fixture {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            updater: Updater::new(now),
            now,
        }
    }

    fn with(actions: &[Action]) -> Self {
        let mut fixture = Self::new();
        let loaded = fixture.load(actions);
        assert_eq!(loaded, Ok(Loaded { skipped: 0 }));
        fixture
    }

    fn load(&mut self, actions: &[Action]) -> Result<Loaded, PackError> {
        self.load_all(actions, &Allowlist::default(), false)
    }

    fn load_all(
        &mut self,
        actions: &[Action],
        allowlist: &Allowlist,
        dry_run: bool,
    ) -> Result<Loaded, PackError> {
        let pack = Pack {
            actions,
            allowlist,
            dry_run,
            version: Some(&version(1)),
        };
        self.updater.load(pack, self.now)
    }

    /// The next change of the stream.
    fn change(&mut self, put: &[Action], lift: &[&str]) -> Result<Followed, PackError> {
        let seq = self.updater.version().unwrap().seq + 1;
        let change = ActionsChange {
            put: put.to_vec(),
            lift: lift.iter().map(ToString::to_string).collect(),
            ..line(seq)
        };
        self.updater.follow(&change, self.now)
    }

    fn wait(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    /// What an address meets, in short.
    fn ip(&self, ip: &str) -> String {
        let ip: IpAddr = ip.parse().unwrap();
        let enforced: Arc<Enforced> = self.updater.enforced();
        short(enforced.load().by_ip(ip, || self.now))
    }

    /// What a user meets, in short.
    fn user(&self, user: impl Into<UserIdentifiers>) -> String {
        let enforced = self.updater.enforced();
        short(enforced.load().by_user(&user.into(), || self.now))
    }

    fn allows(&self, ip: &str, path: &str) -> bool {
        let ip = ip.parse().ok();
        self.updater.enforced().load().allows(ip, path)
    }

    fn live(&self) -> u64 {
        self.updater.state(self.now).live
    }
}

/// The id of the action, and what is special about it.
fn short(hit: Option<Hit<'_>>) -> String {
    let Some(hit) = hit else {
        return "-".to_owned();
    };
    let mut text = hit.action_id().to_owned();
    if let Some(url) = hit.url() {
        text += " to ";
        text += url;
    }
    if hit.dry_run {
        text += " dry";
    }
    text
}

fn version(seq: u64) -> ActionsVersion {
    ActionsVersion {
        epoch: "e".to_owned(),
        seq,
    }
}

/// A keepalive.
fn line(seq: u64) -> ActionsChange {
    ActionsChange {
        epoch: "e".to_owned(),
        seq,
        ..ActionsChange::default()
    }
}

fn action(value: Value) -> Action {
    serde_json::from_value(value).unwrap()
}

fn block(id: &str, networks: &[&str]) -> Action {
    action(json!({
        "action_id": id, "action": "block_ip", "send_response": true,
        "parameters": {"ip_cidr": networks},
    }))
}

fn redirect(id: &str, networks: &[&str]) -> Action {
    action(json!({
        "action_id": id, "action": "redirect_ip",
        "parameters": {"ip_cidr": networks, "url": "https://example.com/"},
    }))
}

fn block_user(id: &str, users: &Value) -> Action {
    action(json!({
        "action_id": id, "action": "block_user", "parameters": {"users": users},
    }))
}

fn lasting(seconds: f64, action: Action) -> Action {
    Action {
        duration: Some(seconds),
        ..action
    }
}

fn dry(action: Action) -> Action {
    Action {
        dry_run: true,
        ..action
    }
}

fn matching_any(mut action: Action) -> Action {
    action.parameters.match_any = true;
    action
}
