//! The tables of playbooks and of their versions.

use rusqlite::{Connection, Row, params};

use super::error::StateError;
use super::sqlite::SqliteState;

/// Where a version of a playbook came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The API or the pages.
    Edited,
    /// `sqreen-server playbooks apply`.
    File,
}

impl Source {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::File => "file",
        }
    }

    fn of_name(name: &str) -> Option<Self> {
        [Self::Edited, Self::File]
            .into_iter()
            .find(|source| source.name() == name)
    }
}

/// A playbook as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlaybookRecord {
    pub(crate) slug: String,
    /// Counts the versions from 1.
    pub(crate) version: i64,
    /// The version as JSON, with its tests.
    pub(crate) body: String,
    pub(crate) source: Source,
    /// When the version was stored, in microseconds since the Unix epoch.
    pub(crate) changed_at: i64,
    pub(crate) changed_by: String,
    /// The name of its stage.
    pub(crate) stage: String,
    /// When the stage was set, in microseconds since the Unix epoch.
    pub(crate) staged_at: i64,
    pub(crate) staged_by: String,
    /// Why it was put back to shadow, if it was.
    pub(crate) tripped: Option<String>,
}

/// An earlier or present version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VersionRecord {
    pub(crate) version: i64,
    pub(crate) body: String,
    pub(crate) source: Source,
    pub(crate) at: i64,
    pub(crate) by: String,
}

/// Who changes something, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    /// Microseconds since the Unix epoch.
    pub(crate) at: i64,
    pub(crate) by: &'a str,
}

/// Playbooks and their versions.
pub(crate) trait PlaybookStore {
    /// All playbooks, by slug.
    fn playbooks(&self) -> Result<Vec<PlaybookRecord>, StateError>;

    /// Stores a version, and sets the stage. `expected` is the version that it takes the place of, 0 for a new playbook;
    /// answers `None` if another is there.
    fn put_playbook(
        &self,
        slug: &str,
        expected: i64,
        body: &str,
        source: Source,
        stage: &str,
        change: Change<'_>,
    ) -> Result<Option<i64>, StateError>;

    /// Sets the stage; says whether there is such a playbook. `tripped` tells why, where nobody asked for it.
    fn stage_playbook(
        &self,
        slug: &str,
        stage: &str,
        tripped: Option<&str>,
        change: Change<'_>,
    ) -> Result<bool, StateError>;

    /// Forgets a playbook and its versions, but not its runs; says whether there was one.
    fn remove_playbook(&self, slug: &str) -> Result<bool, StateError>;

    /// The newest versions of a playbook, the newest first.
    fn versions(&self, slug: &str, limit: usize) -> Result<Vec<VersionRecord>, StateError>;

    /// One version, as it is kept with the runs that it made.
    fn playbook_version(
        &self,
        slug: &str,
        version: i64,
    ) -> Result<Option<VersionRecord>, StateError>;
}

const COLUMNS: &str =
    "p.slug, p.version, v.body, v.source, v.at, v.by, p.stage, p.staged_at, p.staged_by, p.tripped";

