//! The allow list's table.

use ipnet::IpNet;
use rusqlite::{Connection, Row, params};

use super::error::StateError;
use super::model::{Id, Kind, Targets};
use super::sqlite::SqliteState;

/// An entry that is to be made.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowDraft {
    pub(crate) ips: Vec<IpNet>,
    /// Prefixes of request paths.
    pub(crate) paths: Vec<String>,
    pub(crate) comment: String,
}

/// An entry with its history.
#[derive(Clone, Debug)]
pub(crate) struct AllowEntry {
    pub(crate) id: Id,
    pub(crate) ips: Vec<IpNet>,
    pub(crate) paths: Vec<String>,
    pub(crate) comment: String,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
    /// Microseconds since the Unix epoch.
    pub(crate) removed_at: Option<i64>,
    pub(crate) removed_by: Option<String>,
}

const COLUMNS: &str =
    "row, id, ips, paths, comment, created_at, created_by, removed_at, removed_by";

/// The allow list and its history.
pub(crate) trait AllowStore {
    /// The entries in force, in the order of creation.
    fn allowlist(&self) -> Result<Vec<AllowEntry>, StateError>;

    /// Stores an entry.
    fn add_allowed(&self, draft: &AllowDraft, at: i64, by: &str) -> Result<AllowEntry, StateError>;

    /// Ends an entry that is in force, and returns it with its history; `None` if there never was one of that id.
    fn remove_allowed(&self, id: Id, at: i64, by: &str) -> Result<Option<AllowEntry>, StateError>;
}

impl AllowStore for SqliteState {
    fn allowlist(&self) -> Result<Vec<AllowEntry>, StateError> {
        self.with(|connection| {
            let sql =
                format!("SELECT {COLUMNS} FROM allowlist WHERE removed_at IS NULL ORDER BY row");
            entries(connection, &sql, [])
        })
    }

    fn add_allowed(&self, draft: &AllowDraft, at: i64, by: &str) -> Result<AllowEntry, StateError> {
        let id = Id::random()?;
        self.with(|connection| {
            let paths = serde_json::to_string(&draft.paths).unwrap_or_default();
            let ips = Targets::Ips(draft.ips.clone()).to_json();
            let sql = "INSERT INTO allowlist (id, ips, paths, comment, created_at, created_by)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            connection
                .execute(sql, params![id.to_sql(), ips, paths, draft.comment, at, by])
                .map_err(StateError::sqlite("storing an entry of the allow list"))?;
            Ok(AllowEntry {
                id,
                ips: draft.ips.clone(),
                paths: draft.paths.clone(),
                comment: draft.comment.clone(),
                created_at: at,
                created_by: by.to_owned(),
                removed_at: None,
                removed_by: None,
            })
        })
    }

    fn remove_allowed(&self, id: Id, at: i64, by: &str) -> Result<Option<AllowEntry>, StateError> {
        self.with(|connection| {
            let sql = "UPDATE allowlist SET removed_at = ?2, removed_by = ?3
                       WHERE id = ?1 AND removed_at IS NULL";
            connection
                .execute(sql, params![id.to_sql(), at, by])
                .map_err(StateError::sqlite("removing an entry of the allow list"))?;
            let sql = format!("SELECT {COLUMNS} FROM allowlist WHERE id = ?1");
            Ok(entries(connection, &sql, params![id.to_sql()])?.pop())
        })
    }
}

fn entries(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<AllowEntry>, StateError> {
    let failed = || StateError::sqlite("reading the allow list");
    let mut statement = connection.prepare(sql).map_err(failed())?;
    let mut rows = statement.query(params).map_err(failed())?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        entries.push(entry(row).map_err(failed())??);
    }
    Ok(entries)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Result<AllowEntry, StateError>> {
    let number = row.get(0)?;
    let damaged = |column| {
        Ok(Err(StateError::Damaged {
            table: "allowlist",
            row: number,
            column,
        }))
    };
    let Some(Targets::Ips(ips)) = Targets::of_json(Kind::BlockIp, &row.get::<_, String>(2)?) else {
        return damaged("ips");
    };
    let Ok(paths) = serde_json::from_str(&row.get::<_, String>(3)?) else {
        return damaged("paths");
    };
    Ok(Ok(AllowEntry {
        id: Id::from_sql(row.get(1)?),
        ips,
        paths,
        comment: row.get(4)?,
        created_at: row.get(5)?,
        created_by: row.get(6)?,
        removed_at: row.get(7)?,
        removed_by: row.get(8)?,
    }))
}
