//! How a webhook's secret gives way to another.

use super::service::{Notifier, NotifyError};
use super::webhook;
use crate::auth::{Caller, Secret};
use crate::fields::FieldError;
use crate::state::{Destination, Event, Id, StateError};

impl Notifier {
    /// Gives a webhook another secret, and answers it, which is not shown again. The one before signs, too, until
    /// [`end_former_secret`](Self::end_former_secret). Blocks.
    pub(crate) fn change_secret(
        &self,
        id: Id,
        by: &Caller,
    ) -> Result<(Destination, Secret), NotifyError> {
        let destination = self.destination(id)?;
        let secret = webhook::new_secret().ok_or(StateError::Random)?;
        if destination.secret.is_none() {
            let wrong = FieldError::new("kind", "only a webhook has a secret");
            return Err(NotifyError::Conflict(wrong));
        }
        if !self.state().change_secret(id, &secret)? {
            return Err(NotifyError::Unknown);
        }
        self.note(by, Event::DestinationChanged, &destination.name, "secret");
        Ok((self.destination(id)?, Secret(secret)))
    }

    /// Ends the validity of a webhook's former secret. Blocks.
    pub(crate) fn end_former_secret(
        &self,
        id: Id,
        by: &Caller,
    ) -> Result<Destination, NotifyError> {
        let destination = self.destination(id)?;
        if !self.state().forget_former_secret(id)? {
            let wrong = FieldError::new("former_secret", "there is none");
            return Err(NotifyError::Conflict(wrong));
        }
        self.note(
            by,
            Event::DestinationChanged,
            &destination.name,
            "former secret",
        );
        self.destination(id)
    }
}
