//! What can go wrong when a scrubber is made, and when it is used.

use std::error::Error;
use std::fmt;

/// A scrubbing configuration that cannot be used.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ScrubConfigError {
    /// A key has no letter or digit, and so could never match.
    Key {
        /// The key as it was configured.
        key: String,
    },
    /// A pattern is not a regular expression.
    Pattern {
        /// The pattern as it was configured.
        pattern: String,
        /// What is wrong with it.
        source: regex::Error,
    },
}

impl fmt::Display for ScrubConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { key } => {
                write!(f, "scrubbing key {key:?} has no letter or digit")
            }
            Self::Pattern { pattern, source } => {
                write!(f, "scrubbing pattern {pattern:?} is invalid: {source}")
            }
        }
    }
}

impl Error for ScrubConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Key { .. } => None,
            Self::Pattern { source, .. } => Some(source),
        }
    }
}

/// A value that could not be scrubbed to its end, and so must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScrubError {
    /// Objects and arrays are nested deeper than the limit.
    TooDeep {
        /// The deepest nesting that is scrubbed.
        limit: usize,
    },
}

impl fmt::Display for ScrubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooDeep { limit } => {
                write!(f, "value is nested deeper than {limit} levels")
            }
        }
    }
}

impl Error for ScrubError {}
