//! What old agents tell besides events: taken, counted by kind, and not kept.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{MethodRouter, post};

use super::answer::{self, Refusal};
use super::body::Body;
use super::ignored::Kinds;
use super::session::{Session, Token};
use crate::server::App;

/// Reports of agents that are logged in.
pub(super) fn of_session(kind: &'static str) -> MethodRouter<App> {
    post(
        async move |State(app): State<App>,
                    Session(agent): Session,
                    body: Result<Body, Refusal>| {
            count(&app, &agent.app, &agent.agent_type, kind, body)
        },
    )
}

/// Reports of agents that cannot log in.
pub(super) fn of_token(kind: &'static str) -> MethodRouter<App> {
    post(
        async move |State(app): State<App>, token: Token, body: Result<Body, Refusal>| {
            count(&app, &token.app, "", kind, body)
        },
    )
}

/// Whatever is in the body: nobody would read it.
fn count(
    app: &App,
    name: &str,
    agent_type: &str,
    kind: &str,
    body: Result<Body, Refusal>,
) -> Result<Response, Refusal> {
    if let Err(refusal @ Refusal::Slow(_)) = body {
        return Err(refusal);
    }
    app.intake.ignored.add(name, agent_type, &Kinds::one(kind));
    Ok(answer::ok())
}
