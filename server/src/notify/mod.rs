//! Notifications: whom to tell when a playbook fires, and how.
//!
//! [`Notifier::notify`] puts a [`Notice`](notice::Notice) into the outbox, a delivery for each destination that takes it. Notices of one
//! playbook within a minute are one delivery, notices of a day one digest. A delivery is made once its time has come,
//! and tried again, 5 seconds after the first failure and then ever more seldom, for 24 hours; then it is dead, until
//! someone replays it. Deliveries of one destination go out one after another.
//!
//! A delivery is noted as made after the receiver took it. A crash between the two repeats it, with the same ids: of
//! the delivery (`webhook-id`, `Message-ID`) and of each message (`message_id`).

mod counts;
mod destination;
mod failure;
mod guard;
mod http;
mod limits;
mod mail;
pub(crate) mod notice;
mod secrets;
mod service;
mod slack;
#[cfg(test)]
mod tests;
mod webhook;
mod words;
mod worker;

pub(crate) use self::destination::Draft;
pub(crate) use self::limits::{MAX_EVENTS, MAX_NAME, MAX_URL};
pub(crate) use self::mail::{is_address, is_smtp_url};
pub(crate) use self::service::{Notifier, NotifyError};
