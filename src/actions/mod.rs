//! The live security responses: whom the backend blocks or redirects, and whom it never may.
//!
//! [`Enforced`] is what requests read: one atomic load gives an immutable
//! [`Snapshot`](snapshot::Snapshot), and no lookup locks, waits or allocates. [`Updater`] is what
//! the agent writes with: it checks a whole pack or a change, builds beside what is in force, and
//! swaps it in. It also frees what was in force before, so that no request ever pays for that.
//!
//! # Which action applies
//!
//! - The allow list wins over every action ([`Snapshot::allows`](snapshot::Snapshot::allows)).
//! - An enforced action wins over every dry run, so that trying an action out never weakens
//!   another one.
//! - Then the longest network that holds the address; a v4-mapped IPv6 address or network is the
//!   IPv4 one, and a wider IPv6 network such as `::/0` holds no IPv4 address.
//! - Then a block before a redirect, and at last the action that lasts longest.
//! - A user is matched by all of its identifiers, or by any one of them where the action says
//!   `match_any`; neither goes before the other.
//!
//! An expired action is passed over at lookup, in favour of the next of these that is in force.
//!
//! # Time
//!
//! A duration counts from the pack's receipt on the monotonic clock, rounded up to a millisecond.
//! `null` has no end. A duration that is not above zero is malformed, since the old agents
//! disagree on its meaning: for ever, or not at all.
//!
//! # What is refused
//!
//! A pack or change with any mistake is refused as a whole and leaves what is in force
//! ([`PackError`]). Only an action of an unknown kind is passed over, since the protocol may get
//! more kinds.

mod address;
mod allow;
mod builder;
mod chain;
mod check;
mod error;
mod hit;
mod index;
mod networks;
mod snapshot;
mod table;
#[cfg(test)]
mod tests;
mod updater;
mod users;

pub(crate) use self::hit::Hit;
pub(crate) use self::snapshot::Enforced;
pub(crate) use self::updater::{Followed, Pack, Updater};

/// Most actions in force.
pub(crate) const MAX_ACTIONS: usize = 1_000_000;
/// Most addresses, networks and users of all actions together.
pub(crate) const MAX_TARGETS: usize = 2_000_000;
/// Most bytes of ids, URLs and users of all actions together.
pub(crate) const MAX_TEXT_BYTES: usize = 256 << 20;
/// Longest action id, in bytes.
pub(crate) const MAX_ID_BYTES: usize = u8::MAX as usize;
/// Longest URL of a redirect, in bytes.
pub(crate) const MAX_URL_BYTES: usize = 2_048;
/// Most addresses and networks in the allow list.
pub(crate) const MAX_ALLOWED_IPS: usize = 100_000;
/// Most paths in the allow list.
pub(crate) const MAX_ALLOWED_PATHS: usize = 10_000;
/// Longest path in the allow list, in bytes.
pub(crate) const MAX_PATH_BYTES: usize = 2_048;
