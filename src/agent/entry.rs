//! What the queue holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::context::RequestContext;
use crate::event::Event;
use crate::user::{Traits, UserIdentifiers};

/// Who a request was identified as.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) user: UserIdentifiers,
    pub(crate) traits: Traits,
}

/// Which SDK call an entry came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Track,
    Auth,
    Signup,
    /// The report of a security response.
    Action,
    /// The layer's own event of a response with status 404.
    NotFound,
}

impl Call {
    /// What gives way when memory is short: the newest of the lowest rank. Whoever is blocked can
    /// cause as many reports as there are addresses, which must not cost a login.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::NotFound => 0,
            Self::Track => 1,
            Self::Action => 2,
            Self::Auth | Self::Signup => 3,
        }
    }

    /// Whether the event goes out with its response, rather than with the next batch: who guesses
    /// passwords is to be stopped before the next guess.
    pub(crate) const fn is_urgent(self) -> bool {
        matches!(self, Self::Auth | Self::Signup)
    }

    pub(super) const fn lane(self) -> Lane {
        match self {
            Self::NotFound => Lane::Automatic,
            Self::Track => Lane::Custom,
            Self::Action | Self::Auth | Self::Signup => Lane::Security,
        }
    }
}

/// The rows of the queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Lane {
    Security,
    Custom,
    /// Events that nobody asked for; they are tracked with the response, and so never wait for it.
    Automatic,
    /// Events whose request was in flight when their turn came.
    Waiting,
}

/// An event on its way to the backend.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) call: Call,
    pub(crate) event: Event,
    pub(crate) context: Option<Arc<RequestContext>>,
    /// Who the request was identified as when the event was tracked.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) queued: Instant,
    pub(crate) size: usize,
}

impl Entry {
    /// Whether its request is answered or abandoned, or was waited for long enough.
    pub(super) fn is_ready(&self, now: Instant, response_wait: Duration) -> bool {
        let in_flight = self.context.as_ref().is_some_and(|c| c.is_in_flight());
        !in_flight || now.saturating_duration_since(self.queued) >= response_wait
    }
}

impl Lane {
    pub(super) const ALL: [Self; 4] =
        [Self::Security, Self::Custom, Self::Automatic, Self::Waiting];
}
