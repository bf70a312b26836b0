//! The session with the backend: login, heartbeat, logout.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderValue;
use serde::Deserialize;

use super::queue::Cut;
use super::transport::{
    CallError, MAX_PACK, Payload, Transport, login_headers, parse, session_headers,
};
use crate::config::Config;
use crate::protocol::{
    self, APP_BEAT, APP_LOGIN, APP_LOGOUT, ActionsPack, ActionsState, BeatRequest, BeatResponse,
    Capabilities, Command, CommandResult, Features, LoginRequest, LoginResponse, Outcomes, Status,
    Timestamp, VariousInfos,
};

pub(super) const DEFAULT_BATCH_SIZE: usize = 512;
const DEFAULT_HEARTBEAT: Duration = Duration::from_secs(60);
const DEFAULT_STALENESS: Duration = Duration::from_millis(500);
/// What a server may ask for; beyond it, an answer is a mistake or hostile.
const MAX_HEARTBEAT: u64 = 3_600;
const MAX_BATCH_SIZE: u64 = 100_000;
/// Most command results that wait for a heartbeat.
const MAX_RESULTS: usize = 256;

/// What governs the flusher: the app's own settings, else the server's, else the defaults.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) heartbeat: Duration,
    pub(super) batch_size: usize,
    pub(super) batch_bytes: usize,
    pub(super) max_staleness: Duration,
    pub(super) response_wait: Duration,
    pub(super) encoding: Option<&'static str>,
    pub(super) verdicts: bool,
}

impl Settings {
    pub(super) fn new(config: &Config, features: Option<&Features>) -> Self {
        let seconds = |of: fn(&Features) -> Option<u64>, max| {
            let seconds = features.and_then(of).filter(|s| (1..=max).contains(s));
            seconds.map(Duration::from_secs)
        };
        let batch_size = features.and_then(|f| f.batch_size);
        let batch_size = batch_size.filter(|size| (1..=MAX_BATCH_SIZE).contains(size));
        let additions = features.and_then(|f| f.sqreen_rs.as_ref());
        let offered =
            |name: &str| additions.is_some_and(|a| a.compression.iter().any(|c| c == name));
        Self {
            heartbeat: config
                .heartbeat
                .or_else(|| seconds(|f| f.heartbeat_delay, MAX_HEARTBEAT))
                .unwrap_or(DEFAULT_HEARTBEAT),
            batch_size: config
                .batch_size
                .or_else(|| batch_size.and_then(|size| size.try_into().ok()))
                .unwrap_or(DEFAULT_BATCH_SIZE),
            batch_bytes: config.batch_bytes,
            max_staleness: config
                .max_staleness
                .or_else(|| seconds(|f| f.max_staleness, MAX_HEARTBEAT))
                .unwrap_or(DEFAULT_STALENESS),
            response_wait: config.response_wait,
            encoding: super::batch::ENCODINGS
                .into_iter()
                .find(|name| offered(name)),
            verdicts: additions.is_some_and(|additions| additions.verdicts),
        }
    }

    pub(super) const fn cut(&self) -> Cut {
        Cut {
            events: self.batch_size,
            bytes: self.batch_bytes,
            response_wait: self.response_wait,
        }
    }
}

/// An open session.
#[derive(Debug)]
pub(super) struct Session {
    key: HeaderValue,
    /// Results of commands, for the next heartbeat.
    results: BTreeMap<String, CommandResult>,
    /// Whether a command asks for the actions to be loaded.
    reload_actions: bool,
}

/// What a login brings.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) session: Session,
    pub(super) features: Features,
    /// The actions in force, or why they cannot be used.
    pub(super) pack: Result<Box<ActionsPack>, String>,
}

/// A login's answer without what can make it unusable.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct BareLogin {
    status: Status,
    session_id: String,
    features: Features,
    commands: Vec<Command>,
}

impl Session {
    pub(super) async fn open(
        config: &Config,
        transport: &Transport,
        instance: &str,
    ) -> Result<Opened, CallError> {
        let body = payload(&login_request(config, instance))?;
        let headers = login_headers(config);
        let answer = transport.answer(APP_LOGIN, headers, Some(body), MAX_PACK);
        let answer = match answer.await {
            // Some backends refuse a token with 403.
            Err(CallError::Refused(http::StatusCode::FORBIDDEN)) => {
                return Err(CallError::Unauthorized);
            }
            answer => answer?,
        };
        let (login, pack) = read_login(&answer)?;
        if login.status != Status::OK {
            return Err(CallError::Unauthorized);
        }
        let key = HeaderValue::from_str(&login.session_id).ok();
        let key = key.filter(|key| !key.is_empty());
        let mut key = key.ok_or_else(|| CallError::Network("its login has no session".into()))?;
        key.set_sensitive(true);
        let mut session = Self {
            key,
            results: BTreeMap::new(),
            reload_actions: false,
        };
        session.run(login.commands);
        Ok(Opened {
            session,
            features: login.features,
            pack,
        })
    }

