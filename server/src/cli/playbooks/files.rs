//! Reading files of playbooks.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;

use crate::playbooks::file::{self, Entry, MAX_FILE};

/// The playbooks of some files, each with the name of its file.
#[derive(Debug)]
pub(super) struct Files(Vec<(String, Entry)>);

impl Files {
    /// Reads them, or tells of each file what is wrong: `name:line:column: what`.
    pub(super) fn read(names: &[&str]) -> Result<Self, Vec<String>> {
        let mut entries: Vec<(String, Entry)> = Vec::new();
        let mut wrong = Vec::new();
        for name in names {
            match read(name) {
                Ok(read) => entries.extend(read.into_iter().map(|entry| (name.to_string(), entry))),
                Err(error) => wrong.push(error),
            }
        }
        let mut slugs = HashMap::new();
        for (name, entry) in &entries {
            let slug = &entry.playbook.slug;
            if let Some(first) = slugs.insert(slug, name) {
                wrong.push(format!("{name}: {slug:?} is a playbook of {first}, too"));
            }
        }
        if wrong.is_empty() {
            Ok(Self(entries))
        } else {
            Err(wrong)
        }
    }

    /// The playbooks, each with the name of its file.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }
}

fn read(name: &str) -> Result<Vec<Entry>, String> {
    let wrong = |error| format!("{name}: {error}");
    let file = File::open(name).map_err(wrong)?;
    let mut text = String::new();
    // One byte more than a file may have is enough to refuse it.
    let mut bounded = file.take(MAX_FILE as u64 + 1);
    bounded.read_to_string(&mut text).map_err(wrong)?;
    file::read(&text).map_err(|error| format!("{name}:{error}"))
}
