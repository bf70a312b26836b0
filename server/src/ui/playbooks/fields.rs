//! What the editor's form sends, as the API has it, and the reverse. An input has the name that an error of its field
//! has, such as `trigger.event` or `responses[0].url`.

use serde_json::{Map, Value, json};

use super::super::access::value;
use crate::api::Params;

/// The kinds of detection, as the form names them.
pub(super) const DETECTIONS: [(&str, &str); 4] = [
    ("threshold", "so many events"),
    ("distinct", "so many different values of a field"),
    ("ratio", "so many times as many as of other events"),
    ("first_seen", "a value that is new for the actor"),
];
/// An actor has two kinds of responses.
pub(super) const RESPONSES: usize = 2;

/// The fields of a playbook, but its tests.
pub(super) fn read(sent: &Params) -> Map<String, Value> {
    let mut to = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            to.insert(name.to_owned(), value);
        }
    };
    for name in [
        "slug",
        "name",
        "description",
        "actor",
        "group_by",
        "period",
        "cooldown",
    ] {
        put(name, text(sent, name));
    }
    for name in ["max_actors_per_hour", "shared_ip_users"] {
        put(name, number(sent, name));
    }
    for name in ["allow_critical", "notify"] {
        put(name, Some(json!(value(sent, name).is_some())));
    }
    put("trigger", Some(matcher(sent, "trigger").into()));
    let cancel = matcher(sent, "cancel");
    put("cancel", (!cancel.is_empty()).then(|| cancel.into()));
    let kind = value(sent, "detection").unwrap_or_default();
    if kind != "first_seen" {
        put("at_least", number(sent, "at_least"));
    }
    match kind {
        "distinct" => {
            let mut distinct = Map::new();
            let of = [
                ("of", text(sent, "distinct.of")),
                ("at_least", number(sent, "distinct.at_least")),
            ];
            for (name, value) in of {
                value.and_then(|value| distinct.insert(name.to_owned(), value));
            }
            put("distinct", Some(distinct.into()));
        }
        "ratio" => {
            let mut ratio = matcher(sent, "ratio");
            if let Some(least) = number(sent, "ratio.at_least") {
                ratio.insert("at_least".to_owned(), least);
            }
            put("ratio", Some(ratio.into()));
        }
        "first_seen" => put(
            "first_seen",
            Some(text(sent, "first_seen").unwrap_or_else(|| json!(""))),
        ),
        _ => {}
    }
    put("responses", Some(responses(sent)));
    to
}

fn matcher(sent: &Params, of: &str) -> Map<String, Value> {
    let mut to = Map::new();
    for name in ["event", "apps"] {
        if let Some(lines) = filled(sent, &format!("{of}.{name}")) {
            to.insert(name.to_owned(), list(lines, '\n'));
        }
    }
    if let Some(filter) = text(sent, &format!("{of}.where")) {
        to.insert("where".to_owned(), filter);
    }
    to
}

/// One that is empty counts where another follows it, so that errors name the right one.
fn responses(sent: &Params) -> Value {
    let mut list_of: Vec<Value> = (0..RESPONSES).map(|place| response(sent, place)).collect();
    while list_of
        .last()
        .is_some_and(|last| last.as_object().is_some_and(Map::is_empty))
    {
        list_of.pop();
    }
    list_of.into()
}

fn response(sent: &Params, place: usize) -> Value {
    let mut to = Map::new();
    for name in ["action", "url"] {
        if let Some(text) = text(sent, &format!("responses[{place}].{name}")) {
            to.insert(name.to_owned(), text);
        }
    }
    if let Some(durations) = filled(sent, &format!("responses[{place}].duration")) {
        to.insert("duration".to_owned(), list(durations, ','));
    }
    to.into()
}

fn filled<'a>(sent: &'a Params, name: &str) -> Option<&'a str> {
    let text = value(sent, name).map(str::trim);
    text.filter(|text| !text.is_empty())
}

/// Browsers send lines with CR and LF.
fn text(sent: &Params, name: &str) -> Option<Value> {
    filled(sent, name).map(|text| json!(text.replace("\r\n", "\n")))
}

/// What is no number stays a text, which is then refused with the bounds of the field.
fn number(sent: &Params, name: &str) -> Option<Value> {
    let text = filled(sent, name)?;
    let whole = text.parse::<u64>().map(Value::from);
    let number = whole.or_else(|_| text.parse::<f64>().map(Value::from));
    Some(number.unwrap_or_else(|_| json!(text)))
}

fn list(text: &str, between: char) -> Value {
    let parts = text.split(between).map(str::trim);
    let parts = parts.filter(|part| !part.is_empty());
    parts.map(|part| json!(part)).collect()
}

/// What the form shows of a playbook.
pub(super) fn write(fields: &Map<String, Value>) -> Params {
    let mut to = Params::new();
    flatten("", fields, &mut to);
    let kind = DETECTIONS.iter().map(|(kind, _)| *kind);
    let kind = kind.rev().find(|kind| fields.contains_key(*kind));
    to.push((
        "detection".to_owned(),
        kind.unwrap_or("threshold").to_owned(),
    ));
    to
}

fn flatten(prefix: &str, fields: &Map<String, Value>, to: &mut Params) {
    for (name, value) in fields {
        let name = format!("{prefix}{name}");
        match value {
            Value::Object(fields) => flatten(&format!("{name}."), fields, to),
            Value::Array(list) if name == "responses" => {
                for (place, response) in list.iter().enumerate() {
                    if let Some(fields) = response.as_object() {
                        flatten(&format!("{name}[{place}]."), fields, to);
                    }
                }
            }
            Value::Array(list) => {
                let between = if name.ends_with("duration") {
                    ", "
                } else {
                    "\n"
                };
                let texts: Vec<_> = list.iter().filter_map(Value::as_str).collect();
                to.push((name, texts.join(between)));
            }
            Value::String(text) => to.push((name, text.clone())),
            Value::Bool(true) => to.push((name, "yes".to_owned())),
            Value::Number(number) => to.push((name, number.to_string())),
            Value::Bool(false) | Value::Null => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Fields;
    use crate::playbooks::{Stage, file, templates};

    #[test]
    fn a_form_that_is_sent_as_it_was_shown_changes_nothing() {
        for template in templates() {
            let playbook = &template.entry.playbook;
            let shown = write(&crate::playbooks::write(playbook, Stage::Draft));
            let read = file::entry(Fields::new(read(&shown))).unwrap();
            assert_eq!(&read.playbook, playbook);
        }
    }
}
