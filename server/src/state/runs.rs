//! The table of runs: each time a playbook fired, what came of it, and which events made it.

use rusqlite::{Connection, Row, params};

use super::delivery::{Place, Queued, StoredNotice};
use super::error::StateError;
use super::model::Id;
use super::outbox::{new_ids, put_all};
use super::sqlite::SqliteState;

/// How long runs are kept, in microseconds: 400 days.
const AGE: i64 = 400 * 86_400 * 1_000_000;

/// That a playbook fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunRecord {
    /// Its place in the order of decisions; 0 until it is stored.
    pub(crate) row: i64,
    pub(crate) id: Id,
    /// The same events under the same version make the same key.
    pub(crate) key: [u8; 16],
    pub(crate) slug: String,
    pub(crate) version: i64,
    /// The name of the stage that it had.
    pub(crate) stage: String,
    /// The name of what came of it; empty until that is known.
    pub(crate) outcome: String,
    /// Who had last stored the version or set its stage.
    pub(crate) approved_by: String,
    /// Why nothing was done, where nothing was.
    pub(crate) reason: Option<String>,
    /// Whom it concerns: an address or range, or a JSON object of identifiers.
    pub(crate) actor: String,
    /// The value of `group_by`.
    pub(crate) group: Option<String>,
    /// When the last of the events happened, in microseconds since the Unix epoch.
    pub(crate) at: i64,
    /// When it was decided, in microseconds since the Unix epoch.
    pub(crate) decided_at: i64,
    /// What was counted, as JSON.
    pub(crate) counted: String,
    /// The events that made it, as a JSON array of their times and ids.
    pub(crate) events: String,
    /// The security responses, as they were or would have been, as JSON.
    pub(crate) responses: String,
    /// Microseconds since the Unix epoch.
    pub(crate) undone_at: Option<i64>,
    pub(crate) undone_by: Option<String>,
}

/// Which runs are meant.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunQuery<'a> {
    pub(crate) slug: Option<&'a str>,
    /// The name of what came of it.
    pub(crate) outcome: Option<&'a str>,
    pub(crate) actor: Option<&'a str>,
    /// Those that were decided since then, in microseconds since the Unix epoch.
    pub(crate) since: Option<i64>,
    /// Those before this place in the order of decisions.
    pub(crate) before: Option<i64>,
}

/// How often a playbook fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunCount {
    pub(crate) slug: String,
    pub(crate) outcome: String,
    pub(crate) runs: u64,
    pub(crate) actors: u64,
}

/// What playbooks did.
pub(crate) trait RunStore {
    /// Stores a run whose outcome is not known yet, and forgets those that are over 400 days old. Answers the one that
    /// is stored by this key, and whether it was before.
    fn begin_run(&self, run: &RunRecord) -> Result<(RunRecord, bool), StateError>;

