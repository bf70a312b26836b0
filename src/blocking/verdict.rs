use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::actions::Hit;

/// An action that stops a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(super) redirect: Option<Box<str>>,
    pub(super) reference: String,
}

impl Verdict {
    pub(crate) fn new(hit: &Hit<'_>, reference: String) -> Self {
        Self {
            redirect: hit.url().map(Into::into),
            reference,
        }
    }

    /// A name for one application of an action. It tells nothing about the action, and the event
    /// that reports it carries it too.
    pub(crate) fn reference() -> String {
        Uuid::now_v7().simple().to_string()
    }
}

/// The request is stopped by a security response: its user or its client IP is blocked or
/// redirected.
///
/// In axum it is a response, so that a handler can end with `?`. Whatever a handler answers, the
/// layer sends the [security response](crate::BlockedRequest) in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    pub(super) verdict: Arc<Verdict>,
}

impl Blocked {
    pub(crate) const fn new(verdict: Arc<Verdict>) -> Self {
        Self { verdict }
    }

    /// What the client is told to quote, as is the event that reports the block.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.verdict.reference
    }

    /// Where the client is sent instead, if it is redirected.
    #[must_use]
    pub fn redirect_url(&self) -> Option<&str> {
        self.verdict.redirect.as_deref()
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stopped by a security response, reference {}",
            self.reference()
        )
    }
}

impl std::error::Error for Blocked {}
