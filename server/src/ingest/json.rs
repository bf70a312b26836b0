//! JSON of agents: how much memory it takes, and how it is parsed.

use serde_json::Value;
use sqreen::protocol::{
    BatchRequest, BeatRequest, LoginRequest, MetricsRequest, RequestRecord, Signal,
};

use super::answer::Refusal;

/// The most levels of nesting of a body, or of an element of a batch: `serde_json` ends at the next.
const MAX_DEPTH: usize = 127;
/// What an object, an array and a further element of either take in memory at most, in bytes, texts aside: the first
/// member of an object makes room for eleven, the first element of an array for four.
const OBJECT: usize = 700;
const ARRAY: usize = 160;
const ELEMENT: usize = 80;

/// Whether the values of a text take more memory than this, when they are read.
///
/// Short texts of many values take up to eighty times their own size.
pub(super) fn weighs_more(json: &[u8], limit: usize) -> bool {
    let count = |byte| memchr::memchr_iter(byte, json).count();
    // Counts what is within strings, too, so that the truth is below. Most texts need no closer look.
    let at_most = count(b'{') * OBJECT + count(b'[') * ARRAY + count(b',') * ELEMENT;
    at_most > limit && weight(json) > limit
}

fn weight(json: &[u8]) -> usize {
    let mut weight = 0;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        weight += match byte {
            b'{' => OBJECT,
            b'[' => ARRAY,
            b',' => ELEMENT,
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => {
                            bytes.next();
                        }
                        _ => {}
                    }
                }
                0
            }
            _ => 0,
        };
    }
    weight
}

/// A body of agents; an empty one is the default.
pub(super) trait FromJson: Default {
    fn from_json(json: &[u8]) -> serde_json::Result<Self>;
}

impl FromJson for BatchRequest {
    fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        Self::from_json(json)
    }
}

impl FromJson for Vec<Signal> {
    fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        Signal::all_from_json(json)
    }
}

macro_rules! from_json {
    ($($body:ident)*) => {$(
        impl FromJson for $body {
            fn from_json(json: &[u8]) -> serde_json::Result<Self> {
                serde_json::from_slice(json)
            }
        }
    )*};
}

from_json! { BeatRequest LoginRequest MetricsRequest RequestRecord Value }

/// Parses a text; an empty one reads as the default.
pub(super) fn parse<T: FromJson>(json: &[u8]) -> Result<T, Refusal> {
    if json.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    let error = match T::from_json(json) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    let reason = error.to_string();
    if reason.starts_with("recursion limit exceeded") {
        let text = format!("body: nested deeper than {MAX_DEPTH} levels");
        return Err(Refusal::Body(text));
    }
    if reason.contains("hex escape")
        && let Some(repaired) = without_lone_surrogates(json)
    {
        return T::from_json(&repaired).map_err(|error| unexpected(&error));
    }
    Err(unexpected(&error))
}

fn unexpected(error: &serde_json::Error) -> Refusal {
    Refusal::Body(format!("body: not the JSON expected: {error}"))
}

/// The text with each escaped half of a surrogate pair replaced by `\ufffd`, if there is one. Node and Python write
/// such halves when a client sent one; `serde_json` takes none, and a client must not be able to spoil the batch that
/// tells of it.
fn without_lone_surrogates(json: &[u8]) -> Option<Vec<u8>> {
    let mut repaired = json.to_vec();
    let mut found = false;
    let mut at = 0;
    let next = |at| {
        let rest = json.get(at..).unwrap_or_default();
        memchr::memchr(b'\\', rest).map(|found| at + found)
    };
    while let Some(backslash) = next(at) {
        let unit = |at: usize| match json.get(at..at + 6)? {
            [b'\\', b'u', digits @ ..] => {
                let digits = std::str::from_utf8(digits).ok()?;
                u16::from_str_radix(digits, 16).ok()
            }
            _ => None,
        };
        at = match (unit(backslash), unit(backslash + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => backslash + 12,
            (Some(0xd800..=0xdfff), _) => {
                found = true;
                if let Some(half) = repaired.get_mut(backslash..backslash + 6) {
                    half.copy_from_slice(b"\\ufffd");
                }
                backslash + 6
            }
            _ => backslash + 2,
        };
    }
    found.then_some(repaired)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_within_strings_weighs_nothing() {
        let text = format!(r#"["{}\"{{[,"]"#, "{[,".repeat(1_000));
        assert_eq!(weight(text.as_bytes()), ARRAY);
        assert!(!weighs_more(text.as_bytes(), ARRAY));
        let list = format!("[{}0]", "{\"a\":0},".repeat(1_000));
        assert!(weighs_more(list.as_bytes(), 700_000));
    }

    #[test]
    fn lone_surrogates_spoil_nothing() {
        let text = r#"["\ud83d\ude00", "a\ud800", "\udc00\ud800\\ud800", "\\"]"#;
        let parsed: Value = parse(text.as_bytes()).unwrap();
        let expected = serde_json::json!(["😀", "a\u{fffd}", "\u{fffd}\u{fffd}\\ud800", "\\"]);
        assert_eq!(parsed, expected);
        assert!(parse::<Value>(br#"["\ud80"]"#).is_err());
    }
}
