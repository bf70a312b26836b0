//! The table of saved views.

use rusqlite::params;

use super::error::StateError;
use super::model::Id;
use super::sqlite::SqliteState;

/// A page of events that someone gave a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedView {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// Path and query of the page.
    pub(crate) place: String,
}

/// Why a view was not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSaved {
    /// Another has the name.
    Taken,
    /// There are as many as there may be.
    Full,
}

/// Saved views, which all who look at the pages share.
pub(crate) trait ViewStore {
    /// All views, by name.
    fn views(&self) -> Result<Vec<SavedView>, StateError>;

    /// Stores a view under a new name, `most` in all. `at` is in microseconds since the Unix epoch.
    fn add_view(
        &self,
        name: &str,
        place: &str,
        most: usize,
        at: i64,
        by: &str,
    ) -> Result<Result<(), NotSaved>, StateError>;

    /// Forgets a view, and says whether there was one of this id.
    fn remove_view(&self, id: Id) -> Result<bool, StateError>;
}

impl ViewStore for SqliteState {
    fn views(&self) -> Result<Vec<SavedView>, StateError> {
        self.with(|connection| {
            let read = || {
                let sql = "SELECT id, name, place FROM views ORDER BY name";
                let mut statement = connection.prepare(sql)?;
                let views = statement.query_map([], |row| {
                    Ok(SavedView {
                        id: Id::from_sql(row.get(0)?),
                        name: row.get(1)?,
                        place: row.get(2)?,
                    })
                })?;
                views.collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(StateError::sqlite("reading the saved views"))
        })
    }

    fn add_view(
        &self,
        name: &str,
        place: &str,
        most: usize,
        at: i64,
        by: &str,
    ) -> Result<Result<(), NotSaved>, StateError> {
        let id = Id::random()?;
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let count = "SELECT count(*) FROM views";
                let count: i64 = transaction.query_row(count, [], |row| row.get(0))?;
                if usize::try_from(count).is_ok_and(|count| count >= most) {
                    return Ok(Err(NotSaved::Full));
                }
                let sql = "INSERT INTO views (id, name, place, created_at, created_by)
                           VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING";
                let added = transaction.execute(sql, params![id.to_sql(), name, place, at, by])?;
                transaction.commit()?;
                Ok(if added == 0 {
                    Err(NotSaved::Taken)
                } else {
                    Ok(())
                })
            };
            write().map_err(StateError::sqlite("saving a view"))
        })
    }

    fn remove_view(&self, id: Id) -> Result<bool, StateError> {
        self.with(|connection| {
            let removed = connection.execute("DELETE FROM views WHERE id = ?1", [id.to_sql()]);
            Ok(removed.map_err(StateError::sqlite("forgetting a view"))? > 0)
        })
    }
}
