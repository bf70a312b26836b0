//! The form of the tables, and the steps that led to it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::StateError;

/// Step `n` makes version `n + 1` of version `n`, which `PRAGMA user_version` tells. Steps that were released are never
/// changed; a change is a step more.
const STEPS: [&str; 3] = [
    // Times are microseconds since the Unix epoch. `row` is the order of creation.
    "CREATE TABLE actions (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        app TEXT,
        kind TEXT NOT NULL,
        targets TEXT NOT NULL,
        url TEXT,
        dry_run INTEGER NOT NULL,
        match_any INTEGER NOT NULL,
        comment TEXT NOT NULL,
        origin TEXT NOT NULL,
        critical TEXT,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        expires_at INTEGER,
        lifted_at INTEGER,
        lifted_by TEXT,
        replaced_by INTEGER
    ) STRICT;
    CREATE INDEX actions_end ON actions (coalesce(lifted_at, expires_at), row);
    CREATE TABLE allowlist (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        ips TEXT NOT NULL,
        paths TEXT NOT NULL,
        comment TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL,
        removed_at INTEGER,
        removed_by TEXT
    ) STRICT;
    CREATE INDEX allowlist_present ON allowlist (row) WHERE removed_at IS NULL;
    CREATE TABLE settings (
        name TEXT PRIMARY KEY,
        value INTEGER NOT NULL,
        changed_at INTEGER NOT NULL,
        changed_by TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE tokens (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        app TEXT,
        hash BLOB NOT NULL UNIQUE,
        comment TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER,
        revoked_at INTEGER
    ) STRICT;
    CREATE TABLE apps (
        name TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;",
    "CREATE TABLE views (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        place TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT;",
];

/// Brings the file to the newest version, each step in a transaction of its own.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), StateError> {
    let failed = StateError::sqlite;
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed("reading its version"))?;
    let known = STEPS.len() as i64;
    let done = usize::try_from(found)
        .ok()
        .filter(|done| *done <= STEPS.len())
        .ok_or_else(|| StateError::Newer {
            path: path.to_owned(),
            found,
            known,
        })?;
    for (step, version) in STEPS.iter().zip(1_i64..).skip(done) {
        let migrate = |connection: &mut Connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(step)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()
        };
        migrate(connection).map_err(failed("bringing it to the newest version"))?;
        tracing::info!(version, "state store brought to a new version");
    }
    Ok(())
}
