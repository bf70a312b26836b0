//! The scrubber, and how it goes through JSON values.

use std::borrow::Cow;

use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use super::error::{ScrubConfigError, ScrubError};
use super::keys::Keys;
use super::patterns::Patterns;
use super::{REDACTED, query};

/// The deepest nesting of objects, arrays and encodings that is scrubbed.
pub(crate) const MAX_DEPTH: usize = 64;

/// Redacts secrets; see the [module docs](super).
#[derive(Debug, Clone)]
pub(crate) struct Scrubber {
    /// `None` when scrubbing is switched off.
    rules: Option<Rules>,
}

/// What to look for.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) keys: Keys,
    pub(super) patterns: Patterns,
}

impl Scrubber {
    /// A scrubber for these keys and regular expressions, and no others: the caller adds
    /// [`DEFAULT_KEYS`](super::DEFAULT_KEYS) and
    /// [`CARD_NUMBER_PATTERN`](super::CARD_NUMBER_PATTERN) where they are wanted.
    ///
    /// # Errors
    ///
    /// For a pattern that is not a regular expression, and a key without letter or digit.
    pub(crate) fn new(
        keys: impl IntoIterator<Item = String>,
        patterns: impl IntoIterator<Item = String>,
    ) -> Result<Self, ScrubConfigError> {
        Ok(Self {
            rules: Some(Rules {
                keys: Keys::new(keys)?,
                patterns: Patterns::new(patterns)?,
            }),
        })
    }

    /// A scrubber that changes nothing.
    pub(crate) fn disabled() -> Self {
        Self { rules: None }
    }

    /// Redacts the secrets in a value, at any depth.
    ///
    /// # Errors
    ///
    /// When the value is nested deeper than [`MAX_DEPTH`]; it may then be half scrubbed and must
    /// not be sent.
    pub(crate) fn scrub_value(&self, value: &mut Value) -> Result<(), ScrubError> {
        match &self.rules {
            Some(rules) => rules.value(value, 0).map(|_| ()),
            None => Ok(()),
        }
    }

    /// Redacts the secrets in a text; borrowed when there are none.
    pub(crate) fn scrub_str<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.rules {
            Some(rules) => rules.text(text, 0),
            None => Cow::Borrowed(text),
        }
    }

    /// Redacts the secrets in a URL, absolute or relative: in its path, its query, its fragment
    /// and before the `@`. All else is unchanged, the encoding too.
    ///
    /// Unlike [`scrub_str`](Self::scrub_str) it takes the whole text for the URL, white space that
    /// should have been encoded included.
    pub(crate) fn scrub_url<'a>(&self, url: &'a str) -> Cow<'a, str> {
        match &self.rules {
            Some(rules) => rules.url(url),
            None => Cow::Borrowed(url),
        }
    }

    /// The parameters of a query or form (`application/x-www-form-urlencoded`), decoded and
    /// scrubbed.
    ///
    /// Names are kept as they are decoded (`user[password]`). A parameter given several times is
    /// an array of its values, one given once a string.
    pub(crate) fn scrub_query(&self, raw_query: &str) -> Map<String, Value> {
        let mut parameters = Map::new();
        for (key, value) in query::pairs(raw_query) {
            let (key, value) = match &self.rules {
                None => (key, value),
                Some(rules) if rules.keys.contains(&key) => (key, REDACTED.to_owned()),
                Some(rules) => (
                    rules.text(&key, 0).into_owned(),
                    rules.text(&value, 0).into_owned(),
                ),
            };
            let value = Value::String(value);
            match parameters.entry(key) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                // Of a secret given twice, one marker says as much as two.
                Entry::Occupied(entry) if *entry.get() == REDACTED && value == REDACTED => {}
                Entry::Occupied(mut entry) => match entry.get_mut() {
                    Value::Array(values) => values.push(value),
                    single => *single = Value::Array(vec![single.take(), value]),
                },
            }
        }
        parameters
    }
}

impl Rules {
    /// Scrubs a value below `depth` others; says whether something was redacted.
    pub(super) fn value(&self, value: &mut Value, depth: usize) -> Result<bool, ScrubError> {
        match value {
            Value::Null | Value::Bool(_) => Ok(false),
            Value::Number(number) => Ok(self.number(number) && redact(value)),
            Value::String(text) => {
                let Cow::Owned(scrubbed) = self.text(text, depth) else {
                    return Ok(false);
                };
                *text = scrubbed;
                Ok(true)
            }
            Value::Array(_) | Value::Object(_) if depth >= MAX_DEPTH => {
                Err(ScrubError::TooDeep { limit: MAX_DEPTH })
            }
            Value::Array(values) => {
                let mut changed = false;
                for value in values {
                    changed |= self.value(value, depth + 1)?;
                }
                Ok(changed)
            }
            Value::Object(members) => self.members(members, depth),
        }
    }

    fn field(&self, key: &str, value: &mut Value, depth: usize) -> Result<bool, ScrubError> {
        if self.keys.contains(key) {
            return Ok(redact(value));
        }
        self.value(value, depth)
    }

    fn members(&self, members: &mut Map<String, Value>, depth: usize) -> Result<bool, ScrubError> {
        let mut changed = false;
        let mut secret_names = Vec::new();
        for (name, value) in members.iter_mut() {
            changed |= self.field(name, value, depth + 1)?;
            if let Cow::Owned(scrubbed) = self.text(name, depth + 1) {
                secret_names.push((name.clone(), scrubbed));
            }
        }
        for (name, scrubbed) in secret_names {
            // Of members whose names become the same, the last one stays.
            if let Some(value) = members.remove(&name) {
                members.insert(scrubbed, value);
                changed = true;
            }
        }
        Ok(changed)
    }

    /// Whether the digits of a number are a secret.
    fn number(&self, number: &Number) -> bool {
        let digits = match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(n), _, _) => n.to_string(),
            (_, Some(n), _) => n.unsigned_abs().to_string(),
            // A card number may have been written as a float; without fraction, its digits are
            // those of the integer.
            (_, _, Some(n)) => n.abs().to_string(),
            _ => number.to_string(),
        };
        matches!(self.text(&digits, 0), Cow::Owned(_))
    }
}

/// Puts the marker in the place of a value; says whether it was not there before.
fn redact(value: &mut Value) -> bool {
    let changed = *value != REDACTED;
    if changed {
        *value = Value::String(REDACTED.to_owned());
    }
    changed
}
