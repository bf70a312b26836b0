//! A filter made ready for scanning: its tests look at each different value once, and at no column that those before
//! them left no rows of.

use std::collections::BTreeSet;

use super::reader::Reader;
use super::segment::SegmentError;
use super::texts::Texts;
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
    wanted: BTreeSet<&'a [u8]>,
}

impl<'a> Matcher<'a> {
    fn new(test: &'a Test) -> Self {
        let wanted = match &test.check {
            Check::Equals(texts) => texts.iter().map(String::as_bytes).collect(),
            _ => BTreeSet::new(),
        };
        Self { test, wanted }
    }

    fn cost(&self) -> u32 {
        match &self.test.field {
            Field::Dimension(Dimension::Ip) => 2,
            Field::Dimension(Dimension::Name | Dimension::App) => 3,
            Field::Dimension(Dimension::Path | Dimension::RequestId | Dimension::Referer) => 6,
            Field::Dimension(_) => 4,
            Field::Json(JsonField::User, _) => 5,
            Field::Json(_, path) => 20 - u32::from(!path.is_empty()),
        }
    }

    fn select(&self, reader: &Reader<'_>, rows: &[u32]) -> Result<Vec<u32>, SegmentError> {
        let texts = reader.field(&self.test.field, rows)?;
        let matching = self.matching(&texts);
        Ok(rows
            .iter()
            .zip(&texts.codes)
            .filter(|(_, code)| {
                matching
                    .get(**code as usize)
                    .is_some_and(|matches| *matches)
            })
            .map(|(row, _)| *row)
            .collect())
    }

    /// Says of each value whether it meets the test.
    fn matching(&self, texts: &Texts) -> Vec<bool> {
        (0..texts.values.len() as u32)
            .map(|code| {
                texts
                    .values
                    .get(code)
                    .is_some_and(|value| self.meets(value))
            })
            .collect()
    }

    fn meets(&self, value: &[u8]) -> bool {
        match &self.test.field {
            Field::Dimension(_) => self.wanted.contains(value),
            Field::Json(_, path) => {
                let Ok(value) = serde_json::from_slice::<serde_json::Value>(value) else {
                    return false;
                };
                match (&value, path.is_empty()) {
                    (serde_json::Value::Object(members), true) => {
                        members.values().any(|value| self.equals(value))
                    }
                    _ => self.equals(&value),
                }
            }
        }
    }

    fn equals(&self, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => self.wanted.contains(text.as_bytes()),
            other => self.wanted.contains(other.to_string().as_bytes()),
        }
    }
}
