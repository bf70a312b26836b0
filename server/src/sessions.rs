//! The agents that are logged in.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::actions::{Audience, Delivery};
use crate::auth::{Revocation, random_hex};
use crate::ingest::RulePack;

/// What the server knows of an agent since its login.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    pub(crate) app: String,
    pub(crate) hostname: Option<String>,
    /// Identifies the running agent across its sessions; only this project's SDK names it.
    pub(crate) instance: Option<String>,
    /// The environment that the application runs in, such as `production`.
    pub(crate) environment: Option<String>,
    /// The id of the agent's process.
    pub(crate) process: Option<u64>,
    pub(crate) agent_type: String,
    pub(crate) agent_version: String,
    /// `type/version`.
    pub(crate) label: Option<String>,
    /// Whether it understands this project's additions to the protocol.
    pub(crate) capable: bool,
    /// The rules that it is given.
    pub(crate) rules: RulePack,
    pub(crate) delivery: Arc<Delivery>,
    /// Of the token that it showed.
    pub(crate) revocation: Revocation,
}

impl Agent {
    /// Which form of security responses it is given.
    pub(crate) fn audience(&self) -> Audience {
        if self.capable {
            Audience::Sdk
        } else {
            Audience::Legacy
        }
    }
}

/// Sessions live in memory: agents log in again when theirs is unknown.
#[derive(Debug)]
pub(crate) struct Sessions {
    live: Mutex<HashMap<String, Session>>,
    limit: usize,
    silence: Duration,
}

#[derive(Debug)]
struct Session {
    agent: Arc<Agent>,
    heard: Instant,
}

impl Session {
    /// Whether it has neither been silent for too long nor lost its token.
    fn is_live(&self, now: Instant, silence: Duration) -> bool {
        now.duration_since(self.heard) < silence && !self.agent.revocation.is_revoked()
    }
}

impl Sessions {
    /// The most sessions at a time; the longest silent one makes room for another.
    const LIMIT: usize = 20_000;
    /// Agents are heard every 5 minutes at least; one that is silent for so long has ended without logging out.
    const SILENCE: Duration = Duration::from_secs(60 * 60);

    pub(crate) fn new() -> Self {
        Self {
            live: Mutex::default(),
            limit: Self::LIMIT,
            silence: Self::SILENCE,
        }
    }

    /// Opens a session and returns its key.
    pub(crate) fn open(&self, agent: Agent) -> io::Result<String> {
        let key = random_hex()?;
        let now = Instant::now();
        let session = Session {
            agent: Arc::new(agent),
            heard: now,
        };
        let mut live = self.lock();
        if live.len() >= self.limit {
            live.retain(|_, session| session.is_live(now, self.silence));
        }
        if live.len() >= self.limit {
            let silent = live.iter().min_by_key(|(_, session)| session.heard);
            if let Some(key) = silent.map(|(key, _)| key.clone()) {
                live.remove(&key);
            }
        }
        live.insert(key.clone(), session);
        Ok(key)
    }

    /// The agent of a live session.
    pub(crate) fn hear(&self, key: &str) -> Option<Arc<Agent>> {
        let now = Instant::now();
        let mut live = self.lock();
        let session = live.get_mut(key)?;
        if !session.is_live(now, self.silence) {
            live.remove(key);
            return None;
        }
        session.heard = now;
        Some(Arc::clone(&session.agent))
    }

    /// Agents that are logged in, `limit` at most, and for how long each has been silent: the longest silent first.
    pub(crate) fn agents(&self, limit: usize) -> Vec<(Arc<Agent>, Duration)> {
        let now = Instant::now();
        let live = self.lock();
        let sessions = live
            .values()
            .filter(|session| session.is_live(now, self.silence));
        let silences = sessions.map(|session| {
            let silence = now.duration_since(session.heard);
            (Arc::clone(&session.agent), silence)
        });
        let mut agents: Vec<_> = silences.collect();
        drop(live);
        agents.sort_by_key(|(_, silence)| std::cmp::Reverse(*silence));
        agents.truncate(limit);
        agents
    }

    /// How many agents are logged in, and how many streams they have open.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let now = Instant::now();
        let live = self.lock();
        let live = live
            .values()
            .filter(|session| session.is_live(now, self.silence));
        live.fold((0, 0), |(sessions, streams), session| {
            let open = session.agent.delivery.open_streams() as u64;
            (sessions + 1, streams + open)
        })
    }

    pub(crate) fn close(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(app: &str) -> Agent {
        Agent {
            app: app.to_owned(),
            ..Agent::default()
        }
    }

    #[test]
    fn the_longest_silent_session_makes_room() {
        let sessions = Sessions {
            limit: 2,
            ..Sessions::new()
        };
        let first = sessions.open(agent("a")).unwrap();
        let second = sessions.open(agent("b")).unwrap();
        assert!(sessions.hear(&first).is_some());
        let third = sessions.open(agent("c")).unwrap();
        assert!(sessions.hear(&second).is_none());
        assert_eq!(sessions.hear(&first).unwrap().app, "a");
        assert_eq!(sessions.hear(&third).unwrap().app, "c");
    }

    #[test]
    fn a_silent_session_ends() {
        let sessions = Sessions {
            silence: Duration::ZERO,
            ..Sessions::new()
        };
        let key = sessions.open(agent("a")).unwrap();
        assert!(sessions.hear(&key).is_none());
    }
}
