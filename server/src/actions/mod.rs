//! Security responses: what operators decide, and how it reaches the agents.
//!
//! A decision is written to the state store first and to memory then, under one lock, so that both have one order; the
//! streams that are open hear of it at once. Nothing is enforced here: agents do that, and expire actions themselves.
//!
//! # Positions
//!
//! Agents are told an epoch and a sequence number, see [`sqreen::protocol::ActionsVersion`]. The epoch is made anew
//! at every start of the server and kept nowhere: a database that was restored from an older backup, or replaced, looks
//! like any other from inside, so no start can prove that it goes on where agents were. The price is one pack per agent
//! and start, which an agent that reconnects would ask for anyway unless nothing had changed.
//!
//! # Posting the same again
//!
//! Of one scope (an application, or all), kind and set of targets there is one live action. Posting it again makes a
//! new one, with its own duration, comment and id, that takes the place of the one before in a single change; the one
//! before stays in the history as replaced. So the operator's last word holds, be it longer or shorter, and each
//! decision stays on record.

mod address;
mod allow;
mod changes;
mod critical;
mod delivery;
mod draft;
mod limits;
mod live;
mod service;
mod wire;

pub(crate) use self::address::parse as parse_network;
pub(crate) use self::critical::range as critical_range;
pub(crate) use self::delivery::{Delivery, OpenStream};
pub(crate) use self::draft::{
    NewAction, NewAllowed, SettingsChange, identifier, is_absolute, user,
};
pub(crate) use self::service::{ActionError, ActionPage, Actions, News};
pub(crate) use self::wire::{Audience, Pack, etag, wire};
