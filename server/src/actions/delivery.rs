//! What each agent has been told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;
use sqreen::protocol::{ActionsState, Allowlist, Command};

use super::service::{Actions, Live, now};
use super::wire::Audience;
use crate::state::{Id, StateError};

/// How far an agent has been told of the changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Changes of the pack.
    pack: u64,
    /// Changes of the allow list; the SDK has them with the pack.
    ips: u64,
    paths: u64,
}

impl Told {
    pub(super) fn of(live: &Live, app: &str, audience: Audience) -> Self {
        match audience {
            Audience::Sdk => Self {
                pack: live.changes.position(app),
                ips: 0,
                paths: 0,
            },
            Audience::Legacy => Self {
                pack: live.changes.visible(app),
                ips: live.allowed_ips,
                paths: live.allowed_paths,
            },
        }
    }
}

/// The way of security responses to one agent.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    streams: AtomicUsize,
    told: Mutex<Told>,
    reported: Mutex<Option<ActionsState>>,
}

/// An open stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(Arc<Delivery>);

impl Delivery {
    pub(crate) fn open_stream(self: &Arc<Self>) -> OpenStream {
        self.streams.fetch_add(1, Ordering::AcqRel);
        OpenStream(Arc::clone(self))
    }

    pub(crate) fn streams(&self) -> bool {
        self.open_streams() > 0
    }

    /// How many streams are open.
    pub(crate) fn open_streams(&self) -> usize {
        self.streams.load(Ordering::Acquire)
    }

    /// Notes what the agent has been given.
    pub(crate) fn tell(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// Notes what the agent says of itself, and returns its error if it is a new one.
    pub(crate) fn report(&self, state: ActionsState) -> Option<String> {
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let before = reported.as_ref().and_then(|state| state.error.as_deref());
        let news = state
            .error
            .clone()
            .filter(|error| Some(error.as_str()) != before);
        *reported = Some(state);
        news
    }

    pub(crate) fn reported(&self) -> Option<ActionsState> {
        self.reported
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Actions {
    /// What an agent is to be ordered at its heartbeat: each change once. An open stream tells the agent itself.
    pub(crate) fn commands(
        &self,
        app: &str,
        audience: Audience,
        delivery: &Delivery,
    ) -> Result<Vec<Command>, StateError> {
        let (now, allowlist) = {
            let live = self.live(now());
            (Told::of(&live, app, audience), live.allowlist.clone())
        };
        let before = {
            let mut told = delivery.told.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *told, now)
        };
        let mut commands = Vec::new();
        if delivery.streams() {
            return Ok(commands);
        }
        if before.ips != now.ips {
            commands.push(command("ips_whitelist", vec![json!(allowlist.ips)])?);
        }
        if before.paths != now.paths {
            commands.push(command("paths_whitelist", vec![json!(allowlist.paths)])?);
        }
        if before.pack != now.pack {
            commands.push(command("actions_reload", Vec::new())?);
        }
        Ok(commands)
    }

    /// What an old agent is to be ordered at its login, beside the pack that it is given.
    pub(crate) fn login_commands(allowlist: &Allowlist) -> Result<Vec<Command>, StateError> {
        // Node and Go record nothing before.
        let mut commands = vec![command("instrumentation_enable", Vec::new())?];
        if !allowlist.ips.is_empty() {
            commands.push(command("ips_whitelist", vec![json!(allowlist.ips)])?);
        }
        if !allowlist.paths.is_empty() {
            commands.push(command("paths_whitelist", vec![json!(allowlist.paths)])?);
        }
        Ok(commands)
    }
}

fn command(name: &str, params: Vec<serde_json::Value>) -> Result<Command, StateError> {
    Ok(Command {
        name: name.to_owned(),
        uuid: format!("{}{}", Id::random()?, Id::random()?),
        params,
    })
}
