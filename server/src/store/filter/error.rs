//! Why a text is no filter.

use std::fmt;

/// Why a text is no [`Filter`](super::Filter), or no [`Field`](super::Field): where, what is there, and what could be.
///
/// Displays as one line, such as ``at byte 5: found the end, expected a value``.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    pub(super) position: usize,
    pub(super) found: String,
    pub(super) expected: String,
}

impl FilterError {
    /// Where it went wrong, in bytes from the start of the text: always the start of a character, or the end.
    #[must_use]
    pub fn position(&self) -> usize {
        self.position
    }

    /// What is there, for people.
    #[must_use]
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What could be there, for people.
    #[must_use]
    pub fn expected(&self) -> &str {
        &self.expected
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            position,
            found,
            expected,
        } = self;
        write!(f, "at byte {position}: found {found}, expected {expected}")
    }
}

impl std::error::Error for FilterError {}
