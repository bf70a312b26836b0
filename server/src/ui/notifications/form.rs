//! What the forms send, as the API has it.

use serde_json::{Map, Value, json};

use super::super::access::value;
use crate::api::Params;
use crate::state::{Channel, Destination};

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

/// The fields of a change, which says all that a form can.
pub(super) fn changes(sent: &Params, channel: Channel) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    put("name", json!(value(sent, "name").unwrap_or_default()));
    match (channel, filled(sent, "target").unwrap_or_default()) {
        // It is not shown, so that it cannot be sent back.
        (Channel::Slack, "") => {}
        (Channel::Email, "") => put("addresses", json!([""])),
        (Channel::Email, target) => put("addresses", list(target)),
        (Channel::Webhook | Channel::Slack, target) => put("url", json!(target)),
    }
    put(
        "playbooks",
        filled(sent, "playbooks").map_or(Value::Null, list),
    );
    if channel == Channel::Email {
        put("digest", json!(value(sent, "digest").is_some()));
    }
    fields
}

/// What the form of a destination says at first. Slack's URL is a secret.
pub(super) fn filled_of(destination: &Destination) -> Params {
    let playbooks = destination.playbooks.as_deref().unwrap_or_default();
    let target = match destination.channel {
        Channel::Slack => String::new(),
        Channel::Webhook => destination.target.clone(),
        Channel::Email => destination.target.replace(',', ", "),
    };
    let digest = destination.digest.then(|| ("digest", "on".to_owned()));
    let fields = [
        ("name", destination.name.clone()),
        ("target", target),
        ("playbooks", playbooks.join(", ")),
    ];
    let fields = fields.into_iter().chain(digest);
    fields.map(|(name, text)| (name.to_owned(), text)).collect()
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
