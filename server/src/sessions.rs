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
    /// The time between its heartbeats.
    pub(crate) heartbeat: Duration,
    /// Of the token that it showed.
    pub(crate) revocation: Revocation,
}

/// An agent that is logged in.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) agent: Arc<Agent>,
    /// How long ago it last sent something.
    pub(crate) silence: Duration,
}

impl LoggedIn {
    /// Allows for a slow network.
    const DELAY: Duration = Duration::from_secs(10);

    /// Whether it has missed two heartbeats, so that it has ended or is cut off.
    pub(crate) fn is_silent(&self) -> bool {
        let due = self.agent.heartbeat.saturating_mul(2);
        self.silence > due.saturating_add(Self::DELAY)
    }
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
    /// When it last sent something.
    heard: Instant,
    /// The same, or when a stream was last open to it: who listens stays logged in.
    alive: Instant,
}

impl Session {
    /// Whether it has neither been silent for too long nor lost its token.
    fn is_live(&self, now: Instant, silence: Duration) -> bool {
        now.duration_since(self.alive) < silence && !self.agent.revocation.is_revoked()
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
            alive: now,
        };
        let mut live = self.lock();
        if live.len() >= self.limit {
            live.retain(|_, session| session.is_live(now, self.silence));
        }
        if live.len() >= self.limit {
            let silent = live.iter().min_by_key(|(_, session)| session.alive);
            if let Some(key) = silent.map(|(key, _)| key.clone()) {
                live.remove(&key);
            }
        }
        live.insert(key.clone(), session);
        Ok(key)
    }

    /// The agent of a live session, which has sent something.
    pub(crate) fn hear(&self, key: &str) -> Option<Arc<Agent>> {
        self.with(key, |session, now| {
            session.heard = now;
            Arc::clone(&session.agent)
        })
    }

    /// Notes that a stream to the agent is open. `None` if its session has ended.
    ///
    /// It is no sign that the agent runs: the system takes what is written for a process that is stopped, or for a
    /// machine that is off.
    pub(crate) fn keep(&self, key: &str) -> Option<()> {
        self.with(key, |_, _| ())
    }

    fn with<T>(&self, key: &str, act: impl FnOnce(&mut Session, Instant) -> T) -> Option<T> {
        let now = Instant::now();
        let mut live = self.lock();
        let session = live.get_mut(key)?;
        if !session.is_live(now, self.silence) {
            live.remove(key);
            return None;
        }
        session.alive = now;
        Some(act(session, now))
    }

    /// Agents that are logged in, `limit` at most: the longest silent first.
    pub(crate) fn agents(&self, limit: usize) -> Vec<LoggedIn> {
        let now = Instant::now();
        let live = self.lock();
        let sessions = live
            .values()
            .filter(|session| session.is_live(now, self.silence));
        let agents = sessions.map(|session| LoggedIn {
            agent: Arc::clone(&session.agent),
            silence: now.duration_since(session.heard),
        });
        let mut agents: Vec<_> = agents.collect();
        drop(live);
        agents.sort_by_key(|agent| std::cmp::Reverse(agent.silence));
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

    /// Lets time pass: all agents were heard that much longer ago.
    #[cfg(test)]
    fn pass(&self, time: Duration) {
        for session in self.lock().values_mut() {
            session.heard = session.heard.checked_sub(time).unwrap();
            session.alive = session.alive.checked_sub(time).unwrap();
        }
    }

    pub(crate) fn close(&self, key: &str) {
        self.lock().remove(key);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
