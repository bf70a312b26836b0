//! The tables of people and of the links that set their passwords.

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::error::StateError;
use super::model::Id;
use super::sqlite::SqliteState;

/// What someone may do; each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Role {
    /// Reads.
    Viewer,
    /// Blocks, lifts and allows.
    Operator,
    /// Manages people, tokens and settings.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The name, as settings, command line and API have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// A person as they are stored.
#[derive(Clone, Debug)]
pub(crate) struct PersonRecord {
    pub(crate) id: Id,
    /// An e-mail address or a login; no two differ in case alone.
    pub(crate) name: String,
    pub(crate) role: Role,
    /// The argon2id hash with its salt and parameters; none before a link has set one.
    pub(crate) password: Option<String>,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    /// Microseconds since the Unix epoch.
    pub(crate) signed_in_at: Option<i64>,
    /// Microseconds since the Unix epoch; none for someone who may sign in.
    pub(crate) disabled_at: Option<i64>,
}

/// People, and the links that set their passwords.
pub(crate) trait PersonStore {
    /// All people, in the order of creation.
    fn people(&self) -> Result<Vec<PersonRecord>, StateError>;

    /// Stores a person; answers whether the name was free.
    fn add_person(&self, person: &PersonRecord) -> Result<bool, StateError>;

    /// Changes what the person may do.
    fn set_role(&self, id: Id, role: Role) -> Result<(), StateError>;

    /// Lets the person in again, or with a time no longer, which ends their sessions and links.
    fn set_disabled(&self, id: Id, at: Option<i64>) -> Result<(), StateError>;

    /// Changes the password, which ends the person's sessions and links.
    fn set_password(&self, id: Id, hash: &str) -> Result<(), StateError>;

    /// Notes that the person signed in.
    fn note_sign_in(&self, id: Id, at: i64) -> Result<(), StateError>;

    /// Stores the hash of a link, in the place of any other of the person.
    fn add_link(&self, hash: &[u8; 32], person: Id, expires_at: i64) -> Result<(), StateError>;

    /// Whose link it is, if it is still in force.
    fn link(&self, hash: &[u8; 32], now: i64) -> Result<Option<Id>, StateError>;

    /// Changes the password of whom the link is for, as [`set_password`](Self::set_password) does, if it is still in
    /// force; answers whose it was.
    fn use_link(&self, hash: &[u8; 32], now: i64, password: &str)
    -> Result<Option<Id>, StateError>;
}

impl PersonStore for SqliteState {
    fn people(&self) -> Result<Vec<PersonRecord>, StateError> {
        self.with(|connection| {
            let failed = || StateError::sqlite("reading the people");
            let sql = "SELECT row, id, name, role, password, created_at, signed_in_at, disabled_at
                       FROM people ORDER BY row";
            let mut statement = connection.prepare(sql).map_err(failed())?;
            let mut rows = statement.query([]).map_err(failed())?;
            let mut people = Vec::new();
            while let Some(row) = rows.next().map_err(failed())? {
                people.push(person(row).map_err(failed())??);
            }
            Ok(people)
        })
    }

    fn add_person(&self, person: &PersonRecord) -> Result<bool, StateError> {
        self.with(|connection| {
            let sql = "INSERT INTO people (id, name, role, password, created_at, signed_in_at, disabled_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO NOTHING";
            let values = params![
                person.id.to_sql(),
                person.name,
                person.role.name(),
                person.password,
                person.created_at,
                person.signed_in_at,
                person.disabled_at
            ];
            let added = connection.execute(sql, values);
            Ok(added.map_err(StateError::sqlite("storing a person"))? > 0)
        })
    }

