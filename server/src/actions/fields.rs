//! Reading what operators send: each mistake names its field.

use std::fmt;

use serde_json::{Map, Value};

/// A field that is wrong; displays as `field: what is wrong`, or `field[0]: …` for an element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    pub(crate) field: String,
    place: Option<usize>,
    /// What is wrong with it, for people.
    pub(crate) wrong: String,
}

impl FieldError {
    pub(crate) fn new(field: &str, wrong: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            place: None,
            wrong: wrong.into(),
        }
    }

    /// Of one element of a list, from 0.
    pub(super) fn element(field: &str, place: usize, wrong: impl Into<String>) -> Self {
        Self {
            place: Some(place),
            ..Self::new(field, wrong)
        }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.field)?;
        if let Some(place) = self.place {
            write!(f, "[{place}]")?;
        }
        write!(f, ": {}", self.wrong)
    }
}

/// The fields of an object; each is taken once, `null` is as if it were absent.
#[derive(Debug)]
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// A text of 1 to `limit` bytes.
    pub(crate) fn text(&mut self, name: &str, limit: usize) -> Result<Option<String>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if (1..=limit).contains(&text.len()) => Ok(Some(text)),
            Some(Value::String(_)) => Err(FieldError::new(name, format!("not 1 to {limit} bytes"))),
            Some(_) => Err(FieldError::new(name, "not a text")),
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(FieldError::new(name, "neither true nor false")),
        }
    }

    /// A list of 0 to `limit` elements.
    pub(crate) fn list(&mut self, name: &str, limit: usize) -> Result<Vec<Value>, FieldError> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) if list.len() <= limit => Ok(list),
            Some(Value::Array(list)) => Err(FieldError::new(
                name,
                format!("has {} elements, the limit is {limit}", list.len()),
            )),
            Some(_) => Err(FieldError::new(name, "not a list")),
        }
    }

    /// Refuses what was not taken.
    pub(crate) fn finish(self) -> Result<(), FieldError> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(FieldError::new(name, "unknown field")),
        }
    }
}
