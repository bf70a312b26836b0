//! `GET /api/v1/apps`: what the server knows of the applications.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sqreen::protocol::Timestamp;

use super::READ;
use super::openapi::{Described, Operation, Tag, Time};
use super::problem::Problem;
use super::tokens::TokenView;
use crate::apps::{Application, Overview, OverviewError, overview};
use crate::ingest::RefusedFrom;
use crate::routes::get;
use crate::server::{App, scanning};
use crate::sessions::LoggedIn;

pub(super) fn routes() -> Vec<Described> {
    vec![
        get("/api/v1/apps", READ, list).described(
            Operation::new(
                Tag::Server,
                "listApps",
                "The applications, the agents that are logged in, and the tokens without their texts",
            )
            .answer::<Apps>(200, "What is known now"),
        ),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Apps {
    apps: Vec<AppView>,
    /// The agents that are logged in, the last heard first.
    agents: Vec<AgentView>,
    /// How many requests of agents were refused since the server started, since they had no token, or one that is not
    /// known or was revoked.
    refused_requests: u64,
    /// Where the last of them came from, the last first; at most 100 addresses.
    refused: Vec<RefusedView>,
    /// The newest first, revoked ones too.
    tokens: Vec<TokenView>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "App")]
struct AppView {
    name: String,
    /// How many agents are connected: logged in, and not silent.
    agents: u64,
    /// How many seconds ago the last agent was heard; `null` if none is logged in.
    heard_s_ago: Option<u64>,
    /// The events of the last 24 hours.
    events_24h: u64,
    /// When the newest of them happened.
    #[schemars(with = "Option<Time>")]
    last_event_at: Option<Timestamp>,
}

/// An agent that is logged in.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Agent")]
struct AgentView {
    app: String,
    host: Option<String>,
    /// `type/version`.
    version: Option<String>,
    environment: Option<String>,
    /// The id of its process.
    process: Option<u64>,
    heard_s_ago: u64,
    /// Whether it has missed two heartbeats: it has ended, or is cut off. After an hour it is no longer listed.
    silent: bool,
}

/// The requests of one address that were refused for their token.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RefusedAgent")]
struct RefusedView {
    /// `null` where the server was not told of its connections.
    ip: Option<IpAddr>,
    /// The application that the last of them named; anybody may name any.
    app: Option<String>,
    requests: u64,
    #[schemars(with = "Time")]
    last_at: Timestamp,
}

impl From<RefusedFrom> for RefusedView {
    fn from(from: RefusedFrom) -> Self {
        let RefusedFrom {
            ip,
            app,
            requests,
            last,
        } = from;
        Self {
            ip,
            app,
            requests,
            last_at: Timestamp::from_micros(last),
        }
    }
}

impl AppView {
    fn new(name: String, app: &Application) -> Self {
        let events = app.events.as_ref();
        Self {
            name,
            agents: app.agents,
            heard_s_ago: app.silence.as_ref().map(Duration::as_secs),
            events_24h: events.map_or(0, |events| events.events),
            last_event_at: events.map(|events| Timestamp::from_micros(events.last)),
        }
    }
}

impl AgentView {
    fn new(logged_in: &LoggedIn) -> Self {
        let LoggedIn { agent, silence } = logged_in;
        Self {
            app: agent.app.clone(),
            host: agent.hostname.clone(),
            version: agent.label.clone(),
            environment: agent.environment.clone(),
            process: agent.process,
            heard_s_ago: silence.as_secs(),
            silent: logged_in.is_silent(),
        }
    }
}

impl From<OverviewError> for Problem {
    fn from(error: OverviewError) -> Self {
        match error {
            OverviewError::State(error) => error.into(),
            OverviewError::Store(error) => error.into(),
        }
    }
}

async fn list(State(app): State<App>) -> Result<Json<Apps>, Problem> {
    let shared = Arc::clone(&app);
    let Overview {
        apps,
        agents,
        refused: (refused_requests, refused),
        tokens,
    } = scanning(move |monitor| Ok(overview(&shared, monitor))).await??;
    let apps = apps.into_iter().map(|(name, app)| AppView::new(name, &app));
    let agents = agents.iter().map(AgentView::new);
    Ok(Json(Apps {
        apps: apps.collect(),
        agents: agents.collect(),
        refused_requests,
        refused: refused.into_iter().map(RefusedView::from).collect(),
        tokens: tokens.into_iter().map(TokenView::from).collect(),
    }))
}
