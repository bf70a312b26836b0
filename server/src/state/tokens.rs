//! The table of tokens: their hashes, never the tokens.

use rusqlite::{Row, params};

use super::error::StateError;
use super::model::Id;
use super::sqlite::SqliteState;

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Agents of any application, which name it.
    Org,
    /// Agents of one application.
    App,
    /// `/api/v1`, `/metrics` and the Event Explorer.
    Api,
}

impl TokenKind {
    pub(crate) const ALL: [Self; 3] = [Self::Org, Self::App, Self::Api];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Org => "org",
            Self::App => "app",
            Self::Api => "api",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRecord {
    pub(crate) id: Id,
    pub(crate) kind: TokenKind,
    /// The application of an [`App`](TokenKind::App) token.
    pub(crate) app: Option<String>,
    /// The SHA-256 of the token.
    pub(crate) hash: [u8; 32],
    pub(crate) comment: String,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    /// Microseconds since the Unix epoch, to the hour.
    pub(crate) used_at: Option<i64>,
    /// Microseconds since the Unix epoch.
    pub(crate) revoked_at: Option<i64>,
}

/// Tokens and their history.
pub(crate) trait TokenStore {
    /// All tokens, revoked ones too, in the order of creation.
    fn tokens(&self) -> Result<Vec<TokenRecord>, StateError>;

    /// Stores a token.
    fn add_token(&self, token: &TokenRecord) -> Result<(), StateError>;

    /// Ends a token for ever, and says whether there is one of this id that was in force.
    fn revoke_token(&self, id: Id, at: i64) -> Result<bool, StateError>;

    /// Notes when the token was used; an earlier time than the one noted changes nothing.
    fn note_token_use(&self, id: Id, at: i64) -> Result<(), StateError>;
}

impl TokenStore for SqliteState {
    fn tokens(&self) -> Result<Vec<TokenRecord>, StateError> {
        self.with(|connection| {
            let failed = || StateError::sqlite("reading the tokens");
            let sql = "SELECT row, id, kind, app, hash, comment, created_at, used_at, revoked_at
                       FROM tokens ORDER BY row";
            let mut statement = connection.prepare(sql).map_err(failed())?;
            let mut rows = statement.query([]).map_err(failed())?;
            let mut tokens = Vec::new();
            while let Some(row) = rows.next().map_err(failed())? {
                tokens.push(token(row).map_err(failed())??);
            }
            Ok(tokens)
        })
    }

    fn add_token(&self, token: &TokenRecord) -> Result<(), StateError> {
        self.with(|connection| {
            let sql =
                "INSERT INTO tokens (id, kind, app, hash, comment, created_at, used_at, revoked_at)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let TokenRecord {
                id,
                kind,
                app,
                hash,
                comment,
                created_at,
                used_at,
                revoked_at,
            } = token;
            let values = params![
                id.to_sql(),
                kind.name(),
                app,
                hash,
                comment,
                created_at,
                used_at,
                revoked_at
            ];
            let added = connection.execute(sql, values);
            added.map_err(StateError::sqlite("storing a token"))?;
            Ok(())
        })
    }

    fn revoke_token(&self, id: Id, at: i64) -> Result<bool, StateError> {
        self.with(|connection| {
            let sql = "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
            let revoked = connection.execute(sql, params![id.to_sql(), at]);
            Ok(revoked.map_err(StateError::sqlite("revoking a token"))? > 0)
        })
    }

    fn note_token_use(&self, id: Id, at: i64) -> Result<(), StateError> {
        self.with(|connection| {
            let sql = "UPDATE tokens SET used_at = ?2 WHERE id = ?1 AND coalesce(used_at, 0) < ?2";
            let noted = connection.execute(sql, params![id.to_sql(), at]);
            noted.map_err(StateError::sqlite("noting the use of a token"))?;
            Ok(())
        })
    }
}

fn token(row: &Row<'_>) -> rusqlite::Result<Result<TokenRecord, StateError>> {
    let number = row.get(0)?;
    let damaged = |column| {
        Ok(Err(StateError::Damaged {
            table: "tokens",
            row: number,
            column,
        }))
    };
    let Some(kind) = TokenKind::of_name(&row.get::<_, String>(2)?) else {
        return damaged("kind");
    };
    let Ok(hash) = row.get::<_, Vec<u8>>(4)?.try_into() else {
        return damaged("hash");
    };
    Ok(Ok(TokenRecord {
        id: Id::from_sql(row.get(1)?),
        kind,
        app: row.get(3)?,
        hash,
        comment: row.get(5)?,
        created_at: row.get(6)?,
        used_at: row.get(7)?,
        revoked_at: row.get(8)?,
    }))
}
