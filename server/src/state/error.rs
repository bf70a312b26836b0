//! What can go wrong in the state store.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// An error of the state store, `state.sqlite` in the data directory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StateError {
    /// A newer server has written the file, in a form that this one does not know.
    Newer {
        /// The file.
        path: PathBuf,
        /// The version of the form that it has.
        found: i64,
        /// The newest version that this server knows.
        known: i64,
    },
    /// The file holds what this server never writes.
    Damaged {
        /// The table.
        table: &'static str,
        /// The number of the row.
        row: i64,
        /// The column.
        column: &'static str,
    },
    /// SQLite refused. The store stays usable.
    Sqlite {
        /// What the store was doing.
        action: &'static str,
        /// SQLite's answer.
        source: Arc<rusqlite::Error>,
    },
    /// The file cannot be made, or kept from others.
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },
    /// The store was closed.
    Closed,
    /// The system gave no random bytes for an id.
    Random,
}

impl StateError {
    /// Says what the store was doing.
    pub(super) fn sqlite(action: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite {
            action,
            source: Arc::new(source),
        }
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { path, found, known } => write!(
                f,
                "state store: {} has version {found}, this server knows versions up to {known}: start a newer one",
                path.display()
            ),
            Self::Damaged { table, row, column } => {
                write!(f, "state store: {table} {row}: {column} cannot be read")
            }
            Self::Sqlite { action, source } => write!(f, "state store: {action} failed: {source}"),
            Self::File { path, source } => write!(f, "state store: {}: {source}", path.display()),
            Self::Closed => f.write_str("state store: closed"),
            Self::Random => f.write_str("state store: the system has no random bytes"),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sqlite { source, .. } => Some(&**source),
            Self::File { source, .. } => Some(&**source),
            _ => None,
        }
    }
}
