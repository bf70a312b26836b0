//! Login, heartbeat, logout, and what agents ask for or tell besides events.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use sqreen::protocol::{
    ActionsPack, BeatRequest, BeatResponse, Capabilities, Features, HEADER_SESSION_KEY,
    LoginRequest, LoginResponse, SqreenRsFeatures, Status,
};

use super::answer::{self, Refusal};
use super::body::{Body, ENCODINGS};
use super::session::{Session, Token, cut};
use crate::server::{App, blocking};
use crate::sessions::Agent;

/// The most bytes of each text that is kept of a login.
const MAX_TEXT: usize = 256;

pub(super) async fn ping() -> Response {
    answer::ok()
}

pub(super) async fn login(
    State(app): State<App>,
    token: Token,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<LoginResponse>, Refusal> {
    let login: LoginRequest = Body::new(&headers, bytes)?.parse()?;
    let features = features(&login);
    let keep = |text: &str| Some(cut(text, MAX_TEXT).to_owned()).filter(|text| !text.is_empty());
    let label = format!("{}/{}", login.agent_type, login.agent_version);
    let agent = Agent {
        app: token.app,
        hostname: keep(&login.hostname),
        instance: login.instance.as_deref().and_then(keep),
        agent_type: cut(&login.agent_type, MAX_TEXT).to_owned(),
        label: keep(&label).filter(|label| label != "/"),
        capable: login.capabilities.is_some(),
    };
    tracing::info!(
        app = agent.app,
        host = agent.hostname,
        agent = agent.label,
        "agent logged in"
    );
    let session_id = app.sessions.open(agent).map_err(|error| {
        tracing::error!(%error, "no random bytes for a session");
        Refusal::Unavailable("no session can be opened now".to_owned())
    })?;
    Ok(Json(LoginResponse {
        status: Status::OK,
        session_id,
        features,
        ..LoginResponse::default()
    }))
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
        heartbeat_delay: Some(60),
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
        action_stream: None,
        verdicts: true,
    }
}

pub(super) async fn beat(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
    bytes: Result<Bytes, BytesRejection>,
) -> Result<Json<BeatResponse>, Refusal> {
    let beat: BeatRequest = Body::new(&headers, bytes)?.parse()?;
    if let Some(mut outcomes) = beat.outcomes {
        // What the login said counts: a heartbeat cannot speak for another instance.
        if let Some(instance) = &agent.instance {
            outcomes.instance.clone_from(instance);
        }
        let shared = Arc::clone(&app);
        let agent = Arc::clone(&agent);
        let taken = blocking(move || {
            let host = agent.hostname.as_deref().unwrap_or_default();
            shared.ledger.take(&agent.app, host, outcomes)
        });
        // The next heartbeat brings the same totals again, so a failure here loses nothing.
        if let Err(error) = taken.await? {
            tracing::error!(%error, "outcome ledger not written");
        }
    }
    Ok(Json(BeatResponse {
        status: Status::OK,
        commands: Vec::new(),
    }))
}

pub(super) async fn logout(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
) -> Response {
    let key = headers
        .get(HEADER_SESSION_KEY)
        .and_then(|key| key.to_str().ok());
    if let Some(key) = key {
        app.sessions.close(key.trim());
        tracing::info!(app = agent.app, host = agent.hostname, "agent logged out");
    }
    answer::ok()
}

pub(super) async fn actions_pack(_: Session) -> Json<ActionsPack> {
    Json(ActionsPack {
        status: Status::OK,
        ..ActionsPack::default()
    })
}

pub(super) async fn rules_pack(_: Session) -> Response {
    Json(json!({"status": true, "pack_id": "", "rules": []})).into_response()
}

/// Takes what old agents tell besides events, and keeps nothing of it.
pub(super) async fn ignored(uri: Uri, session: Session) -> Response {
    tracing::debug!(path = uri.path(), app = session.0.app, "ignored");
    answer::ok()
}
