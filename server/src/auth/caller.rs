//! Who asks.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use sqreen::protocol::Timestamp;

use super::{Client, Secret, TokenHash, digest};
use crate::state::{AuditEntry, Event, Id, Role, StateStore};

/// Who asks for something, and from where. The gate puts it into the request, once it may pass.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// A person's name; other callers have names with a space, which no person can have.
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    pub(crate) ip: Option<IpAddr>,
}

impl Caller {
    /// Whoever may write to the data directory.
    pub(crate) fn command_line() -> Self {
        Self {
            name: "command line".into(),
            role: Role::Admin,
            ip: None,
        }
    }

    /// The settings that the server was started with.
    pub(crate) fn configuration() -> Self {
        Self {
            name: "the configuration".into(),
            role: Role::Admin,
            ip: None,
        }
    }

    /// A playbook, by its slug.
    pub(crate) fn playbook(slug: &str) -> Self {
        Self {
            name: format!("playbook {slug}").into(),
            role: Role::Operator,
            ip: None,
        }
    }

    /// Someone who has not proved who they are.
    pub(crate) fn stranger(client: Client) -> Self {
        Self {
            name: "a stranger".into(),
            role: Role::Viewer,
            ip: client.ip,
        }
    }

    /// Whoever has the link that the start printed.
    pub(crate) fn first_link(client: Client) -> Self {
        Self {
            name: "the printed link".into(),
            role: Role::Admin,
            ip: client.ip,
        }
    }

    pub(super) fn token(id: Option<Id>, role: Role, client: Client) -> Self {
        let name = match id {
            Some(id) => format!("token {id}"),
            None => "token of the configuration".to_owned(),
        };
        Self {
            name: name.into(),
            role,
            ip: client.ip,
        }
    }

    /// Writes into the audit log what was done. It is done by now: where the log cannot be written, that is told, and
    /// all goes on. Blocks.
    pub(crate) fn note(
        &self,
        state: &dyn StateStore,
        event: Event,
        subject: Option<&str>,
        detail: Option<&str>,
    ) {
        let ip = self.ip.map(|ip| ip.to_string());
        let written = state.add_audit(&AuditEntry {
            at: Timestamp::now().as_micros(),
            by: &self.name,
            event,
            subject,
            detail,
            ip: ip.as_deref(),
        });
        if let Err(error) = written {
            let (by, event) = (&*self.name, event.name());
            tracing::error!(%error, by, event, subject, "not in the audit log");
        }
    }
}

/// A person who looks at the pages.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) caller: Caller,
    pub(crate) person: Id,
    pub(crate) session: Id,
    /// Every form that changes something carries it. Another site can make a browser send the session's cookie, but
    /// cannot know this: it follows from the cookie, and the cookie does not follow from it.
    pub(crate) csrf: Secret,
}

impl Reader {
    /// The form's field for [`csrf`](Self::csrf).
    pub(crate) const CSRF: &str = "csrf";

    /// Whether the reader may do what takes this role.
    pub(crate) fn may(&self, role: Role) -> bool {
        self.caller.role >= role
    }

    pub(super) fn csrf_of(cookie: &str) -> Secret {
        Secret(digest(&["csrf", cookie]))
    }

    /// Whether this is the token of the reader's forms.
    pub(super) fn has_sent(&self, token: &str) -> bool {
        TokenHash::of(&self.csrf.0).matches(token)
    }
}

/// The route has no caller: its table of access and its handler disagree.
pub(super) const NONE: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(NONE)
    }
}

impl<S: Sync> FromRequestParts<S> for Reader {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(NONE)
    }
}
