//! Scrubbing of text, which may hold URLs, forms and JSON, encoded in one another.

use std::borrow::Cow;

use serde_json::Value;

use super::edits::{Edits, Replacement};
use super::scrubber::{MAX_DEPTH, Rules};
use super::{REDACTED, json_text, percent, query};

/// How much of [`MAX_DEPTH`] a percent-encoding takes. Encoding the rest of a text again can make
/// it longer each time, so there are fewer of them than of objects and arrays.
const ENCODING_DEPTH: usize = MAX_DEPTH / 8;

impl Rules {
    /// The text with its secrets redacted; borrowed when there are none.
    ///
    /// `depth` counts the values and encodings around the text.
    pub(super) fn text<'a>(&self, text: &'a str, depth: usize) -> Cow<'a, str> {
        if text.is_empty() || text == REDACTED {
            return Cow::Borrowed(text);
        }
        if depth > MAX_DEPTH {
            return Cow::Owned(REDACTED.to_owned());
        }
        let mut edits = Edits::default();
        let Some(document) = self.document(text, depth) else {
            self.find(text, depth, false, &mut edits);
            return edits.apply(text);
        };
        self.patterns.find(&document, 0..document.len(), &mut edits);
        match edits.apply(&document) {
            Cow::Borrowed(_) => document,
            Cow::Owned(edited) => Cow::Owned(edited),
        }
    }

    /// A text that is a URL as a whole, so that white space does not end it.
    pub(super) fn url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        let mut edits = Edits::default();
        self.find(url, 0, true, &mut edits);
        edits.apply(url)
    }

    /// Adds all secrets in a text that is not a JSON document.
    fn find(&self, text: &str, depth: usize, is_url: bool, edits: &mut Edits) {
        if text.contains('"') {
            json_text::find(text, &self.keys, edits);
        }
        if text.contains('=') {
            query::find_pairs(text, is_url, &self.keys, edits);
        }
        if text.contains('@') {
            query::find_userinfo(text, edits);
        }
        self.patterns.find(text, 0..text.len(), edits);

        for range in query::components(text) {
            let component = text.get(range.clone()).unwrap_or_default();
            let decoded = percent::decode(component);
            if decoded == component {
                if component != text {
                    self.patterns.find(text, range, edits);
                }
            } else if let Cow::Owned(scrubbed) = self.text(&decoded, depth + ENCODING_DEPTH) {
                let replacement = if scrubbed == REDACTED {
                    Replacement::Marker
                } else {
                    Replacement::Rewritten(percent::encode(&scrubbed))
                };
                edits.push(text, range, replacement);
            }
        }
    }

    /// Scrubs a text that is a JSON object, array or string; `None` when it is none of them.
    ///
    /// Numbers and literals are left to the search of plain text.
    fn document<'a>(&self, text: &'a str, depth: usize) -> Option<Cow<'a, str>> {
        if !text.trim_start().starts_with(['{', '[', '"']) {
            return None;
        }
        let mut value: Value = serde_json::from_str(text).ok()?;
        Some(match self.value(&mut value, depth + 1) {
            Err(_) => Cow::Owned(REDACTED.to_owned()),
            // Of two members of the same name one was not parsed, and so was not scrubbed.
            Ok(false) if strings_in_text(text) == strings_in(&value) => Cow::Borrowed(text),
            Ok(_) => Cow::Owned(value.to_string()),
        })
    }
}

/// How many strings a JSON document holds, names included.
fn strings_in_text(json: &str) -> usize {
    let mut escaped = false;
    let quotes = json.bytes().filter(|byte| {
        let is_quote = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        is_quote
    });
    quotes.count() / 2
}

fn strings_in(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Array(values) => values.iter().map(strings_in).sum(),
        Value::Object(members) => members.values().map(|value| 1 + strings_in(value)).sum(),
    }
}
