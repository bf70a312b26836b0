//! The table of sessions: the hashes of what browsers keep.

use rusqlite::{Row, TransactionBehavior, params};

use super::error::StateError;
use super::model::Id;
use super::sqlite::SqliteState;

/// A session as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct SessionRecord {
    /// Names it to people; opens nothing.
    pub(crate) id: Id,
    /// The SHA-256 of the cookie's value.
    pub(crate) hash: [u8; 32],
    pub(crate) person: Id,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    /// Microseconds since the Unix epoch, to a few minutes.
    pub(crate) used_at: i64,
    /// Where it began, if that is known.
    pub(crate) ip: Option<String>,
    /// What the browser called itself when it began.
    pub(crate) browser: String,
}

/// Sessions; one that has ended is not kept.
pub(crate) trait SessionStore {
    /// All sessions, in the order of creation.
    fn sessions(&self) -> Result<Vec<SessionRecord>, StateError>;

    /// Stores a session; the oldest of the person make room if there would be more than this many.
    fn add_session(&self, session: &SessionRecord, most: usize) -> Result<(), StateError>;

    /// Notes when the session was used.
    fn note_session_use(&self, id: Id, at: i64) -> Result<(), StateError>;

    /// Ends a session of the person, if it is there.
    fn end_session(&self, id: Id, person: Id) -> Result<(), StateError>;

    /// Ends the sessions that began, or were last used, before these times.
    fn expire_sessions(&self, began: i64, used: i64) -> Result<(), StateError>;
}

impl SessionStore for SqliteState {
    fn sessions(&self) -> Result<Vec<SessionRecord>, StateError> {
        self.with(|connection| {
            let failed = || StateError::sqlite("reading the sessions");
            let sql = "SELECT row, id, hash, person, created_at, used_at, ip, browser
                       FROM sessions ORDER BY row";
            let mut statement = connection.prepare(sql).map_err(failed())?;
            let mut rows = statement.query([]).map_err(failed())?;
            let mut sessions = Vec::new();
            while let Some(row) = rows.next().map_err(failed())? {
                sessions.push(session(row).map_err(failed())??);
            }
            Ok(sessions)
        })
    }

    fn add_session(&self, session: &SessionRecord, most: usize) -> Result<(), StateError> {
        self.with(|connection| {
            let mut add = || {
                let transaction =
                    connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
                let sql = "INSERT INTO sessions (id, hash, person, created_at, used_at, ip, browser)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                let person = session.person.to_sql();
                let values = params![
                    session.id.to_sql(),
                    session.hash,
                    person,
                    session.created_at,
                    session.used_at,
                    session.ip,
                    session.browser
                ];
                transaction.execute(sql, values)?;
                let sql = "DELETE FROM sessions WHERE person = ?1 AND row NOT IN (
                               SELECT row FROM sessions WHERE person = ?1 ORDER BY row DESC LIMIT ?2)";
                transaction.execute(sql, params![person, i64::try_from(most).unwrap_or(i64::MAX)])?;
                transaction.commit()
            };
            add().map_err(StateError::sqlite("storing a session"))
        })
    }

    fn note_session_use(&self, id: Id, at: i64) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "UPDATE sessions SET used_at = ?2 WHERE id = ?1";
            let noted = connection.execute(sql, params![id.to_sql(), at]);
            noted.map_err(StateError::sqlite("noting the use of a session"))?;
            Ok(())
        })
    }

    fn end_session(&self, id: Id, person: Id) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "DELETE FROM sessions WHERE id = ?1 AND person = ?2";
            let ended = connection.execute(sql, params![id.to_sql(), person.to_sql()]);
            ended.map_err(StateError::sqlite("ending a session"))?;
            Ok(())
        })
    }

    fn expire_sessions(&self, began: i64, used: i64) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "DELETE FROM sessions WHERE created_at < ?1 OR used_at < ?2";
            let ended = connection.execute(sql, params![began, used]);
            ended.map_err(StateError::sqlite("ending old sessions"))?;
            Ok(())
        })
    }
}

fn session(row: &Row<'_>) -> rusqlite::Result<Result<SessionRecord, StateError>> {
    let Ok(hash) = row.get::<_, Vec<u8>>(2)?.try_into() else {
        return Ok(Err(StateError::Damaged {
            table: "sessions",
            row: row.get(0)?,
            column: "hash",
        }));
    };
    Ok(Ok(SessionRecord {
        id: Id::from_sql(row.get(1)?),
        hash,
        person: Id::from_sql(row.get(3)?),
        created_at: row.get(4)?,
        used_at: row.get(5)?,
        ip: row.get(6)?,
        browser: row.get(7)?,
    }))
}
