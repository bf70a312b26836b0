//! The table of actions.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rusqlite::{Connection, Row, params};

use super::error::StateError;
use super::model::{Action, ActionDraft, ActionRecord, Id, Kind, ParseIdError, Targets};
use super::sqlite::SqliteState;

const COLUMNS: &str = "row, id, app, kind, targets, url, dry_run, match_any, expires_at, \
                       comment, origin, critical, created_at, created_by, lifted_at, lifted_by, replaced_by, run";

/// Who decides what, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// Such as `operator`.
    pub(crate) origin: &'a str,
    /// The run of a playbook that made it.
    pub(crate) run: Option<Id>,
    pub(crate) by: &'a str,
    /// Microseconds since the Unix epoch.
    pub(crate) at: i64,
}

/// Where a page of actions ended: opaque text to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActionCursor {
    /// When the action ended, or will; pages of live actions do not look at it.
    pub(crate) ended: i64,
    pub(crate) row: i64,
}

impl ActionCursor {
    /// Where a page goes on that ends with this action.
    pub(crate) fn of(record: &ActionRecord) -> Self {
        let ended = record.lifted_at.or(record.action.expires_at);
        Self {
            ended: ended.unwrap_or_default(),
            row: record.action.row,
        }
    }
}

impl fmt::Display for ActionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.ended, self.row)
    }
}

impl FromStr for ActionCursor {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let (ended, row) = text.split_at_checked(16).ok_or(ParseIdError)?;
        // The ids' digits are those of the cursor.
        Ok(Self {
            ended: ended.parse::<Id>()?.to_sql(),
            row: row.parse::<Id>()?.to_sql(),
        })
    }
}

/// Security responses and their history.
pub(crate) trait ActionStore {
    /// All actions in force, in the order of creation.
    fn live_actions(&self, now: i64) -> Result<Vec<Arc<Action>>, StateError>;

    /// Stores the action, and the end of the one whose place it takes, in one transaction.
    fn add_action(
        &self,
        draft: &ActionDraft,
        critical: Option<&str>,
        origin: Origin<'_>,
        replaces: Option<i64>,
    ) -> Result<ActionRecord, StateError>;

    /// Ends an action that is in force; does nothing to others.
    fn lift_action(&self, id: Id, at: i64, by: &str) -> Result<(), StateError>;

    /// The action of this id, live or not.
    fn action(&self, id: Id) -> Result<Option<ActionRecord>, StateError>;

    /// The actions of these rows, in this order.
    fn actions_of_rows(&self, rows: &[i64]) -> Result<Vec<ActionRecord>, StateError>;

    /// Actions that have ended, the last ended first: those of `app` and those for all, or all of them.
    fn past_actions(
        &self,
        app: Option<&str>,
        before: Option<ActionCursor>,
        limit: usize,
        now: i64,
    ) -> Result<Vec<ActionRecord>, StateError>;
}