    fn set_role(&self, id: Id, role: Role) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "UPDATE people SET role = ?2 WHERE id = ?1";
            let changed = connection.execute(sql, params![id.to_sql(), role.name()]);
            changed.map_err(StateError::sqlite("changing a role"))?;
            Ok(())
        })
    }

    fn set_disabled(&self, id: Id, at: Option<i64>) -> Result<(), StateError> {
        self.with(|connection| {
            let change = |transaction: &Transaction<'_>| {
                let sql = "UPDATE people SET disabled_at = ?2 WHERE id = ?1";
                transaction.execute(sql, params![id.to_sql(), at])?;
                end_access(transaction, id)
            };
            in_transaction(connection, change).map_err(StateError::sqlite("disabling a person"))
        })
    }

    fn set_password(&self, id: Id, hash: &str) -> Result<(), StateError> {
        self.with(|connection| {
            let change = |transaction: &Transaction<'_>| set_password(transaction, id, hash);
            in_transaction(connection, change).map_err(StateError::sqlite("changing a password"))
        })
    }

    fn note_sign_in(&self, id: Id, at: i64) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "UPDATE people SET signed_in_at = ?2 WHERE id = ?1";
            let noted = connection.execute(sql, params![id.to_sql(), at]);
            noted.map_err(StateError::sqlite("noting a sign-in"))?;
            Ok(())
        })
    }

    fn add_link(&self, hash: &[u8; 32], person: Id, expires_at: i64) -> Result<(), StateError> {
        self.with(|connection| {
            let add = |transaction: &Transaction<'_>| {
                transaction.execute("DELETE FROM links WHERE person = ?1", [person.to_sql()])?;
                let sql = "INSERT INTO links (hash, person, expires_at) VALUES (?1, ?2, ?3)";
                transaction.execute(sql, params![hash, person.to_sql(), expires_at])?;
                Ok(())
            };
            in_transaction(connection, add).map_err(StateError::sqlite("storing a link"))
        })
    }

    fn link(&self, hash: &[u8; 32], now: i64) -> Result<Option<Id>, StateError> {
        self.with(|connection| {
            owner(connection, hash, now).map_err(StateError::sqlite("looking for a link"))
        })
    }

    fn use_link(
        &self,
        hash: &[u8; 32],
        now: i64,
        password: &str,
    ) -> Result<Option<Id>, StateError> {
        self.with(|connection| {
            let change = |transaction: &Transaction<'_>| {
                let owner = owner(transaction, hash, now)?;
                if let Some(owner) = owner {
                    set_password(transaction, owner, password)?;
                }
                Ok(owner)
            };
            in_transaction(connection, change).map_err(StateError::sqlite("using a link"))
        })
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// Whose link it is.
fn owner(connection: &Connection, hash: &[u8; 32], now: i64) -> rusqlite::Result<Option<Id>> {
    let sql = "SELECT person FROM links WHERE hash = ?1 AND expires_at > ?2";
    let found = connection.query_row(sql, params![hash, now], |row| row.get(0));
    Ok(found.optional()?.map(Id::from_sql))
}

fn set_password(connection: &Connection, id: Id, hash: &str) -> rusqlite::Result<()> {
    let sql = "UPDATE people SET password = ?2 WHERE id = ?1";
    connection.execute(sql, params![id.to_sql(), hash])?;
    end_access(connection, id)
}

/// Ends the sessions and links of a person.
fn end_access(connection: &Connection, id: Id) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM sessions WHERE person = ?1", [id.to_sql()])?;
    connection.execute("DELETE FROM links WHERE person = ?1", [id.to_sql()])?;
    Ok(())
}

fn person(row: &Row<'_>) -> rusqlite::Result<Result<PersonRecord, StateError>> {
    let Some(role) = Role::of_name(&row.get::<_, String>(3)?) else {
        return Ok(Err(StateError::Damaged {
            table: "people",
            row: row.get(0)?,
            column: "role",
        }));
    };
    Ok(Ok(PersonRecord {
        id: Id::from_sql(row.get(1)?),
        name: row.get(2)?,
        role,
        password: row.get(4)?,
        created_at: row.get(5)?,
        signed_in_at: row.get(6)?,
        disabled_at: row.get(7)?,
    }))
}
