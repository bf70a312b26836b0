//! The state store: what operators decide, in `state.sqlite`.
//!
//! [`StateStore`] is what the server uses, [`SqliteState`] how it is kept. Each table has a trait of its own, beside
//! its implementation; another store implements each of them.
//!
//! SQLite in WAL mode with `synchronous=FULL`: a write that was answered survives the end of the machine. The file can
//! be copied with SQLite's own backup while the server runs; without it, together with its `-wal` file or after the
//! server has ended.

mod actions;
mod allowlist;
mod apps;
mod audit;
#[cfg(test)]
mod conformance;
mod delivery;
mod destinations;
mod error;
mod migrations;
mod model;
mod outbox;
mod people;
mod playbooks;
mod runs;
mod sessions;
mod settings;
mod sqlite;
mod store;
mod tokens;
mod views;

pub(crate) use self::actions::{ActionCursor, Origin};
pub(crate) use self::allowlist::{AllowDraft, AllowEntry};
pub(crate) use self::audit::{AuditEntry, AuditRecord, Event};
pub(crate) use self::delivery::{
    Delivery, DeliveryQuery, DeliveryStatus, Ended, Place, Queued, StoredNotice,
};
pub(crate) use self::destinations::{Channel, Destination};
pub use self::error::StateError;
pub use self::model::Kind;
pub(crate) use self::model::{Action, ActionDraft, ActionRecord, Id, Targets, User, key, network};
pub(crate) use self::people::PersonRecord;
pub use self::people::Role;
pub(crate) use self::playbooks::{Change, PlaybookRecord, Source, VersionRecord};
pub(crate) use self::runs::{RunCount, RunQuery, RunRecord};
pub(crate) use self::sessions::SessionRecord;
pub(crate) use self::settings::Settings;
pub(crate) use self::sqlite::SqliteState;
pub(crate) use self::store::StateStore;
pub(crate) use self::tokens::{TokenKind, TokenRecord};
pub(crate) use self::views::{NotSaved, SavedView};