impl ActionStore for SqliteState {
    fn live_actions(&self, now: i64) -> Result<Vec<Arc<Action>>, StateError> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM actions WHERE row IN (
                    SELECT row FROM actions WHERE coalesce(lifted_at, expires_at) IS NULL
                    UNION ALL
                    SELECT row FROM actions WHERE coalesce(lifted_at, expires_at) > ?1 AND lifted_at IS NULL
                 ) ORDER BY row"
            );
            let records = records(connection, &sql, params![now])?;
            Ok(records.into_iter().map(|record| record.action).collect())
        })
    }

    fn add_action(
        &self,
        draft: &ActionDraft,
        critical: Option<&str>,
        origin: Origin<'_>,
        replaces: Option<i64>,
    ) -> Result<ActionRecord, StateError> {
        let id = Id::random()?;
        let Origin {
            origin,
            run,
            by,
            at,
        } = origin;
        let expires_at = draft.duration.map(|duration| at.saturating_add(duration));
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                transaction.execute(
                    "INSERT INTO actions (id, app, kind, targets, url, dry_run, match_any, expires_at,
                                          comment, origin, critical, created_at, created_by, run)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
                    params![
                        id.to_sql(),
                        draft.app,
                        draft.kind.name(),
                        draft.targets.to_json(),
                        draft.url,
                        draft.dry_run,
                        draft.match_any,
                        expires_at,
                        draft.comment,
                        origin,
                        critical,
                        at,
                        by,
                        run.map(Id::to_sql)
                    ],
                )?;
                let row = transaction.last_insert_rowid();
                if let Some(replaced) = replaces {
                    transaction.execute(
                        "UPDATE actions SET lifted_at = ?2, lifted_by = ?3, replaced_by = ?4 WHERE row = ?1",
                        params![replaced, at, by, id.to_sql()],
                    )?;
                }
                transaction.commit()?;
                Ok(row)
            };
            let row = write().map_err(StateError::sqlite("storing an action"))?;
            Ok(ActionRecord {
                action: Arc::new(Action {
                    row,
                    id,
                    app: draft.app.as_deref().map(Arc::from),
                    kind: draft.kind,
                    targets: draft.targets.clone(),
                    url: draft.url.clone(),
                    dry_run: draft.dry_run,
                    match_any: draft.match_any,
                    expires_at,
                }),
                comment: draft.comment.clone(),
                origin: origin.to_owned(),
                run,
                critical: critical.map(str::to_owned),
                created_at: at,
                created_by: by.to_owned(),
                lifted_at: None,
                lifted_by: None,
                replaced_by: None,
            })
        })
    }

    fn lift_action(&self, id: Id, at: i64, by: &str) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "UPDATE actions SET lifted_at = ?2, lifted_by = ?3
                       WHERE id = ?1 AND lifted_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)";
            let updated = connection.execute(sql, params![id.to_sql(), at, by]);
            updated.map_err(StateError::sqlite("lifting an action"))?;
            Ok(())
        })
    }

    fn action(&self, id: Id) -> Result<Option<ActionRecord>, StateError> {
        self.with(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM actions WHERE id = ?1");
            Ok(records(connection, &sql, params![id.to_sql()])?.pop())
        })
    }

    fn actions_of_rows(&self, rows: &[i64]) -> Result<Vec<ActionRecord>, StateError> {
        self.with(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM actions WHERE row = ?1");
            let mut found = Vec::with_capacity(rows.len());
            for row in rows {
                found.extend(records(connection, &sql, params![row])?);
            }
            Ok(found)
        })
    }

    fn past_actions(
        &self,
        app: Option<&str>,
        before: Option<ActionCursor>,
        limit: usize,
        now: i64,
    ) -> Result<Vec<ActionRecord>, StateError> {
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM actions
                 WHERE coalesce(lifted_at, expires_at) <= ?1
                   AND (coalesce(lifted_at, expires_at), row) < (?2, ?3)
                   AND (?4 IS NULL OR app IS NULL OR app = ?4)
                 ORDER BY coalesce(lifted_at, expires_at) DESC, row DESC LIMIT ?5"
            );
            let before = before.unwrap_or(ActionCursor {
                ended: i64::MAX,
                row: i64::MAX,
            });
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let params = params![now, before.ended, before.row, app, limit];
            records(connection, &sql, params)
        })
    }
}

fn records(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<ActionRecord>, StateError> {
    let failed = || StateError::sqlite("reading actions");
    let mut statement = connection.prepare(sql).map_err(failed())?;
    let mut rows = statement.query(params).map_err(failed())?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        records.push(record(row).map_err(failed())??);
    }
    Ok(records)
}

fn record(row: &Row<'_>) -> rusqlite::Result<Result<ActionRecord, StateError>> {
    let number = row.get(0)?;
    let damaged = |column| {
        Ok(Err(StateError::Damaged {
            table: "actions",
            row: number,
            column,
        }))
    };
    let Some(kind) = Kind::of_name(&row.get::<_, String>(3)?) else {
        return damaged("kind");
    };
    let Some(targets) = Targets::of_json(kind, &row.get::<_, String>(4)?) else {
        return damaged("targets");
    };
    let action = Action {
        row: number,
        id: Id::from_sql(row.get(1)?),
        app: row.get::<_, Option<String>>(2)?.map(Arc::from),
        kind,
        targets,
        url: row.get(5)?,
        dry_run: row.get(6)?,
        match_any: row.get(7)?,
        expires_at: row.get(8)?,
    };
    Ok(Ok(ActionRecord {
        action: Arc::new(action),
        comment: row.get(9)?,
        origin: row.get(10)?,
        run: row.get::<_, Option<i64>>(17)?.map(Id::from_sql),
        critical: row.get(11)?,
        created_at: row.get(12)?,
        created_by: row.get(13)?,
        lifted_at: row.get(14)?,
        lifted_by: row.get(15)?,
        replaced_by: row.get::<_, Option<i64>>(16)?.map(Id::from_sql),
    }))
}