    pub(super) const fn key(&self) -> &HeaderValue {
        &self.key
    }

    /// Whether a command asked for the actions to be loaded since the last time.
    pub(super) const fn take_reload(&mut self) -> bool {
        std::mem::replace(&mut self.reload_actions, false)
    }

    pub(super) fn headers(&self) -> http::HeaderMap {
        session_headers(&self.key)
    }

    pub(super) async fn beat(
        &mut self,
        transport: &Transport,
        outcomes: Outcomes,
        actions: Option<ActionsState>,
    ) -> Result<(), CallError> {
        let beat = BeatRequest {
            command_results: self.results.clone(),
            metrics: Vec::new(),
            outcomes: Some(outcomes),
            actions,
        };
        let body = payload(&beat)?;
        let answer = transport.call(APP_BEAT, self.headers(), Some(body)).await;
        let answer: BeatResponse = answer?;
        self.results.clear();
        self.run(answer.commands);
        Ok(())
    }

    pub(super) async fn close(self, transport: &Transport) -> Result<(), CallError> {
        let answer = transport.call(APP_LOGOUT, self.headers(), None).await;
        answer.map(|_: serde_json::Value| ())
    }

    /// Answers commands. Those for the old agents' engine have nothing to do here; the results
    /// say so.
    fn run(&mut self, commands: Vec<Command>) {
        for command in commands {
            let (status, output) = match command.name.as_str() {
                "instrumentation_enable" | "rules_reload" => (Status::OK, ""),
                "actions_reload" => {
                    self.reload_actions = true;
                    (Status::OK, "")
                }
                _ => (Status(false), "unknown command"),
            };
            if self.results.len() < MAX_RESULTS {
                let result = CommandResult {
                    status,
                    output: output.into(),
                    ..CommandResult::default()
                };
                self.results.insert(command.uuid, result);
            }
        }
    }
}

/// Takes a login even if its actions are malformed: they are refused, and events flow.
fn read_login(answer: &[u8]) -> Result<(BareLogin, Result<Box<ActionsPack>, String>), CallError> {
    match parse::<LoginResponse>(answer) {
        Ok(login) => {
            let pack = ActionsPack {
                status: Status::OK,
                actions: login.actions,
                version: login.actions_version,
                allowlist: login.allowlist,
                dry_run: login.actions_dry_run,
            };
            let login = BareLogin {
                status: login.status,
                session_id: login.session_id,
                features: login.features,
                commands: login.commands,
            };
            Ok((login, Ok(Box::new(pack))))
        }
        Err(error) => parse(answer).map(|login| (login, Err(error.to_string()))),
    }
}

pub(super) fn payload(body: &impl serde::Serialize) -> Result<Payload, CallError> {
    let bytes = serde_json::to_vec(body);
    let bytes = bytes.map_err(|error| CallError::Network(format!("cannot be told: {error}")))?;
    Ok(Payload::json(bytes))
}

fn login_request(config: &Config, instance: &str) -> LoginRequest {
    LoginRequest {
        agent_type: "rust".to_owned(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        os_type: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        hostname: config.hostname.clone(),
        environment: config.environment.clone(),
        various_infos: VariousInfos {
            time: Some(Timestamp::now().to_string()),
            pid: Some(std::process::id().into()),
            name: process_name(),
            ..VariousInfos::default()
        },
        instance: Some(instance.to_owned()),
        capabilities: Some(Capabilities {
            version: protocol::VERSION,
            compression: super::batch::ENCODINGS.map(str::to_owned).into(),
            action_stream: !config.ignore_actions,
            ids: true,
            heartbeat_delay: config.heartbeat.map(|delay| delay.as_secs()),
        }),
        ..LoginRequest::default()
    }
}

fn process_name() -> Option<String> {
    let path = std::env::current_exe().ok()?;
    Some(path.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_is_a_minute_unless_the_server_or_the_app_says_otherwise() {
        let heartbeat = |config: crate::ConfigBuilder, delay| {
            let features = Features {
                heartbeat_delay: delay,
                ..Features::default()
            };
            Settings::new(&config.build().unwrap(), Some(&features)).heartbeat
        };
        let seconds = Duration::from_secs;
        let unset = Config::builder();
        assert_eq!(heartbeat(unset.clone(), None), seconds(60));
        assert_eq!(heartbeat(unset.clone(), Some(30)), seconds(30));
        assert_eq!(heartbeat(unset, Some(0)), seconds(60), "no delay at all");
        let set = Config::builder().heartbeat(seconds(5));
        assert_eq!(heartbeat(set, Some(30)), seconds(5));
    }
}
