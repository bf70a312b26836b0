//! Playbooks as files.
//!
#![doc = include_str!("format.md")]

mod document;
mod error;
mod print;
mod run;
mod test;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::Value;

use self::document::Document;
pub use self::error::FileError;
pub use self::print::print;
pub use self::run::{Failure, run};
pub use self::test::{Expected, Given, PlaybookTest};
use super::draft;
use super::limits::MAX_PLAYBOOKS;
use super::model::{Playbook, Stage};
use crate::fields::{FieldError, Fields};

/// The most bytes of a file.
pub const MAX_FILE: usize = 1 << 20;

/// A playbook of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The playbook.
    pub playbook: Playbook,
    /// How far its word goes, where the file says so.
    pub stage: Option<Stage>,
    /// What it must do, by the file.
    pub tests: Vec<PlaybookTest>,
}

/// Reads a file's playbooks.
///
/// ```
/// use sqreen_server::playbooks::file;
///
/// let text = r#"
/// [[playbook]]
/// slug = "guessed-passwords"
/// actor = "ip"
/// trigger = { event = "users.login", where = "properties.success:false" }
/// at_least = 6
/// period = "5min"
/// responses = [{ action = "block_ip", duration = "5min" }]
/// "#;
/// let entries = file::read(text)?;
/// assert_eq!(entries[0].playbook.slug, "guessed-passwords");
///
/// let error = file::read(&text.replace("5min", "5 minutes")).unwrap_err();
/// assert_eq!((error.line, error.column), (7, 10));
/// # Ok::<(), file::FileError>(())
/// ```
///
/// # Errors
///
/// [`FileError`] tells the place of the first mistake: the text is no TOML, a field is missing, unknown or beyond its
/// limit, or two playbooks have the same slug.
pub fn read(source: &str) -> Result<Vec<Entry>, FileError> {
    if source.len() > MAX_FILE {
        let text = format!("{} bytes, the limit is {MAX_FILE}", source.len());
        return Err(FileError::at(source, 0, text));
    }
    let document = Document::parse(source)?;
    let fields = Fields::new(document.fields()?);
    entries(fields).map_err(|error| document.locate(&error))
}

fn entries(mut fields: Fields) -> Result<Vec<Entry>, FieldError> {
    let playbooks = fields.objects("playbook", MAX_PLAYBOOKS)?;
    fields.finish()?;
    let mut slugs = HashMap::new();
    let mut entries = Vec::with_capacity(playbooks.len());
    for (place, playbook) in playbooks.into_iter().enumerate() {
        let entry = entry(playbook)?;
        let slug = &entry.playbook.slug;
        if let Some(first) = slugs.insert(slug.clone(), place) {
            let wrong = format!("{slug:?} is that of playbook[{first}], too");
            return Err(FieldError::new(&format!("playbook[{place}].slug"), wrong));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Reads one playbook.
pub(crate) fn entry(fields: Fields) -> Result<Entry, FieldError> {
    let draft = draft::read(fields)?;
    let tests = draft.tests.into_iter();
    let tests = tests.map(|fields| test::read(fields, &draft.playbook));
    Ok(Entry {
        tests: tests.collect::<Result<_, _>>()?,
        stage: draft.stage,
        playbook: draft.playbook,
    })
}

/// The tests as they were written.
pub(crate) fn written(tests: &[PlaybookTest]) -> Value {
    let written = tests.iter().map(|test| Value::Object(test.written.clone()));
    written.collect()
}
