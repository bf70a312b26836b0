//! What every state store does.

use std::fmt::Debug;

use super::actions::ActionStore;
use super::allowlist::AllowStore;
use super::apps::AppStore;
use super::audit::AuditStore;
use super::destinations::DestinationStore;
use super::error::StateError;
use super::outbox::OutboxStore;
use super::people::PersonStore;
use super::playbooks::PlaybookStore;
use super::runs::RunStore;
use super::sessions::SessionStore;
use super::settings::SettingStore;
use super::tokens::TokenStore;
use super::views::ViewStore;

/// A durable store of what is decided: each write survives the end of the process once it is answered. The calls
/// block on the disk: make them where blocking is allowed.
pub(crate) trait StateStore:
    ActionStore
    + AllowStore
    + AppStore
    + AuditStore
    + DestinationStore
    + OutboxStore
    + PersonStore
    + PlaybookStore
    + RunStore
    + SessionStore
    + SettingStore
    + TokenStore
    + ViewStore
    + Debug
    + Send
    + Sync
{
    /// A number that differs from that of an earlier call if another process wrote in between. It says nothing of
    /// this one's own writes.
    fn version(&self) -> Result<i64, StateError>;

    /// Says whether a write would be taken now.
    fn check_writable(&self) -> Result<(), StateError>;

    /// Ends it; further calls answer [`StateError::Closed`]. Closing twice is no error.
    fn close(&self) -> Result<(), StateError>;
}
