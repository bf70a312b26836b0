//! Login, heartbeat, logout, and what agents ask for or tell besides events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqreen::protocol::{
    ACTION_STREAM, ActionsState, BeatRequest, BeatResponse, Capabilities, CommandResult, Features,
    LoginRequest, LoginResponse, SqreenRsFeatures, Status,
};

use super::actions::with_actions;
use super::answer::{self, Refusal};
use super::body::{Body, ENCODINGS};
use super::events;
use super::rules::RulePack;
use super::session::{Session, Token, cut, key};
use crate::actions::{Actions, Audience};
use crate::server::App;
use crate::sessions::Agent;

/// Seconds between the heartbeats of agents whose application says nothing else; this project's SDK has the same default.
const HEARTBEAT: u64 = 60;
/// The longest that an agent may say. By then, one that was not heard has been taken for ended.
const MAX_HEARTBEAT: u64 = 3_600;
/// The most bytes of each text that is kept of a login.
const MAX_TEXT: usize = 256;
/// The most results of commands that are logged of a heartbeat.
const MAX_RESULTS: usize = 16;

pub(super) async fn ping() -> Response {
    answer::ok()
}

pub(super) async fn login(
    State(app): State<App>,
    token: Token,
    body: Body,
) -> Result<Response, Refusal> {
    let (login, _) = body.read(&app, |login: LoginRequest| login).await?;
    let features = features(&login);
    let keep = |text: &str| Some(cut(text, MAX_TEXT).to_owned()).filter(|text| !text.is_empty());
    let label = format!("{}/{}", login.agent_type, login.agent_version);
    let agent = Agent {
        app: token.app,
        hostname: keep(&login.hostname),
        instance: login.instance.as_deref().and_then(keep),
        environment: login.environment.as_deref().and_then(keep),
        process: login.various_infos.pid,
        agent_type: cut(&login.agent_type, MAX_TEXT).to_owned(),
        agent_version: cut(&login.agent_version, MAX_TEXT).to_owned(),
        label: keep(&label).filter(|label| label != "/"),
        rules: RulePack::of(&login),
        capable: login.capabilities.is_some(),
        delivery: Arc::default(),
        heartbeat: heartbeat(&login),
        revocation: token.revocation,
    };
    tracing::info!(
        app = agent.app,
        host = agent.hostname,
        agent = agent.label,
        "agent logged in"
    );
    let audience = agent.audience();
    let pack = app.actions.pack(&agent.app, audience);
    agent.delivery.tell(pack.told);
    let rules = agent.rules;
    let mut answer = LoginResponse {
        status: Status::OK,
        session_id: app.sessions.open(agent).map_err(no_random)?,
        features,
        pack_id: rules.id().to_owned(),
        rules: rules.rules(),
        ..LoginResponse::default()
    };
    match audience {
        Audience::Sdk => {
            answer.actions_version = Some(pack.version.clone());
            answer.allowlist = pack.allowlist.clone();
            answer.actions_dry_run = pack.dry_run;
        }
        Audience::Legacy => {
            answer.commands = Actions::login_commands(&pack.allowlist).map_err(no_random)?;
        }
    }
    with_actions(&answer, pack, audience)
}

fn heartbeat(login: &LoginRequest) -> Duration {
    let capabilities = login.capabilities.as_ref();
    let chosen = capabilities.and_then(|capabilities| capabilities.heartbeat_delay);
    Duration::from_secs(chosen.map_or(HEARTBEAT, |delay| delay.clamp(1, MAX_HEARTBEAT)))
}

fn features(login: &LoginRequest) -> Features {
    if let Some(capabilities) = &login.capabilities {
        return Features {
            sqreen_rs: Some(additions(capabilities)),
            ..Features::default()
        };
    }
    Features {
        // Node's `collect_body` fails without signals.
        use_signals: (login.agent_type == "nodejs").then_some(true),
        batch_size: Some(100),
        // Python needs a multiple of 10.
        max_staleness: Some(10),
        heartbeat_delay: Some(HEARTBEAT),
        ..Features::default()
    }
}

fn additions(capabilities: &Capabilities) -> SqreenRsFeatures {
    let offered = |encoding: &&str| {
        capabilities
            .compression
            .iter()
            .any(|offer| offer == encoding)
    };
    SqreenRsFeatures {
        compression: ENCODINGS
            .into_iter()
            .filter(offered)
            .map(str::to_owned)
            .collect(),
        action_stream: capabilities.action_stream.then(|| ACTION_STREAM.to_owned()),
        verdicts: true,
    }
}

pub(super) async fn beat(
    State(app): State<App>,
    Session(agent): Session,
    body: Result<Body, Refusal>,
) -> Result<Json<BeatResponse>, Refusal> {
    let read = async || body?.read(&app, |beat: BeatRequest| beat).await;
    let (beat, _) = read()
        .await
        .inspect_err(|refusal| events::lost(&app, &agent, refusal))?;
    events::counts(&app, &agent, &beat.metrics).await?;
    log_results(&agent, &beat.command_results);
    if let Some(state) = beat.actions {
        report(&agent, state);
    }
    if let Some(mut outcomes) = beat.outcomes {
        // What the login said counts: a heartbeat cannot speak for another instance.
        if let Some(instance) = &agent.instance {
            outcomes.instance.clone_from(instance);
        }
        app.ledger.take(&agent, outcomes);
    }
    let commands = app
        .actions
        .commands(&agent.app, agent.audience(), &agent.delivery);
    Ok(Json(BeatResponse {
        status: Status::OK,
        commands: commands.map_err(no_random)?,
    }))
}

/// Logs what commands came to.
fn log_results(agent: &Agent, results: &BTreeMap<String, CommandResult>) {
    for (uuid, result) in results.iter().take(MAX_RESULTS) {
        let output = result.output.to_string();
        let (uuid, output) = (cut(uuid, MAX_TEXT), cut(&output, MAX_TEXT));
        let (app, host, agent) = (&agent.app, &agent.hostname, &agent.label);
        if result.status.0 {
            tracing::info!(app, host, agent, uuid, output, "command carried out");
        } else {
            tracing::warn!(app, host, agent, uuid, output, "command failed");
        }
    }
}

/// Keeps what the agent says of its security responses.
fn report(agent: &Agent, mut state: ActionsState) {
    state.error = state.error.map(|error| cut(&error, MAX_TEXT).to_owned());
    if let Some(error) = agent.delivery.report(state) {
        let (app, host, agent) = (&agent.app, &agent.hostname, &agent.label);
        tracing::warn!(app, host, agent, error, "agent refused security responses");
    }
}

fn no_random(error: impl std::fmt::Display) -> Refusal {
    tracing::error!(%error, "no random bytes");
    Refusal::Unavailable("the server has no random bytes now".to_owned())
}

pub(super) async fn logout(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
) -> Response {
    if let Some(key) = key(&headers) {
        app.sessions.close(key);
        tracing::info!(app = agent.app, host = agent.hostname, "agent logged out");
    }
    answer::ok()
}

pub(super) async fn rules_pack(Session(agent): Session) -> Response {
    let (id, rules) = (agent.rules.id(), agent.rules.rules());
    Json(json!({"status": true, "pack_id": id, "rules": rules})).into_response()
}

/// Questions of Node that its commands alone lead to.
pub(super) async fn nothing(_: Session) -> Response {
    answer::ok()
}
