//! The connection.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use super::error::StateError;
use super::migrations;
use super::store::StateStore;

/// The state store in one file.
#[derive(Debug)]
pub(crate) struct SqliteState {
    /// `None` once it is closed.
    connection: Mutex<Option<Connection>>,
}

impl SqliteState {
    /// Another process, such as one that makes a backup, may hold the file for so long.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Opens the file, makes it if it is not there, and brings it to the newest version.
    ///
    /// # Errors
    ///
    /// [`StateError::Newer`] if a newer server has written it; [`StateError::Sqlite`] if it cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, StateError> {
        keep_private(path).map_err(|source| StateError::File {
            path: path.to_owned(),
            source: Arc::new(source),
        })?;
        let open = || {
            let connection = Connection::open(path)?;
            connection.busy_timeout(Self::PATIENCE)?;
            connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "full")?;
            Ok(connection)
        };
        let mut connection = open().map_err(StateError::sqlite("opening state.sqlite"))?;
        migrations::run(&mut connection, path)?;
        Ok(Self {
            connection: Mutex::new(Some(connection)),
        })
    }

    /// Copies the file to another, which is made and must not be there, as it is at one moment, whoever writes to it
    /// meanwhile.
    pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), StateError> {
        keep_private(to).map_err(|source| StateError::File {
            path: to.to_owned(),
            source: Arc::new(source),
        })?;
        let copy = || {
            let connection = Self::open_to_read(from)?;
            connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])
        };
        copy().map_err(StateError::sqlite("copying state.sqlite"))?;
        Ok(())
    }

    /// What SQLite finds wrong with the file; nothing if all is well.
    pub(crate) fn check(path: &Path) -> Result<Vec<String>, StateError> {
        let check = || {
            let connection = Self::open_to_read(path)?;
            let mut statement = connection.prepare("PRAGMA integrity_check")?;
            let found = statement.query_map([], |row| row.get(0))?;
            found.collect::<rusqlite::Result<Vec<String>>>()
        };
        match check() {
            Ok(found) => Ok(found.into_iter().filter(|text| text != "ok").collect()),
            Err(error) if is_damage(&error) => Ok(vec![error.to_string()]),
            Err(error) => Err(StateError::sqlite("checking state.sqlite")(error)),
        }
    }

    fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.busy_timeout(Self::PATIENCE)?;
        Ok(connection)
    }

    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StateError>,
    ) -> Result<T, StateError> {
        work(self.lock().as_mut().ok_or(StateError::Closed)?)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the file if it is not there, and keeps all but its owner from it: it holds secrets in clear. SQLite gives the
/// files that it makes beside it the same mode.
fn keep_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    {
        use std::fs::Permissions;
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

        let file = options.mode(0o600).open(path)?;
        file.set_permissions(Permissions::from_mode(0o600))
    }
    #[cfg(not(unix))]
    options.open(path).map(drop)
}

/// Whether the file itself is at fault.
fn is_damage(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

impl StateStore for SqliteState {
    fn version(&self) -> Result<i64, StateError> {
        self.with(|connection| {
            connection
                .pragma_query_value(None, "data_version", |row| row.get(0))
                .map_err(StateError::sqlite("looking for changes"))
        })
    }

    fn check_writable(&self) -> Result<(), StateError> {
        self.with(|connection| {
            // The write lock is what a write needs and may not get; nothing is changed.
            connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .and_then(rusqlite::Transaction::rollback)
                .map_err(StateError::sqlite("trying to write"))
        })
    }

    fn close(&self) -> Result<(), StateError> {
        let connection = self.lock().take();
        match connection.map(Connection::close) {
            None | Some(Ok(())) => Ok(()),
            Some(Err((_, error))) => Err(StateError::sqlite("closing")(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_newer_server_is_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        SqliteState::open(&path).unwrap().close().unwrap();
        let version = |connection: &Connection| -> i64 {
            connection
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .unwrap()
        };
        let connection = Connection::open(&path).unwrap();
        let known = version(&connection);
        connection
            .pragma_update(None, "user_version", known + 1)
            .unwrap();
        drop(connection);
        let error = SqliteState::open(&path).unwrap_err();
        assert!(matches!(error, StateError::Newer { found, .. } if found == known + 1));
        assert!(error.to_string().contains("start a newer one"), "{error}");
        assert_eq!(version(&Connection::open(&path).unwrap()), known + 1);
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.sqlite");
        let mode = |name: &str| {
            let file = std::fs::metadata(dir.path().join(name)).unwrap();
            file.permissions().mode() & 0o777
        };
        // As an earlier server left it.
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let store = SqliteState::open(&path).unwrap();
        SqliteState::copy(&path, &dir.path().join("copy")).unwrap();
        for name in ["state.sqlite", "state.sqlite-wal", "copy"] {
            assert_eq!(mode(name), 0o600, "{name}");
        }
        store.close().unwrap();
    }

    #[test]
    fn writes_are_durable_before_they_are_answered() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteState::open(&dir.path().join("state.sqlite")).unwrap();
        let pragma = |name: &str| {
            store.with(|connection| {
                let read = |row: &rusqlite::Row<'_>| row.get::<_, rusqlite::types::Value>(0);
                Ok(connection.pragma_query_value(None, name, read).unwrap())
            })
        };
        assert_eq!(
            pragma("journal_mode").unwrap(),
            rusqlite::types::Value::Text("wal".to_owned())
        );
        assert_eq!(
            pragma("synchronous").unwrap(),
            rusqlite::types::Value::Integer(2)
        );
    }
}
