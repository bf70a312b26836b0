//! Who sends a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use sqreen::protocol::{HEADER_API_KEY, HEADER_APP_NAME, HEADER_SESSION_KEY, Timestamp};

use super::answer::Refusal;
use crate::auth::Revocation;
use crate::server::{App, blocking};
use crate::sessions::Agent;

/// The application of agents that name none.
const DEFAULT_APP: &str = "default";
/// The most bytes of an application's name; longer ones are cut.
const MAX_APP: usize = 256;

/// An agent that is logged in, or a bare signal client that shows a token with each request.
#[derive(Debug)]
pub(super) struct Session(pub(super) Arc<Agent>);

impl FromRequestParts<App> for Session {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        if let Some(key) = key(&parts.headers) {
            return app.sessions.hear(key).map(Self).ok_or(Refusal::Session);
        }
        if parts.headers.contains_key(HEADER_API_KEY) {
            let Token { app, revocation } = Token::from_request_parts(parts, app).await?;
            return Ok(Self(Arc::new(Agent {
                app,
                revocation,
                ..Agent::default()
            })));
        }
        Err(Refusal::Session)
    }
}

/// A request with a token of agents.
///
/// An organisation's token serves any application, which the request names; the first login of one makes it known.
/// A token of one application serves that one: Node's agent sends the name of its package beside any token, so a name
/// in the request is passed over then.
#[derive(Debug)]
pub(super) struct Token {
    /// The application that it is for.
    pub(super) app: String,
    pub(super) revocation: Revocation,
}

impl FromRequestParts<App> for Token {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let token = text(&parts.headers, HEADER_API_KEY);
        let named = text(&parts.headers, HEADER_APP_NAME).filter(|name| !name.is_empty());
        let Some(grant) = token.and_then(|token| app.tokens.agent(token)) else {
            let client = app.client(&parts.extensions, &parts.headers);
            let now = Timestamp::now().as_micros();
            app.intake.refused.add(client.ip, named, now);
            return Err(Refusal::Token);
        };
        let name = match &grant.app {
            Some(app) => app,
            None => named.map_or(DEFAULT_APP, |name| cut(name, MAX_APP)),
        };
        if !app.tokens.knows_app(name) {
            let (tokens, name) = (Arc::clone(app), name.to_owned());
            // It is known by its events, too: that it cannot be listed now is no reason to refuse it.
            if let Err(error) = blocking(move || tokens.tokens.add_app(&name)).await? {
                tracing::error!(%error, "application not stored");
            }
        }
        Ok(Self {
            app: name.to_owned(),
            revocation: grant.revocation,
        })
    }
}

/// The session that a request names.
pub(super) fn key(headers: &HeaderMap) -> Option<&str> {
    text(headers, HEADER_SESSION_KEY)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The longest start of the text that has at most `limit` bytes.
pub(crate) fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or(text)
}