    /// Writes down what came of a run, and queues the notice of it, in one write: whoever ends in between has done
    /// neither. Answers what became of the notice in each place, as [`queue`](super::outbox::OutboxStore::queue) does.
    fn end_run(
        &self,
        run: &RunRecord,
        notice: Option<(&StoredNotice, &[Place<'_>])>,
    ) -> Result<Vec<Queued>, StateError>;

    /// Runs whose outcome was not written down, in the order of decisions.
    fn open_runs(&self) -> Result<Vec<RunRecord>, StateError>;

    /// Notes that a run was undone; does nothing if it was already.
    fn undo_run(&self, id: Id, at: i64, by: &str) -> Result<(), StateError>;

    fn run(&self, id: Id) -> Result<Option<RunRecord>, StateError>;

    /// The newest runs that are meant, the newest first.
    fn runs(&self, query: RunQuery<'_>, limit: usize) -> Result<Vec<RunRecord>, StateError>;

    /// The runs decided since then, counted by playbook and outcome.
    fn count_runs(&self, since: i64) -> Result<Vec<RunCount>, StateError>;

    /// How often a playbook had this outcome for the actor since then; runs that were undone are none.
    fn past_runs(
        &self,
        slug: &str,
        outcome: &str,
        actor: &str,
        since: i64,
    ) -> Result<u64, StateError>;

    /// The actions of a playbook's runs that are in force, and the run of each.
    fn live_actions_of(&self, slug: &str, now: i64) -> Result<Vec<(Id, Id)>, StateError>;

    /// For how many actors other than this one a playbook had this outcome since then, undone or not.
    fn past_others(
        &self,
        slug: &str,
        outcome: &str,
        actor: &str,
        since: i64,
    ) -> Result<u64, StateError>;
}

const COLUMNS: &str = "row, id, key, slug, version, stage, outcome, reason, actor, grouped, at, decided_at, \
                       counted, events, responses, undone_at, undone_by, approved_by";

impl RunStore for SqliteState {
    fn begin_run(&self, run: &RunRecord) -> Result<(RunRecord, bool), StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let added = transaction.execute(
                    "INSERT INTO runs (id, key, slug, version, stage, outcome, reason, actor, grouped, at, decided_at,
                                       counted, events, responses, approved_by)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
                     ON CONFLICT (key) DO NOTHING",
                    params![
                        run.id.to_sql(),
                        run.key,
                        run.slug,
                        run.version,
                        run.stage,
                        run.outcome,
                        run.reason,
                        run.actor,
                        run.group,
                        run.at,
                        run.decided_at,
                        run.counted,
                        run.events,
                        run.responses,
                        run.approved_by
                    ],
                )?;
                let old = "DELETE FROM runs WHERE decided_at < ?1";
                transaction.execute(old, [run.decided_at.saturating_sub(AGE)])?;
                let sql = format!("SELECT {COLUMNS} FROM runs WHERE key = ?1");
                let stored = transaction.query_row(&sql, [run.key], record)?;
                transaction.commit()?;
                Ok((stored, added == 0))
            };
            write().map_err(StateError::sqlite("storing a run"))
        })
    }

    fn end_run(
        &self,
        run: &RunRecord,
        notice: Option<(&StoredNotice, &[Place<'_>])>,
    ) -> Result<Vec<Queued>, StateError> {
        let ids = new_ids(notice.map_or(&[], |(_, places)| places))?;
        self.with(|connection| {
            let write = || {
                let transaction = connection.transaction()?;
                let sql = "UPDATE runs SET stage = ?2, outcome = ?3, reason = ?4, responses = ?5, approved_by = ?6 WHERE id = ?1";
                let values = params![
                    run.id.to_sql(),
                    run.stage,
                    run.outcome,
                    run.reason,
                    run.responses,
                    run.approved_by
                ];
                transaction.execute(sql, values)?;
                let queued = match notice {
                    Some((notice, places)) => {
                        put_all(&transaction, notice, places, ids, run.decided_at)?
                    }
                    None => Vec::new(),
                };
                transaction.commit()?;
                Ok(queued)
            };
            write().map_err(StateError::sqlite("writing down what came of a run"))
        })
    }

    fn open_runs(&self) -> Result<Vec<RunRecord>, StateError> {
        self.with(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE outcome = '' ORDER BY row");
            records(connection, &sql, [])
        })
    }

    fn undo_run(&self, id: Id, at: i64, by: &str) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "UPDATE runs SET undone_at = ?2, undone_by = ?3 WHERE id = ?1 AND undone_at IS NULL";
            let written = connection.execute(sql, params![id.to_sql(), at, by]);
            written.map_err(StateError::sqlite("undoing a run"))?;
            Ok(())
        })
    }

    fn run(&self, id: Id) -> Result<Option<RunRecord>, StateError> {
        self.with(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM runs WHERE id = ?1");
            Ok(records(connection, &sql, [id.to_sql()])?.pop())
        })
    }

    fn runs(&self, query: RunQuery<'_>, limit: usize) -> Result<Vec<RunRecord>, StateError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.with(|connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM runs
                 WHERE (?1 IS NULL OR slug = ?1) AND (?2 IS NULL OR actor = ?2)
                   AND decided_at >= ?3 AND row < ?4 AND (?6 IS NULL OR outcome = ?6)
                 ORDER BY row DESC LIMIT ?5"
            );
            let RunQuery {
                slug,
                outcome,
                actor,
                since,
                before,
            } = query;
            let (since, before) = (since.unwrap_or(i64::MIN), before.unwrap_or(i64::MAX));
            let given = params![slug, actor, since, before, limit, outcome];
            records(connection, &sql, given)
        })
    }

    fn count_runs(&self, since: i64) -> Result<Vec<RunCount>, StateError> {
        self.with(|connection| {
            let read = || {
                let sql = "SELECT slug, outcome, count(*), count(DISTINCT actor) FROM runs
                           WHERE decided_at >= ?1 GROUP BY slug, outcome ORDER BY slug, outcome";
                let mut statement = connection.prepare(sql)?;
                let counts = statement.query_map([since], |row| {
                    Ok(RunCount {
                        slug: row.get(0)?,
                        outcome: row.get(1)?,
                        runs: row.get::<_, i64>(2)?.unsigned_abs(),
                        actors: row.get::<_, i64>(3)?.unsigned_abs(),
                    })
                })?;
                counts.collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(StateError::sqlite("counting runs"))
        })
    }

    fn past_runs(
        &self,
        slug: &str,
        outcome: &str,
        actor: &str,
        since: i64,
    ) -> Result<u64, StateError> {
        self.with(|connection| {
            let sql = "SELECT count(*) FROM runs
                       WHERE slug = ?1 AND outcome = ?2 AND actor = ?3 AND decided_at >= ?4
                         AND undone_at IS NULL";
            let values = params![slug, outcome, actor, since];
            let count = connection.query_row(sql, values, |row| row.get::<_, i64>(0));
            let count = count.map_err(StateError::sqlite("counting earlier runs"))?;
            Ok(count.unsigned_abs())
        })
    }

    fn live_actions_of(&self, slug: &str, now: i64) -> Result<Vec<(Id, Id)>, StateError> {
        self.with(|connection| {
            let read = || {
                let sql = "SELECT a.id, r.id FROM runs r JOIN actions a ON a.run = r.id
                           WHERE r.slug = ?1 AND a.lifted_at IS NULL
                             AND (a.expires_at IS NULL OR a.expires_at > ?2)
                           ORDER BY a.row";
                let mut statement = connection.prepare(sql)?;
                let live = statement.query_map(params![slug, now], |row| {
                    Ok((Id::from_sql(row.get(0)?), Id::from_sql(row.get(1)?)))
                })?;
                live.collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(StateError::sqlite("reading a playbook's actions"))
        })
    }

    fn past_others(
        &self,
        slug: &str,
        outcome: &str,
        actor: &str,
        since: i64,
    ) -> Result<u64, StateError> {
        self.with(|connection| {
            let sql = "SELECT count(DISTINCT actor) FROM runs
                       WHERE slug = ?1 AND outcome = ?2 AND actor <> ?3 AND decided_at >= ?4";
            let values = params![slug, outcome, actor, since];
            let count = connection.query_row(sql, values, |row| row.get::<_, i64>(0));
            let count = count.map_err(StateError::sqlite("counting actors"))?;
            Ok(count.unsigned_abs())
        })
    }
}

fn records(
    connection: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<RunRecord>, StateError> {
    let read = || {
        let mut statement = connection.prepare(sql)?;
        let records = statement.query_map(params, record)?;
        records.collect::<rusqlite::Result<Vec<_>>>()
    };
    read().map_err(StateError::sqlite("reading runs"))
}

fn record(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    Ok(RunRecord {
        row: row.get(0)?,
        id: Id::from_sql(row.get(1)?),
        key: row.get(2)?,
        slug: row.get(3)?,
        version: row.get(4)?,
        stage: row.get(5)?,
        outcome: row.get(6)?,
        reason: row.get(7)?,
        actor: row.get(8)?,
        group: row.get(9)?,
        at: row.get(10)?,
        decided_at: row.get(11)?,
        counted: row.get(12)?,
        events: row.get(13)?,
        responses: row.get(14)?,
        undone_at: row.get(15)?,
        undone_by: row.get(16)?,
        approved_by: row.get(17)?,
    })
}
