//! The form of the tables, and the steps that led to it.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::StateError;

/// Step `n` makes version `n + 1` of version `n`, which `PRAGMA user_version` tells. Steps that were released are never
/// changed; a change is a step more.
const STEPS: [&str; 7] = [
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
    // Tokens of the API could do everything until then.
    "ALTER TABLE tokens ADD COLUMN role TEXT;
    UPDATE tokens SET role = 'admin' WHERE kind = 'api';
    CREATE TABLE people (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        role TEXT NOT NULL,
        password TEXT,
        created_at INTEGER NOT NULL,
        signed_in_at INTEGER,
        disabled_at INTEGER
    ) STRICT;
    CREATE TABLE links (
        hash BLOB PRIMARY KEY,
        person INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE sessions (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        hash BLOB NOT NULL UNIQUE,
        person INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        ip TEXT,
        browser TEXT NOT NULL
    ) STRICT;
    CREATE TABLE audit (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        event TEXT NOT NULL,
        subject TEXT,
        detail TEXT,
        ip TEXT
    ) STRICT;
    CREATE INDEX audit_at ON audit (at);
    CREATE TRIGGER audit_is_only_added_to BEFORE UPDATE ON audit
        BEGIN SELECT raise(ABORT, 'the audit log is only added to'); END;",
    "CREATE TABLE playbooks (
        slug TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        stage TEXT NOT NULL,
        staged_at INTEGER NOT NULL,
        staged_by TEXT NOT NULL,
        tripped TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE playbook_versions (
        slug TEXT NOT NULL,
        version INTEGER NOT NULL,
        body TEXT NOT NULL,
        source TEXT NOT NULL,
        at INTEGER NOT NULL,
        by TEXT NOT NULL,
        PRIMARY KEY (slug, version)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE runs (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        key BLOB NOT NULL UNIQUE,
        slug TEXT NOT NULL,
        version INTEGER NOT NULL,
        stage TEXT NOT NULL,
        outcome TEXT NOT NULL,
        approved_by TEXT NOT NULL,
        reason TEXT,
        actor TEXT NOT NULL,
        grouped TEXT,
        at INTEGER NOT NULL,
        decided_at INTEGER NOT NULL,
        counted TEXT NOT NULL,
        events TEXT NOT NULL,
        responses TEXT NOT NULL,
        undone_at INTEGER,
        undone_by TEXT
    ) STRICT;
    CREATE INDEX runs_decided ON runs (decided_at);
    CREATE INDEX runs_actor ON runs (slug, actor, decided_at);
    CREATE INDEX runs_open ON runs (row) WHERE outcome = '';
    ALTER TABLE actions ADD COLUMN run INTEGER;
    CREATE INDEX actions_run ON actions (run) WHERE run IS NOT NULL;",
    "CREATE TABLE destinations (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        name TEXT NOT NULL UNIQUE,
        channel TEXT NOT NULL,
        target TEXT NOT NULL,
        secret TEXT,
        playbooks TEXT,
        digest INTEGER NOT NULL,
        enabled INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL
    ) STRICT;
    CREATE TABLE deliveries (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        destination INTEGER NOT NULL,
        playbook TEXT,
        notices INTEGER NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        opened_at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        since_at INTEGER NOT NULL,
        ended_at INTEGER,
        answer TEXT
    ) STRICT;
    CREATE INDEX deliveries_pending ON deliveries (destination, row) WHERE status = 'pending';
    CREATE INDEX deliveries_ended ON deliveries (status, ended_at);
    CREATE TABLE notices (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        delivery INTEGER NOT NULL,
        destination INTEGER NOT NULL,
        notice TEXT NOT NULL,
        body TEXT NOT NULL,
        UNIQUE (destination, notice)
    ) STRICT;
    CREATE INDEX notices_delivery ON notices (delivery, row);",
    "ALTER TABLE destinations ADD COLUMN former_secret TEXT;",
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
