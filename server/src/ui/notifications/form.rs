//! What the forms send, as the API has it.

use serde_json::{Map, Value, json};

use super::super::access::value;
use crate::api::Params;

/// The fields of a destination; those that are left empty are absent.
pub(super) fn fields(sent: &Params) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    for name in ["name", "kind"] {
        if let Some(text) = filled(sent, name) {
            put(name, json!(text));
        }
    }
    if let Some(target) = filled(sent, "target") {
        match filled(sent, "kind") {
            Some("email") => put("addresses", list(target)),
            _ => put("url", json!(target)),
        }
    }
    if let Some(playbooks) = filled(sent, "playbooks") {
        put("playbooks", list(playbooks));
    }
    if value(sent, "digest").is_some() {
        put("digest", json!(true));
    }
    fields
}

/// The field that switches a destination on or off.
pub(super) fn switch(sent: &Params) -> Map<String, Value> {
    let on = value(sent, "enabled") == Some("yes");
    Map::from_iter([("enabled".to_owned(), json!(on))])
}

fn filled<'a>(sent: &'a Params, name: &str) -> Option<&'a str> {
    let text = value(sent, name).map(str::trim);
    text.filter(|text| !text.is_empty())
}

/// What stands between commas.
fn list(text: &str) -> Value {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts.map(|part| json!(part)).collect()
}
