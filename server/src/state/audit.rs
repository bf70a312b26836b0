//! The audit log: who did what, when and from where. Entries are added, never changed; the oldest go.

use rusqlite::{TransactionBehavior, params};

use super::error::StateError;
use super::sqlite::SqliteState;

/// How many entries are kept.
const MOST: i64 = 200_000;
/// How long entries are kept, in microseconds: 400 days.
const AGE: i64 = 400 * 86_400 * 1_000_000;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    SignIn,
    SignInFailed,
    SignOut,
    PersonAdded,
    PersonRole,
    PersonDisabled,
    PersonEnabled,
    PersonLink,
    PasswordSet,
    SessionEnded,
    TokenCreated,
    TokenRevoked,
    ActionCreated,
    ActionLifted,
    AllowAdded,
    AllowRemoved,
    SettingsChanged,
    EventsExported,
    ViewSaved,
    ViewRemoved,
    PlaybookChanged,
    PlaybookStaged,
    PlaybookRemoved,
    PlaybookUndone,
    DestinationAdded,
    DestinationChanged,
    DestinationRemoved,
    DestinationTested,
    DeliveryReplayed,
}

impl Event {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignOut => "sign_out",
            Self::PersonAdded => "person_added",
            Self::PersonRole => "person_role_changed",
            Self::PersonDisabled => "person_disabled",
            Self::PersonEnabled => "person_enabled",
            Self::PersonLink => "password_link_made",
            Self::PasswordSet => "password_set",
            Self::SessionEnded => "session_ended",
            Self::TokenCreated => "token_created",
            Self::TokenRevoked => "token_revoked",
            Self::ActionCreated => "action_created",
            Self::ActionLifted => "action_lifted",
            Self::AllowAdded => "allowlist_added",
            Self::AllowRemoved => "allowlist_removed",
            Self::SettingsChanged => "settings_changed",
            Self::EventsExported => "events_exported",
            Self::ViewSaved => "view_saved",
            Self::ViewRemoved => "view_removed",
            Self::PlaybookChanged => "playbook_changed",
            Self::PlaybookStaged => "playbook_staged",
            Self::PlaybookRemoved => "playbook_removed",
            Self::PlaybookUndone => "playbook_undone",
            Self::DestinationAdded => "destination_added",
            Self::DestinationChanged => "destination_changed",
            Self::DestinationRemoved => "destination_removed",
            Self::DestinationTested => "destination_tested",
            Self::DeliveryReplayed => "delivery_replayed",
        }
    }
}

/// What is added to the log.
#[derive(Debug)]
pub(crate) struct AuditEntry<'a> {
    /// Microseconds since the Unix epoch.
    pub(crate) at: i64,
    /// Who did it: a person's name, a token, or the command line.
    pub(crate) by: &'a str,
    pub(crate) event: Event,
    /// What it was done to: a name or an id.
    pub(crate) subject: Option<&'a str>,
    pub(crate) detail: Option<&'a str>,
    /// The client's address.
    pub(crate) ip: Option<&'a str>,
}

/// An entry as it is stored.
#[derive(Debug)]
pub(crate) struct AuditRecord {
    /// Its place in the log.
    pub(crate) row: i64,
    pub(crate) at: i64,
    pub(crate) by: String,
    /// The name of an [`Event`].
    pub(crate) event: String,
    pub(crate) subject: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) ip: Option<String>,
}

/// The audit log.
pub(crate) trait AuditStore {
    /// Adds an entry, and forgets what is over 400 days old, or more than 200,000 entries ago.
    fn add_audit(&self, entry: &AuditEntry<'_>) -> Result<(), StateError>;

    /// The newest entries, or the newest before a place in the log.
    fn audit(&self, before: Option<i64>, limit: usize) -> Result<Vec<AuditRecord>, StateError>;
}

impl AuditStore for SqliteState {
    fn add_audit(&self, entry: &AuditEntry<'_>) -> Result<(), StateError> {
        self.with(|connection| {
            let mut add = || {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let sql = "INSERT INTO audit (at, by, event, subject, detail, ip)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                let values = params![
                    entry.at,
                    entry.by,
                    entry.event.name(),
                    entry.subject,
                    entry.detail,
                    entry.ip
                ];
                transaction.execute(sql, values)?;
                let row = transaction.last_insert_rowid();
                let sql = "DELETE FROM audit WHERE row <= ?1 OR at < ?2";
                transaction.execute(sql, params![row - MOST, entry.at - AGE])?;
                transaction.commit()
            };
            add().map_err(StateError::sqlite("writing the audit log"))
        })
    }

    fn audit(&self, before: Option<i64>, limit: usize) -> Result<Vec<AuditRecord>, StateError> {
        self.with(|connection| {
            let read = || {
                let sql = "SELECT row, at, by, event, subject, detail, ip FROM audit
                           WHERE row < ?1 ORDER BY row DESC LIMIT ?2";
                let mut statement = connection.prepare(sql)?;
                let limit = i64::try_from(limit).unwrap_or(i64::MAX);
                let found =
                    statement.query_map(params![before.unwrap_or(i64::MAX), limit], |row| {
                        Ok(AuditRecord {
                            row: row.get(0)?,
                            at: row.get(1)?,
                            by: row.get(2)?,
                            event: row.get(3)?,
                            subject: row.get(4)?,
                            detail: row.get(5)?,
                            ip: row.get(6)?,
                        })
                    })?;
                found.collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(StateError::sqlite("reading the audit log"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::store::StateStore;

    fn entry(at: i64) -> AuditEntry<'static> {
        AuditEntry {
            at,
            by: "ann",
            event: Event::SignIn,
            subject: None,
            detail: None,
            ip: None,
        }
    }

    #[test]
    fn the_old_goes_and_nothing_changes() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteState::open(&dir.path().join("state.sqlite")).unwrap();
        store.add_audit(&entry(0)).unwrap();
        store.add_audit(&entry(AGE)).unwrap();
        assert_eq!(store.audit(None, 10).unwrap().len(), 2);
        store.add_audit(&entry(AGE + 1)).unwrap();
        let left = store.audit(None, 10).unwrap();
        let times: Vec<i64> = left.iter().map(|entry| entry.at).collect();
        assert_eq!(times, [AGE + 1, AGE]);
        assert_eq!(store.audit(Some(left[0].row), 10).unwrap().len(), 1);

        let forged = store.with(|connection| {
            let forged = connection.execute("UPDATE audit SET by = 'eve'", []);
            Ok(forged.unwrap_err().to_string())
        });
        assert!(forged.unwrap().contains("only added to"));

        // As if many had been written since.
        store
            .with(|connection| {
                let sql = "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'audit'";
                connection.execute(sql, [left[0].row + MOST - 1]).unwrap();
                Ok(())
            })
            .unwrap();
        store.add_audit(&entry(AGE + 2)).unwrap();
        assert_eq!(store.audit(None, 10).unwrap().len(), 1);
        store.close().unwrap();
    }
}
