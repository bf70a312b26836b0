//! Where a file is wrong.

use std::fmt;

/// What is wrong in a file of playbooks; displays as `3:9: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// The field, and what is wrong with it.
    pub text: String,
}

impl FileError {
    /// At a place of the file, in bytes.
    pub(super) fn at(source: &str, byte: usize, text: impl Into<String>) -> Self {
        let before = source.get(..byte).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let in_line = before.get(line_start..).unwrap_or_default();
        Self {
            line: 1 + before.matches('\n').count(),
            column: 1 + in_line.chars().count(),
            text: text.into(),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.text)
    }
}

impl std::error::Error for FileError {}
