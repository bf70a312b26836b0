//! A filter made ready for scanning: its tests look at each different value once, and at no column that those before
//! them left no rows of.

use std::collections::HashSet;

use memchr::memchr2_iter;
use serde_json::Value;

use super::reader::Reader;
use super::segment::SegmentError;
use super::texts::Values;
use crate::store::filter::{Check, Dimension, Field, Filter, JsonField, Test};

/// What to look for.
#[derive(Debug)]
pub(super) enum Plan<'a> {
    /// All of them hold, the cheapest first.
    All(Vec<Plan<'a>>),
    Any(Vec<Plan<'a>>),
    Not(Box<Plan<'a>>),
    Is(Matcher<'a>),
}

impl<'a> Plan<'a> {
    pub(super) fn new(filter: &'a Filter) -> Self {
        match filter {
            Filter::All(all) => {
                let mut all: Vec<Self> = all.iter().map(Self::new).collect();
                all.sort_by_key(Self::cost);
                Self::All(all)
            }
            Filter::Any(any) => Self::Any(any.iter().map(Self::new).collect()),
            Filter::Not(not) => Self::Not(Box::new(Self::new(not))),
            Filter::Is(test) => Self::Is(Matcher::new(test)),
        }
    }

    /// Says whether every event is meant.
    pub(super) fn takes_all(&self) -> bool {
        match self {
            Self::All(all) => all.iter().all(Self::takes_all),
            _ => false,
        }
    }

    /// How dear it is to look, roughly: what repeats is cheap, JSON is dear.
    fn cost(&self) -> u32 {
        match self {
            Self::All(all) => all.iter().map(Self::cost).min().unwrap_or_default(),
            Self::Any(any) => any.iter().map(Self::cost).sum(),
            Self::Not(not) => not.cost(),
            Self::Is(matcher) => matcher.cost(),
        }
    }

    /// Those of the rows, which ascend, that are meant.
    pub(super) fn select(
        &self,
        reader: &Reader<'_>,
        rows: &[u32],
    ) -> Result<Vec<u32>, SegmentError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::All(all) => {
                let mut left = rows.to_vec();
                for plan in all {
                    left = plan.select(reader, &left)?;
                }
                Ok(left)
            }
            Self::Any(any) => {
                let mut left = rows.to_vec();
                let mut found = Vec::new();
                for plan in any {
                    let more = plan.select(reader, &left)?;
                    left = without(&left, &more);
                    found.extend(more);
                }
                found.sort_unstable();
                Ok(found)
            }
            Self::Not(not) => Ok(without(rows, &not.select(reader, rows)?)),
            Self::Is(matcher) => matcher.select(reader, rows),
        }
    }

    /// The rows, in ascending order, that alone may be meant, by what an index finds for a test; `None` if it cannot
    /// tell.
    pub(super) fn indexed(
        &self,
        find: &impl Fn(&Test) -> Result<Option<Vec<u32>>, SegmentError>,
    ) -> Result<Option<Vec<u32>>, SegmentError> {
        match self {
            Self::All(all) => {
                let mut fewest: Option<Vec<u32>> = None;
                for plan in all {
                    if let Some(rows) = plan.indexed(find)?
                        && fewest
                            .as_ref()
                            .is_none_or(|fewest| rows.len() < fewest.len())
                    {
                        fewest = Some(rows);
                    }
                }
                Ok(fewest)
            }
            Self::Any(any) => {
                let mut rows = Vec::new();
                for plan in any {
                    let Some(more) = plan.indexed(find)? else {
                        return Ok(None);
                    };
                    rows.extend(more);
                }
                rows.sort_unstable();
                rows.dedup();
                Ok(Some(rows))
            }
            Self::Not(_) => Ok(None),
            Self::Is(matcher) => find(matcher.test),
        }
    }
}

/// The rows that are not among the others; both ascend.
fn without(rows: &[u32], others: &[u32]) -> Vec<u32> {
    let mut others = others.iter().peekable();
    let mut left = Vec::with_capacity(rows.len());
    for row in rows {
        if others.peek() == Some(&row) {
            others.next();
        } else {
            left.push(*row);
        }
    }
    left
}

/// A test made ready.
#[derive(Debug)]
pub(super) struct Matcher<'a> {
    test: &'a Test,
    ready: Ready<'a>,
}

