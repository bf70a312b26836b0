//! From playbooks to a file.

use std::fmt::Write as _;

use serde_json::Value;

use super::super::draft;
use super::super::model::Stage;
use super::Entry;

/// The file of these playbooks; [`read`](super::read) makes the same of it. Fields that were left out are written.
#[must_use]
pub fn print(entries: &[Entry]) -> String {
    let mut file = String::new();
    for entry in entries {
        if !file.is_empty() {
            file.push('\n');
        }
        print_entry(&mut file, entry);
    }
    file
}

fn print_entry(file: &mut String, entry: &Entry) {
    let mut fields = draft::write(&entry.playbook, entry.stage.unwrap_or(Stage::Draft));
    if entry.stage.is_none() {
        fields.remove("stage");
    }
    let responses = fields.remove("responses");
    file.push_str("[[playbook]]\n");
    // In the order of the documentation; a map has that of the alphabet.
    let known = ORDER.iter().filter_map(|name| fields.remove_entry(*name));
    for (name, value) in known.collect::<Vec<_>>() {
        line(file, &name, &value);
    }
    for response in responses.iter().filter_map(Value::as_array).flatten() {
        table(file, "responses", response);
    }
    for test in &entry.tests {
        table(file, "tests", &Value::Object(test.written.clone()));
    }
}

/// The fields but those that are tables of their own.
const ORDER: [&str; 18] = [
    "slug",
    "name",
    "description",
    "stage",
    "actor",
    "trigger",
    "group_by",
    "at_least",
    "distinct",
    "ratio",
    "first_seen",
    "period",
    "cooldown",
    "cancel",
    "max_actors_per_hour",
    "shared_ip_users",
    "allow_critical",
    "notify",
];

fn table(file: &mut String, name: &str, value: &Value) {
    let _ = writeln!(file, "\n[[playbook.{name}]]");
    for (name, value) in value.as_object().into_iter().flatten() {
        line(file, name, value);
    }
}

fn line(file: &mut String, name: &str, value: &Value) {
    if let Some(value) = toml(value) {
        let _ = writeln!(file, "{name} = {value}");
    }
}

/// TOML has no null.
fn toml(value: &Value) -> Option<toml::Value> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(on) => toml::Value::Boolean(*on),
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Number(number) => match number.as_i64() {
            Some(number) => toml::Value::Integer(number),
            None => toml::Value::Float(number.as_f64()?),
        },
        Value::Array(list) => toml::Value::Array(list.iter().filter_map(toml).collect()),
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields = fields.filter_map(|(name, value)| Some((name.clone(), toml(value)?)));
            toml::Value::Table(fields.collect())
        }
    })
}
