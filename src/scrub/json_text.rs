//! JSON members in text that is not, or not only, a JSON document: cut off, or amid other words.

use std::ops::Range;

use super::edits::{Edits, Replacement};
use super::keys::Keys;

/// Adds the values of the members whose name is one of the keys.
///
/// Any text between two quotes with a colon behind it is taken for a name, and a value that does
/// not end reaches to the end of the text: too much is redacted rather than too little. JSON inside
/// a JSON string, whose quotes have backslashes before them, is read as well.
pub(super) fn find(text: &str, keys: &Keys, edits: &mut Edits) {
    let mut quotes = text.match_indices('"').map(|(at, _)| at).peekable();
    while let Some(open) = quotes.next() {
        let Some(&close) = quotes.peek() else { break };
        let Some(value) = text.get(close + 1..).and_then(member_value) else {
            continue;
        };
        let name = text.get(open + 1..close).unwrap_or_default();
        if !keys.contains(&unescape(name)) {
            continue;
        }
        let start = text.len() - value.len();
        let length = value_length(value);
        let replacement = if value.starts_with('\\') {
            Replacement::Marker
        } else {
            Replacement::QuotedMarker
        };
        edits.push(text, start..start + length, replacement);
        // Members inside are gone already; finding the end of each again could take very long.
        while quotes.next_if(|at| *at < start + length).is_some() {}
    }
}

/// What follows a name and its colon, from the value's first byte.
fn member_value(after_name: &str) -> Option<&str> {
    let value = after_name.trim_start().strip_prefix(':')?.trim_start();
    (!value.is_empty()).then_some(value)
}

/// A name without its escapes; backslashes left over belong to an outer string.
fn unescape(name: &str) -> String {
    let name = name.trim_end_matches('\\');
    serde_json::from_str(&format!("\"{name}\"")).unwrap_or_else(|_| name.to_owned())
}

/// How far the value at the start of the text reaches, in bytes.
fn value_length(value: &str) -> usize {
    let bytes = value.as_bytes();
    let level = bytes.iter().take_while(|b| **b == b'\\').count();
    match bytes.get(level) {
        Some(b'"') => string(bytes, level).end,
        Some(b'{' | b'[') => container_length(bytes),
        _ => value
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | '"' | '&'))
            .unwrap_or(value.len()),
    }
}

/// The extent of the string whose opening quote stands at `open`, quotes included.
fn string(bytes: &[u8], open: usize) -> Range<usize> {
    let level = backslashes_before(bytes, open);
    let closes = |at: &usize| {
        bytes.get(*at) == Some(&b'"') && {
            let depth = backslashes_before(bytes, *at);
            depth <= level || (level == 0 && depth.is_multiple_of(2))
        }
    };
    let end = (open + 1..bytes.len()).find(closes);
    open..end.map_or(bytes.len(), |at| at + 1)
}

/// The extent of the object or array at the start, or of all when it does not end.
fn container_length(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string(bytes, at).end,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                at += 1;
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

fn backslashes_before(bytes: &[u8], at: usize) -> usize {
    let before = bytes.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|b| **b == b'\\').count()
}
