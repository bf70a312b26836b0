//! Secrets in URLs, queries and forms, wherever they occur in a text.

use std::ops::Range;

use super::REDACTED;
use super::edits::{Edits, Replacement};
use super::keys::Keys;
use super::percent;

/// How far back the scheme of an absolute URL is looked for, in bytes.
const MAX_URL_LOOK_BACK: usize = 2048;

/// Adds the values of the pairs `key=value` whose key is one of the keys.
///
/// A value reaches to the next `&`, `#` or line break. Within an absolute URL amid other text it
/// also ends at white space, where the URL does; elsewhere it does not, since a form may have been
/// decoded and its spaces belong to it. `is_url` says that the text is a URL and nothing else.
pub(super) fn find_pairs(text: &str, is_url: bool, keys: &Keys, edits: &mut Edits) {
    let mut searched = 0;
    while let Some((before, rest)) = text.get(searched..).and_then(|rest| rest.split_once('=')) {
        let equals = searched + before.len();
        searched = equals + 1;
        if !keys.contains(&percent::decode(key_before(before))) {
            continue;
        }
        let ends_at_space = !is_url && in_absolute_url(text.get(..equals).unwrap_or_default());
        let is_end =
            |c: char| matches!(c, '&' | '#' | '\n' | '\r') || (ends_at_space && c.is_whitespace());
        // The marker has spaces of its own.
        let marker = if rest.starts_with(REDACTED) {
            REDACTED.len()
        } else {
            0
        };
        let value = rest.get(marker..).unwrap_or_default();
        let end = searched + marker + value.find(is_end).unwrap_or(value.len());
        edits.push(text, searched..end, Replacement::Marker);
        searched = end;
    }
}

/// The key at the end of a text, without quotes around it.
fn key_before(text: &str) -> &str {
    let text = text.trim_end_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    let key = text.rsplit(|c| !is_key_char(c)).next();
    key.unwrap_or_default()
}

/// Adds what stands before the `@` in the authority of each absolute URL.
pub(super) fn find_userinfo(text: &str, edits: &mut Edits) {
    let schemes = text
        .match_indices("://")
        .map(|(at, colon)| at + colon.len());
    let relative = text.starts_with("//").then_some(2);
    for start in schemes.chain(relative) {
        let rest = text.get(start..).unwrap_or_default();
        let end = rest.find(|c: char| {
            matches!(c, '/' | '?' | '#' | '\\' | '"' | '<' | '>') || c.is_whitespace()
        });
        let authority = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if let Some(at) = authority.rfind('@') {
            edits.push(text, start..start + at, Replacement::Marker);
        }
    }
}

/// The pieces of a text that may be percent-encoded on their own: keys, values, path, fragment.
pub(super) fn components(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut start = 0;
    text.split(['?', '&', '#', ';', '=']).map(move |piece| {
        let range = start..start + piece.len();
        start = range.end + 1;
        range
    })
}

/// The decoded pairs of a query or form, in order; a key alone has an empty value.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                percent::decode(key).into_owned(),
                percent::decode(value).into_owned(),
            )
        })
}

/// What a key is made of in a query, encoded or not; everything else separates it.
fn is_key_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '[' | ']' | '%' | '+' | '$' | '~' | '*')
}

/// Whether the last word of the text is the beginning of a URL with a scheme.
fn in_absolute_url(text: &str) -> bool {
    let bytes = text.as_bytes();
    let near = bytes
        .get(bytes.len().saturating_sub(MAX_URL_LOOK_BACK)..)
        .unwrap_or_default();
    let word = near.rsplit(u8::is_ascii_whitespace).next();
    word.is_some_and(|word| word.windows(3).any(|part| part == b"://"))
}