/// What of a check can be worked out once.
#[derive(Debug)]
enum Ready<'a> {
    /// The texts to compare with.
    Equals(HashSet<&'a [u8]>),
    Contains(Needle<'a>),
    Prefix(&'a [u8]),
    Other,
}

impl<'a> Matcher<'a> {
    fn new(test: &'a Test) -> Self {
        let ready = match &test.check {
            Check::Equals(texts) => Ready::Equals(texts.iter().map(String::as_bytes).collect()),
            Check::Contains(text) => Ready::Contains(Needle::new(text.as_bytes())),
            Check::Prefix(text) => Ready::Prefix(text.as_bytes()),
            _ => Ready::Other,
        };
        Self { test, ready }
    }

    fn cost(&self) -> u32 {
        match &self.test.field {
            Field::Dimension(
                Dimension::Ip | Dimension::Path | Dimension::RequestId | Dimension::Referer,
            ) => 2,
            Field::Dimension(_) => 1,
            Field::Json(_, path) if !path.is_empty() => 3,
            Field::Json(JsonField::User, _) => 4,
            Field::Json(..) => 5,
        }
    }

    fn select(&self, reader: &Reader<'_>, rows: &[u32]) -> Result<Vec<u32>, SegmentError> {
        let is_header = matches!(&self.test.field, Field::Json(JsonField::Headers, _));
        let whole = Field::Json(JsonField::Headers, Vec::new());
        // Of several headers of one name, any may be meant.
        let field = if is_header { &whole } else { &self.test.field };
        let meets = |value: &[u8]| self.meets(value);
        if reader.lacks(field, &meets)? {
            return Ok(Vec::new());
        }
        let texts = reader.field(field, rows)?;
        let mut known = Known::new(&texts.values);
        let codes = rows.iter().zip(&texts.codes);
        let matching = codes.filter(|(_, code)| known.says(**code, &meets));
        Ok(matching.map(|(row, _)| *row).collect())
    }

    /// Says whether the value is as it should be: the text of a dimension, the JSON of a JSON field.
    fn meets(&self, value: &[u8]) -> bool {
        match &self.test.field {
            Field::Dimension(dimension) => self.meets_text(value, *dimension),
            Field::Json(field, path) => match &self.ready {
                Ready::Contains(needle) if path.is_empty() => needle.is_in(value),
                _ => meets_json(&self.test.check, *field, path, value),
            },
        }
    }

    fn meets_text(&self, text: &[u8], dimension: Dimension) -> bool {
        match &self.ready {
            Ready::Equals(wanted) => wanted.contains(text),
            Ready::Contains(needle) => needle.is_in(text),
            Ready::Prefix(start) => text.starts_with(start),
            Ready::Other => std::str::from_utf8(text)
                .is_ok_and(|text| self.test.check.meets_text(text, dimension)),
        }
    }
}

/// Says whether JSON is as it should be: what the path leads to, and of headers the whole field.
pub(super) fn meets_json(check: &Check, field: JsonField, path: &[String], json: &[u8]) -> bool {
    let is_value = field != JsonField::Headers && !path.is_empty();
    let meets = |json: Value| match is_value {
        true => check.meets_value(&json),
        false => check.meets_json(field, path, &json),
    };
    let is_there = *check == Check::Exists && (is_value || path.is_empty());
    is_there || serde_json::from_slice(json).is_ok_and(meets)
}

/// What is known of values already.
struct Known<'v> {
    values: &'v Values,
    known: Vec<Option<bool>>,
}

impl<'v> Known<'v> {
    fn new(values: &'v Values) -> Self {
        let known = vec![None; values.len()];
        Self { values, known }
    }

    fn says(&mut self, code: u32, meets: &dyn Fn(&[u8]) -> bool) -> bool {
        let Some(known) = self.known.get_mut(code as usize) else {
            return false;
        };
        *known.get_or_insert_with(|| self.values.get(code).is_some_and(meets))
    }
}

/// A text to look for, ASCII letters in either case.
#[derive(Debug)]
struct Needle<'a> {
    text: &'a [u8],
    /// The place of the byte that is looked for first, being rare in texts of the web.
    rare: usize,
}

impl<'a> Needle<'a> {
    fn new(text: &'a [u8]) -> Self {
        let commonness = |byte: u8| match byte.to_ascii_lowercase() {
            b'"' | b':' | b',' | b'e' | b'a' | b'i' | b'o' | b'n' | b'r' | b's' | b't' => 3,
            byte if byte.is_ascii_lowercase() => 2,
            byte if byte.is_ascii_digit() || b"/.-_ ".contains(&byte) => 1,
            _ => 0,
        };
        let places = text.iter().enumerate();
        let rare = places.min_by_key(|(_, byte)| commonness(**byte));
        Self {
            text,
            rare: rare.map_or(0, |(place, _)| place),
        }
    }

    fn is_in(&self, text: &[u8]) -> bool {
        let Some(rare) = self.text.get(self.rare) else {
            return true;
        };
        let Some(last) = text.len().checked_sub(self.text.len()) else {
            return false;
        };
        let starts = text.get(self.rare..=last + self.rare).unwrap_or_default();
        let (lower, upper) = (rare.to_ascii_lowercase(), rare.to_ascii_uppercase());
        memchr2_iter(lower, upper, starts).any(|start| {
            text.get(start..start + self.text.len())
                .is_some_and(|part| part.eq_ignore_ascii_case(self.text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_wherever_it_stands() {
        for (wanted, text, expected) in [
            ("", "", true),
            ("", "a", true),
            ("a", "", false),
            ("curl", "Curl/8", true),
            ("CURL", "a curl", true),
            ("l/8", "curl/8", true),
            ("curl/8", "curl/", false),
            ("aab", "aaab", true),
            ("é", "É", false),
            ("é", "café", true),
            ("@b", "a@B.example", true),
        ] {
            assert_eq!(
                Needle::new(wanted.as_bytes()).is_in(text.as_bytes()),
                expected,
                "{wanted} in {text}"
            );
        }
    }
}