impl PlaybookStore for SqliteState {
    fn playbooks(&self) -> Result<Vec<PlaybookRecord>, StateError> {
        self.with(|connection| {
            let read = || {
                let sql = format!(
                    "SELECT {COLUMNS} FROM playbooks p
                     JOIN playbook_versions v ON v.slug = p.slug AND v.version = p.version ORDER BY p.slug"
                );
                let mut statement = connection.prepare(&sql)?;
                let records = statement.query_map([], record)?;
                records.collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(StateError::sqlite("reading the playbooks"))
        })
    }

    fn put_playbook(
        &self,
        slug: &str,
        expected: i64,
        body: &str,
        source: Source,
        stage: &str,
        change: Change<'_>,
    ) -> Result<Option<i64>, StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let sql = "SELECT coalesce(max(version), 0) FROM playbooks WHERE slug = ?1";
                let found: i64 = transaction.query_row(sql, [slug], |row| row.get(0))?;
                if found != expected {
                    return Ok(None);
                }
                // Versions of a playbook that was removed are counted on, since runs tell of them.
                let sql =
                    "SELECT coalesce(max(version), 0) + 1 FROM playbook_versions WHERE slug = ?1";
                let version: i64 = transaction.query_row(sql, [slug], |row| row.get(0))?;
                transaction.execute(
                    "INSERT INTO playbook_versions (slug, version, body, source, at, by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![slug, version, body, source.name(), change.at, change.by],
                )?;
                transaction.execute(
                    "INSERT INTO playbooks (slug, version, stage, staged_at, staged_by)
                     VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (slug) DO UPDATE SET version = ?2",
                    params![slug, version, stage, change.at, change.by],
                )?;
                set_stage(&transaction, slug, stage, None, change)?;
                transaction.commit()?;
                Ok(Some(version))
            };
            write().map_err(StateError::sqlite("storing a playbook"))
        })
    }

    fn stage_playbook(
        &self,
        slug: &str,
        stage: &str,
        tripped: Option<&str>,
        change: Change<'_>,
    ) -> Result<bool, StateError> {
        self.with(|connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM playbooks WHERE slug = ?1)";
            let mut write = || {
                let transaction = connection.transaction()?;
                let found: bool = transaction.query_row(sql, [slug], |row| row.get(0))?;
                set_stage(&transaction, slug, stage, tripped, change)?;
                transaction.commit()?;
                Ok(found)
            };
            write().map_err(StateError::sqlite("setting a playbook's stage"))
        })
    }

    fn remove_playbook(&self, slug: &str) -> Result<bool, StateError> {
        self.with(|connection| {
            let removed = connection.execute("DELETE FROM playbooks WHERE slug = ?1", [slug]);
            Ok(removed.map_err(StateError::sqlite("removing a playbook"))? > 0)
        })
    }

    fn versions(&self, slug: &str, limit: usize) -> Result<Vec<VersionRecord>, StateError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.with(|connection| {
            let sql = "SELECT version, body, source, at, by FROM playbook_versions
                       WHERE slug = ?1 ORDER BY version DESC LIMIT ?2";
            version_records(connection, sql, params![slug, limit])
        })
    }

    fn playbook_version(
        &self,
        slug: &str,
        version: i64,
    ) -> Result<Option<VersionRecord>, StateError> {
        self.with(|connection| {
            let sql = "SELECT version, body, source, at, by FROM playbook_versions
                       WHERE slug = ?1 AND version = ?2";
            Ok(version_records(connection, sql, params![slug, version])?.pop())
        })
    }
}

/// A stage that stays the same keeps who set it.
fn set_stage(
    connection: &Connection,
    slug: &str,
    stage: &str,
    tripped: Option<&str>,
    change: Change<'_>,
) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE playbooks SET stage = ?2, staged_at = ?3, staged_by = ?4, tripped = ?5
         WHERE slug = ?1 AND stage <> ?2",
        params![slug, stage, change.at, change.by, tripped],
    )?;
    Ok(())
}

fn record(row: &Row<'_>) -> rusqlite::Result<PlaybookRecord> {
    Ok(PlaybookRecord {
        slug: row.get(0)?,
        version: row.get(1)?,
        body: row.get(2)?,
        source: source(row, 3)?,
        changed_at: row.get(4)?,
        changed_by: row.get(5)?,
        stage: row.get(6)?,
        staged_at: row.get(7)?,
        staged_by: row.get(8)?,
        tripped: row.get(9)?,
    })
}

fn version_records(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<VersionRecord>, StateError> {
    let read = || {
        let mut statement = connection.prepare(sql)?;
        let records = statement.query_map(params, |row| {
            Ok(VersionRecord {
                version: row.get(0)?,
                body: row.get(1)?,
                source: source(row, 2)?,
                at: row.get(3)?,
                by: row.get(4)?,
            })
        })?;
        records.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(StateError::sqlite("reading versions of a playbook"))
}

/// What no version of the server has written counts as edited: nothing is overwritten for it.
fn source(row: &Row<'_>, column: usize) -> rusqlite::Result<Source> {
    let name: String = row.get(column)?;
    Ok(Source::of_name(&name).unwrap_or(Source::Edited))
}
