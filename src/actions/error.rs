use std::fmt;

use super::{MAX_ID_BYTES, MAX_PATH_BYTES, MAX_URL_BYTES};
use crate::limits::Mistake;

/// Longest quotation of what is wrong, in characters.
const MAX_QUOTED: usize = 64;

/// Why a pack or a change was refused. Its text is fit for the backend: it quotes ids and
/// addresses, never a user's identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PackError {
    /// More than the limit of something.
    TooMany { what: &'static str, limit: usize },
    /// An action is malformed.
    Action {
        /// Its id, shortened and escaped.
        id: String,
        field: &'static str,
        problem: Problem,
    },
    /// The allow list is malformed.
    Allowlist {
        field: &'static str,
        problem: Problem,
    },
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Empty,
    Missing,
    /// Another action has the same id.
    Duplicate,
    TooLong {
        limit: usize,
    },
    /// Neither null nor above zero.
    Duration,
    /// Shortened and escaped.
    Address(String),
    Url,
    /// The identifier under this key is neither text nor number nor boolean.
    NotScalar(String),
    User(Mistake),
    Path,
}

impl PackError {
    pub(super) fn action(id: &str, field: &'static str, problem: Problem) -> Self {
        Self::Action {
            id: quoted(id),
            field,
            problem,
        }
    }
}

impl Problem {
    pub(super) const LONG_ID: Self = Self::TooLong {
        limit: MAX_ID_BYTES,
    };
    pub(super) const LONG_URL: Self = Self::TooLong {
        limit: MAX_URL_BYTES,
    };
    pub(super) const LONG_PATH: Self = Self::TooLong {
        limit: MAX_PATH_BYTES,
    };

    pub(super) fn address(text: &str) -> Self {
        Self::Address(quoted(text))
    }

    pub(super) fn not_scalar(key: &str) -> Self {
        Self::NotScalar(quoted(key))
    }
}

/// The beginning of a text, without control characters.
fn quoted(text: &str) -> String {
    let mut chars = text.chars();
    let start = chars.by_ref().take(MAX_QUOTED).collect::<String>();
    let more = if chars.next().is_some() { "…" } else { "" };
    format!("{}{more}", start.escape_debug())
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { what, limit } => write!(f, "more than {limit} {what}"),
            Self::Action { id, field, problem } => write!(f, "action \"{id}\": {field} {problem}"),
            Self::Allowlist { field, problem } => write!(f, "allowlist.{field} {problem}"),
        }
    }
}

impl std::error::Error for PackError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::Missing => f.write_str("is missing"),
            Self::Duplicate => f.write_str("is that of another action too"),
            Self::TooLong { limit } => write!(f, "exceeds {limit} bytes"),
            Self::Duration => f.write_str("is neither null nor above zero"),
            Self::Address(text) => {
                write!(f, "holds \"{text}\", which is no IP address or network")
            }
            Self::Url => f.write_str("is no absolute http or https URL in ASCII"),
            Self::NotScalar(key) => write!(
                f,
                "holds an identifier \"{key}\" that is neither text nor number nor boolean"
            ),
            Self::User(mistake) => write!(f, "holds a user that nobody can be: {mistake}"),
            Self::Path => f.write_str("holds a path that does not start with \"/\""),
        }
    }
}
