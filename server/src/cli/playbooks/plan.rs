//! What applying files changes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;
use sqreen::protocol::Timestamp;

use super::files::Files;
use crate::auth::Caller;
use crate::playbooks::file::{self, Entry};
use crate::playbooks::{Current, PlaybookError, Playbooks, Stage, write};
use crate::state::Source;

/// The steps, by slug.
pub(super) struct Plan<'a>(BTreeMap<String, Step<'a>>);

enum Step<'a> {
    New(&'a Entry),
    Changed(Change<'a>),
    Unchanged,
    /// No file has it.
    Extra {
        known: Arc<Current>,
        removed: bool,
    },
}

struct Change<'a> {
    entry: &'a Entry,
    known: Arc<Current>,
    /// Lines such as `at_least: 6 -> 7`.
    differences: Vec<String>,
    /// What someone did since it was applied last that would be lost.
    conflict: Option<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(playbooks: &Playbooks, files: &'a Files, prune: bool) -> Self {
        let mut steps = BTreeMap::new();
        for (_, entry) in files.entries() {
            let slug = &entry.playbook.slug;
            let step = match playbooks.get(slug) {
                None => Step::New(entry),
                Some(known) => changed(entry, known),
            };
            steps.insert(slug.clone(), step);
        }
        let (_, all) = playbooks.current();
        for known in all.iter() {
            let extra = || Step::Extra {
                known: Arc::clone(known),
                removed: prune,
            };
            steps.entry(known.record.slug.clone()).or_insert_with(extra);
        }
        Self(steps)
    }

    /// Whether something that someone else did would be lost.
    pub(super) fn has_conflicts(&self) -> bool {
        self.0.values().any(|step| match step {
            Step::Changed(change) => change.conflict.is_some(),
            Step::Extra { known, removed } => *removed && edited(known).is_some(),
            Step::New(_) | Step::Unchanged => false,
        })
    }

    /// Whether anything would be another way than it is.
    pub(super) fn has_changes(&self) -> bool {
        self.0.values().any(|step| match step {
            Step::New(_) | Step::Changed(_) => true,
            Step::Extra { removed, .. } => *removed,
            Step::Unchanged => false,
        })
    }

    /// Does it, each playbook in the place of the version that the plan is made for.
    pub(super) fn apply(&self, playbooks: &Playbooks) -> Result<(), String> {
        let by = Caller::command_line();
        for (slug, step) in &self.0 {
            let wrong = |error| format!("{slug}: {}", text(&error));
            match step {
                Step::New(entry) => {
                    playbooks
                        .put_entry(entry, 0, Source::File, &by)
                        .map_err(wrong)?;
                }
                Step::Changed(change) => {
                    let version = change.known.record.version;
                    playbooks
                        .put_entry(change.entry, version, Source::File, &by)
                        .map_err(wrong)?;
                }
                Step::Extra { removed: true, .. } => {
                    playbooks
                        .remove(slug, &by)
                        .map_err(|error| wrong(error.into()))?;
                }
                Step::Extra { .. } | Step::Unchanged => {}
            }
        }
        Ok(())
    }
}

fn text(error: &PlaybookError) -> String {
    match error {
        PlaybookError::Field(error) => error.to_string(),
        PlaybookError::Changed(_) => {
            "changed while it was applied, those before it are done: plan again".to_owned()
        }
        PlaybookError::Full => "there are as many playbooks as there may be".to_owned(),
        PlaybookError::State(error) => error.to_string(),
    }
}

fn changed<'a>(entry: &'a Entry, known: Arc<Current>) -> Step<'a> {
    let before = fields(&known.playbook, known.stage, &known.tests);
    let after = fields(
        &entry.playbook,
        entry.stage.unwrap_or(known.stage),
        &entry.tests,
    );
    let names = before.keys().chain(after.keys());
    let mut names: Vec<&String> = names.collect();
    names.sort();
    names.dedup();
    let show = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), Value::to_string);
    let mut differences = Vec::new();
    let mut conflict = None;
    for name in names {
        let (before, after) = (before.get(name), after.get(name));
        if before == after {
            continue;
        }
        differences.push(format!("{name}: {} -> {}", show(before), show(after)));
        let own = &Caller::command_line().name;
        if name != "stage" {
            conflict = conflict.or_else(|| edited(&known));
        } else if *known.record.staged_by != **own {
            let (by, at) = (&known.record.staged_by, time(known.record.staged_at));
            conflict.get_or_insert(format!("stage set by {by} at {at}"));
        }
    }
    if known.record.source == Source::Edited {
        differences.push("source: edited -> file".to_owned());
    }
    match differences.is_empty() {
        true => Step::Unchanged,
        false => Step::Changed(Change {
            entry,
            known,
            differences,
            conflict,
        }),
    }
}

/// Who edited it since it was applied last, if anyone.
fn edited(known: &Current) -> Option<String> {
    let record = &known.record;
    let (by, at) = (&record.changed_by, time(record.changed_at));
    (record.source == Source::Edited).then(|| format!("edited by {by} at {at}"))
}

fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// The fields as they are written, and those within by their path: `trigger.where`, `responses[0].duration`.
fn fields(
    playbook: &crate::playbooks::Playbook,
    stage: Stage,
    tests: &[file::PlaybookTest],
) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    flatten("", Value::Object(write(playbook, stage)), &mut fields);
    for (place, test) in file::written(tests)
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        flatten(&format!("tests[{place}]"), test.clone(), &mut fields);
    }
    fields
}

fn flatten(path: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                flatten(&format!("{path}{dot}{name}"), value, into);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            for (place, value) in list.into_iter().enumerate() {
                flatten(&format!("{path}[{place}]"), value, into);
            }
        }
        Value::Null => {}
        value => {
            into.insert(path.to_owned(), value);
        }
    }
}

impl fmt::Display for Plan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts = BTreeMap::from(
            ["changed", "extra", "new", "removed", "unchanged"].map(|name| (name, 0)),
        );
        for (slug, step) in &self.0 {
            let (name, differences, conflict) = match step {
                Step::New(_) => ("new", &[][..], None),
                Step::Unchanged => ("unchanged", &[][..], None),
                Step::Changed(change) => {
                    ("changed", &change.differences[..], change.conflict.clone())
                }
                Step::Extra {
                    known,
                    removed: true,
                } => ("removed", &[][..], edited(known)),
                Step::Extra { removed: false, .. } => ("extra", &[][..], None),
            };
            *counts.entry(name).or_default() += 1;
            writeln!(f, "{name}: {slug}")?;
            for line in differences {
                writeln!(f, "  {line}")?;
            }
            if let Some(conflict) = conflict {
                writeln!(f, "  conflict: {conflict}")?;
            }
        }
        let counts: Vec<_> = counts
            .iter()
            .map(|(name, count)| format!("{name}={count}"))
            .collect();
        writeln!(f, "{}", counts.join(" "))
    }
}
