//! Removes secrets from the events of agents that are not of this project, before they are stored.
//!
//! The old agents leave secrets in properties and in query strings. What counts as a secret is what counts for this
//! project's SDK by default: the whole value under one of eight keys, and a value that is nothing but 13 to 16 digits,
//! the number of a payment card. Nothing else is changed: a secret that is found in one place is not looked for in
//! others, where a short one would turn unrelated text into noise. User identifiers stay.

use serde_json::{Map, Value};
use sqreen::protocol::REDACTED;

use crate::store::StoredEvent;

/// The keys, by their letters and digits in lower case: `accesstoken` is `access_token` and `X-Access-Token`, too.
const KEYS: [&str; 7] = [
    "password",
    "secret",
    "passwd",
    "authorization",
    "apikey",
    "accesstoken",
    "token",
];

/// Removes the secrets of one event.
pub(super) fn event(event: &mut StoredEvent) {
    for object in [&mut event.properties, &mut event.traits] {
        object.iter_mut().for_each(members);
    }
    event.params.iter_mut().for_each(value);
    match &mut event.body {
        Some(Value::String(body)) => {
            if is_card(body) {
                REDACTED.clone_into(body);
            } else if let Some(clean) = pairs(body) {
                *body = clean;
            }
        }
        Some(body) => value(body),
        None => {}
    }
    let headers = event.headers.iter_mut().filter_map(Value::as_array_mut);
    for header in headers.flatten() {
        match header.as_array_mut().map(Vec::as_mut_slice) {
            Some([Value::String(name), of_name]) if is_secret(name) => {
                *of_name = REDACTED.into();
            }
            Some([_, of_name]) => value(of_name),
            _ => {}
        }
    }
    event.referer.iter_mut().for_each(text);
}

/// Removes the secrets of an object.
pub(super) fn members(object: &mut Map<String, Value>) {
    for (name, of_name) in object {
        if is_secret(name) {
            *of_name = REDACTED.into();
        } else {
            value(of_name);
        }
    }
}

fn value(of_any: &mut Value) {
    match of_any {
        Value::String(string) => text(string),
        Value::Number(number) if is_card(&number.to_string()) => *of_any = REDACTED.into(),
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::Object(object) => members(object),
        _ => {}
    }
}

fn text(text: &mut String) {
    if is_card(text) {
        REDACTED.clone_into(text);
    } else if let Some((path, query)) = text.split_once('?')
        && let Some(clean) = pairs(query)
    {
        *text = format!("{path}?{clean}");
    }
}

/// The text without secrets, if it has `key=value` pairs that are; pairs end with `&`, `#` or white space.
fn pairs(text: &str) -> Option<String> {
    let ends = |c: char| c == '&' || c == '#' || c.is_whitespace();
    let mut clean = String::new();
    let mut found = false;
    for piece in text.split_inclusive(ends) {
        let pair = piece.trim_end_matches(ends);
        let end = piece.get(pair.len()..).unwrap_or_default();
        match pair.split_once('=') {
            // The marker itself has white space, so that only its first word is here.
            Some((name, of_name))
                if (is_secret(name) || is_card(of_name))
                    && !of_name.is_empty()
                    && !REDACTED.starts_with(of_name) =>
            {
                found = true;
                clean.extend([name, "=", REDACTED, end]);
            }
            _ => clean.push_str(piece),
        }
    }
    found.then_some(clean)
}

/// Whether a name, or a segment of it such as in `user[password]`, is one of the keys.
fn is_secret(name: &str) -> bool {
    is_key(name) || name.split(['[', ']', '.', ':', '/']).any(is_key)
}

fn is_key(name: &str) -> bool {
    let letters = |name: &str, key: &str| {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).eq(key.chars())
    };
    let name = name.trim();
    let without_x = name
        .strip_prefix(['x', 'X'])
        .and_then(|rest| rest.strip_prefix(['-', '_']));
    KEYS.iter()
        .any(|key| letters(name, key) || without_x.is_some_and(|rest| letters(rest, key)))
}

/// Whether a text is nothing but 13 to 16 digits, with spaces and hyphens after any of them.
fn is_card(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.starts_with(|c: char| c.is_ascii_digit())
        && (13..=16).contains(&digits)
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b' ' | b'-'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::EventId;

    /// What is left of properties.
    fn scrubbed(properties: &Value) -> Value {
        let mut sent = StoredEvent::new(EventId::from_bytes([1; 16]), 1, 2, "shop", "a");
        sent.properties = properties.as_object().cloned();
        event(&mut sent);
        Value::Object(sent.properties.unwrap())
    }

    #[test]
    fn keys_and_card_numbers_are_redacted_and_nothing_else() {
        let properties = json!({
            "password": "p", "API-Key": ["a"], "x-access_token": {"a": 1}, "user[passwd]": "h", "Authorization": null,
            "card": "4111 1111 1111 1111", "digits": 4_111_111_111_111_111_u64, "list": ["3782-822463-10005", "p"],
            "url": "https://shop.example/p?page=2&token=s3cr3t&x=1#secret=2",
            "tokenizer": "p", "note": "p", "phone": "555 0100", "long": "41111111111111112", "amount": 12.5,
            "text": "pan 4111111111111111 inside", "question": "token?", "empty": "a?token=",
            "done": format!("/a?token={REDACTED}&b=1"),
        });
        let expected = json!({
            "password": REDACTED, "API-Key": REDACTED, "x-access_token": REDACTED, "user[passwd]": REDACTED,
            "Authorization": REDACTED, "card": REDACTED, "digits": REDACTED, "list": [REDACTED, "p"],
            "url": format!("https://shop.example/p?page=2&token={REDACTED}&x=1#secret={REDACTED}"),
            "tokenizer": "p", "note": "p", "phone": "555 0100", "long": "41111111111111112", "amount": 12.5,
            "text": "pan 4111111111111111 inside", "question": "token?", "empty": "a?token=",
            "done": format!("/a?token={REDACTED}&b=1"),
        });
        assert_eq!(scrubbed(&properties), expected);
    }

    #[test]
    fn every_part_that_may_hold_a_secret_is_looked_at() {
        let mut sent = StoredEvent::new(EventId::from_bytes([1; 16]), 1, 2, "shop", "a");
        sent.traits = json!({"secret": 1}).as_object().cloned();
        sent.params = Some(json!({"query": {"token": ["a"]}, "form": {"a": "p"}}));
        sent.body = Some("user=ann&password=hunter2".into());
        sent.headers = Some(json!([["X-Api-Key", "k"], ["host", "p"], "odd"]));
        sent.referer = Some("https://a.example/?api_key=k".to_owned());
        event(&mut sent);
        assert_eq!(Value::from(sent.traits), json!({"secret": REDACTED}));
        let params = json!({"query": {"token": REDACTED}, "form": {"a": "p"}});
        assert_eq!(sent.params, Some(params));
        assert_eq!(
            sent.body,
            Some(format!("user=ann&password={REDACTED}").into())
        );
        let headers = json!([["X-Api-Key", REDACTED], ["host", "p"], "odd"]);
        assert_eq!(sent.headers, Some(headers));
        let referer = format!("https://a.example/?api_key={REDACTED}");
        assert_eq!(sent.referer, Some(referer));
    }
}
