//! Making and revoking tokens: the shell, the API and the pages come here.

use std::fmt;
use std::io;

use sqreen::protocol::Timestamp;

use super::{Caller, Secret, TokenHash, random_hex};
use crate::fields::FieldError;
use crate::state::{Event, Id, Role, StateError, StateStore, TokenKind, TokenRecord};

/// The most bytes of a comment, and of an application's name.
pub(crate) const MAX_TEXT: usize = 256;
/// The most tokens in force.
pub(crate) const MAX_TOKENS: usize = 10_000;

/// Why tokens are not changed.
#[derive(Debug)]
pub(crate) enum TokenError {
    Field(FieldError),
    /// As many are in force as there may be.
    Full,
    State(StateError),
}

impl From<FieldError> for TokenError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<StateError> for TokenError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Full => write!(f, "{MAX_TOKENS} tokens are in force, the limit; revoke one"),
            Self::State(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for TokenError {}

/// A token that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewToken {
    kind: TokenKind,
    app: Option<String>,
    role: Option<Role>,
    comment: String,
}

impl NewToken {
    /// A token of this kind. A token of one application needs `app`, and one of the API `role`; others take neither.
    ///
    /// # Errors
    ///
    /// The field that is missing, too many, or longer than [`MAX_TEXT`]: `app`, `role` or `comment`.
    pub(crate) fn new(
        kind: TokenKind,
        app: Option<String>,
        role: Option<Role>,
        comment: String,
    ) -> Result<Self, FieldError> {
        match (kind, &app) {
            (TokenKind::App, Some(name)) if (1..=MAX_TEXT).contains(&name.len()) => {}
            (TokenKind::App, _) => {
                let wrong = format!("expected a name of 1 to {MAX_TEXT} bytes");
                return Err(FieldError::new("app", wrong));
            }
            (_, Some(_)) => {
                let wrong = "only tokens of one application have it";
                return Err(FieldError::new("app", wrong));
            }
            (_, None) => {}
        }
        match (kind, role) {
            (TokenKind::Api, None) => {
                let wrong = "expected viewer, operator or admin";
                return Err(FieldError::new("role", wrong));
            }
            (TokenKind::Org | TokenKind::App, Some(_)) => {
                return Err(FieldError::new("role", "only tokens of the API have one"));
            }
            _ => {}
        }
        if comment.len() > MAX_TEXT {
            let wrong = format!("longer than {MAX_TEXT} bytes");
            return Err(FieldError::new("comment", wrong));
        }
        Ok(Self {
            kind,
            app,
            role,
            comment,
        })
    }

    /// What the first start of a server makes: a token of this kind that may do everything.
    pub(super) fn first(kind: TokenKind) -> Self {
        Self {
            kind,
            app: None,
            role: (kind == TokenKind::Api).then_some(Role::Admin),
            comment: "made at the first start".to_owned(),
        }
    }

    /// Makes and stores it, unless there are [`MAX_TOKENS`]. The token itself is in the answer alone. Blocks.
    pub(crate) fn create(
        self,
        state: &dyn StateStore,
        by: &Caller,
    ) -> Result<(Secret, TokenRecord), TokenError> {
        let known = state.tokens()?;
        let live = known.iter().filter(|token| token.revoked_at.is_none());
        if live.count() >= MAX_TOKENS {
            return Err(TokenError::Full);
        }
        Ok(self.store(state, by)?)
    }

    /// Makes and stores it, and the application that it is for.
    pub(super) fn store(
        self,
        state: &dyn StateStore,
        by: &Caller,
    ) -> Result<(Secret, TokenRecord), StateError> {
        let digits = random_hex().map_err(|_: io::Error| StateError::Random)?;
        // Old agents know by `org_` that they must name an application.
        let token = Secret(format!("{}_{digits}", self.kind.name()));
        let now = Timestamp::now().as_micros();
        if let Some(app) = &self.app {
            state.add_app(app, now)?;
        }
        let record = TokenRecord {
            id: Id::random()?,
            kind: self.kind,
            app: self.app,
            role: self.role,
            hash: TokenHash::of(&token.0).0,
            comment: self.comment,
            created_at: now,
            used_at: None,
            revoked_at: None,
        };
        state.add_token(&record)?;
        let id = record.id.to_string();
        by.note(state, Event::TokenCreated, Some(&id), Some(&record.comment));
        Ok((token, record))
    }
}

/// Ends a token for ever, and says whether one of this id was in force. Blocks.
pub(crate) fn revoke(state: &dyn StateStore, id: Id, by: &Caller) -> Result<bool, StateError> {
    let revoked = state.revoke_token(id, Timestamp::now().as_micros())?;
    if revoked {
        by.note(state, Event::TokenRevoked, Some(&id.to_string()), None);
    }
    Ok(revoked)
}
