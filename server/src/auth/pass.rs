//! What let a request in, for answers that outlast it.

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::Revocation;
use super::caller::NONE;
use crate::server::Shared;
use crate::state::Id;

/// What let a request in. The gate puts it into the request; whatever goes on for long asks it again.
#[derive(Clone, Debug)]
pub(crate) enum Pass {
    Token(Revocation),
    Session(Id),
}

impl Pass {
    /// Whether it would let the request in now, too. Asking is no use of a session: one that nobody else uses ends.
    pub(crate) fn holds(&self, app: &Shared) -> bool {
        match self {
            Self::Token(revocation) => !revocation.is_revoked(),
            Self::Session(session) => app.people.is_live(*session),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Pass {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        parts.extensions.get().cloned().ok_or(NONE)
    }
}
