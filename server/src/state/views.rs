//! The table of saved views.

use rusqlite::{OptionalExtension, Row, params};

use super::error::StateError;
use super::model::Id;
use super::sqlite::SqliteState;

/// What [`view`] reads.
const COLUMNS: &str = "id, name, place, created_at, created_by";

/// A page of events that someone gave a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SavedView {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// Path and query of the page.
    pub(crate) place: String,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
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

    /// Stores a view under a name, `most` in all; with `replaces`, in place of one that has the name. `at` is in
    /// microseconds since the Unix epoch.
    fn add_view(
        &self,
        name: &str,
        place: &str,
        replaces: bool,
        most: usize,
        at: i64,
        by: &str,
    ) -> Result<Result<SavedView, NotSaved>, StateError>;

    /// Forgets a view, and answers it, if there was one of this id.
    fn remove_view(&self, id: Id) -> Result<Option<SavedView>, StateError>;
}

impl ViewStore for SqliteState {
    fn views(&self) -> Result<Vec<SavedView>, StateError> {
        self.with(|connection| {
            let read = || {
                let sql = format!("SELECT {COLUMNS} FROM views ORDER BY name");
                let mut statement = connection.prepare(&sql)?;
                let views = statement.query_map([], view)?;
                views.collect::<rusqlite::Result<Vec<_>>>()
            };
            read().map_err(StateError::sqlite("reading the saved views"))
        })
    }

    fn add_view(
        &self,
        name: &str,
        place: &str,
        replaces: bool,
        most: usize,
        at: i64,
        by: &str,
    ) -> Result<Result<SavedView, NotSaved>, StateError> {
        let new = SavedView {
            id: Id::random()?,
            name: name.to_owned(),
            place: place.to_owned(),
            created_at: at,
            created_by: by.to_owned(),
        };
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                if replaces {
                    let sql = format!(
                        "UPDATE views SET place = ?2, created_at = ?3, created_by = ?4 WHERE name = ?1
                         RETURNING {COLUMNS}"
                    );
                    let replaced = transaction.query_row(&sql, params![name, place, at, by], view);
                    if let Some(view) = replaced.optional()? {
                        transaction.commit()?;
                        return Ok(Ok(view));
                    }
                }
                let count = "SELECT count(*) FROM views";
                let count: i64 = transaction.query_row(count, [], |row| row.get(0))?;
                if usize::try_from(count).is_ok_and(|count| count >= most) {
                    return Ok(Err(NotSaved::Full));
                }
                let sql = "INSERT INTO views (id, name, place, created_at, created_by)
                           VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (name) DO NOTHING";
                let id = new.id.to_sql();
                let added = transaction.execute(sql, params![id, name, place, at, by])?;
                transaction.commit()?;
                Ok(if added == 0 {
                    Err(NotSaved::Taken)
                } else {
                    Ok(new.clone())
                })
            };
            write().map_err(StateError::sqlite("saving a view"))
        })
    }

    fn remove_view(&self, id: Id) -> Result<Option<SavedView>, StateError> {
        self.with(|connection| {
            let sql = format!("DELETE FROM views WHERE id = ?1 RETURNING {COLUMNS}");
            let removed = connection.query_row(&sql, [id.to_sql()], view).optional();
            removed.map_err(StateError::sqlite("forgetting a view"))
        })
    }
}

fn view(row: &Row<'_>) -> rusqlite::Result<SavedView> {
    Ok(SavedView {
        id: Id::from_sql(row.get(0)?),
        name: row.get(1)?,
        place: row.get(2)?,
        created_at: row.get(3)?,
        created_by: row.get(4)?,
    })
}
