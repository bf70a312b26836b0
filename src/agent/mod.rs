//! The agent: takes events from the app and delivers them, on a thread and runtime of its own.
//!
//! [`handle`] is what the app holds, [`queue`] what it pushes into, [`flusher`] the loop on the
//! agent's [`thread`]: it keeps a [`session`] with the backend and cuts each [`batch`], whose
//! events [`record`] turns into what goes over the wire, and which [`transport`] carries. Beside it,
//! [`follower`] keeps the security responses in force up to date.

mod batch;
mod entry;
mod flusher;
mod follower;
mod handle;
mod health;
mod ledger;
mod observe;
mod queue;
mod record;
mod retry;
mod session;
mod stats;
mod thread;
mod transport;

pub(crate) use self::entry::{Call, Identity};
pub(crate) use self::handle::Agent;
pub use self::handle::{ImportReport, Sqreen, StartError, track};
pub use self::stats::{ShutdownReport, Stats};
