//! How the backend is doing.

use std::fmt;

/// Told to the log when it changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    Unknown,
    Up,
    Down,
    Refused,
}

impl Health {
    pub(super) fn set(&mut self, health: Self, detail: impl fmt::Display) {
        let before = std::mem::replace(self, health);
        if before == health {
            return;
        }
        match health {
            Self::Up if before == Self::Unknown => tracing::debug!("sqreen is connected"),
            Self::Up => tracing::info!("the sqreen backend is back"),
            Self::Down => tracing::warn!(
                "the sqreen backend cannot be reached, events are kept for now: {detail}"
            ),
            Self::Refused => tracing::error!("the sqreen backend refuses {detail}"),
            Self::Unknown => {}
        }
    }
}
