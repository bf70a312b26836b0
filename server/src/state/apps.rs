//! The applications that agents have logged in for.

use rusqlite::params;

use super::error::StateError;
use super::sqlite::SqliteState;

/// Applications by name.
pub(crate) trait AppStore {
    /// All names, in alphabetical order.
    fn apps(&self) -> Result<Vec<String>, StateError>;

    /// Stores a name, if it is not there. `at` is in microseconds since the Unix epoch.
    fn add_app(&self, name: &str, at: i64) -> Result<(), StateError>;
}

impl AppStore for SqliteState {
    fn apps(&self) -> Result<Vec<String>, StateError> {
        self.with(|connection| {
            let read = || {
                let mut statement = connection.prepare("SELECT name FROM apps ORDER BY name")?;
                let names = statement.query_map([], |row| row.get(0))?;
                names.collect::<rusqlite::Result<Vec<String>>>()
            };
            read().map_err(StateError::sqlite("reading the applications"))
        })
    }

    fn add_app(&self, name: &str, at: i64) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "INSERT INTO apps (name, created_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            let added = connection.execute(sql, params![name, at]);
            added.map_err(StateError::sqlite("storing an application"))?;
            Ok(())
        })
    }
}
