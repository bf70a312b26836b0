//! Reading what operators send: each mistake names its field.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// A field that is wrong; displays as `field: what is wrong`, or `field[0]: …` for an element of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// Its name; within another field, the names on the way to it, as in `trigger.event` or `responses[0].url`.
    pub(crate) field: String,
    pub(crate) place: Option<usize>,
    /// What is wrong with it, for people.
    pub(crate) wrong: String,
    /// Where it is wrong, in bytes from the start of its text, if that is known.
    pub(crate) position: Option<usize>,
}

impl FieldError {
    pub(crate) fn new(field: &str, wrong: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            place: None,
            wrong: wrong.into(),
            position: None,
        }
    }

    /// Of one element of a list, from 0.
    pub(crate) fn element(field: &str, place: usize, wrong: impl Into<String>) -> Self {
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
pub(crate) struct Fields {
    /// The names on the way to the object, and what stands between them and the name of a field.
    prefix: String,
    fields: Map<String, Value>,
}

impl Fields {
    pub(crate) fn new(fields: Map<String, Value>) -> Self {
        Self::within(String::new(), fields)
    }

    /// The fields of an object that `name` leads to.
    pub(crate) fn within(name: String, fields: Map<String, Value>) -> Self {
        let separator = if name.is_empty() { "" } else { "." };
        Self {
            prefix: name + separator,
            fields,
        }
    }

    /// Those that were not taken yet.
    pub(crate) fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// A field of this object is wrong.
    pub(crate) fn error(&self, name: &str, wrong: impl Into<String>) -> FieldError {
        FieldError::new(&format!("{}{name}", self.prefix), wrong)
    }

    /// An element of one of its lists is wrong.
    pub(crate) fn wrong_element(&self, name: &str, place: usize, wrong: &str) -> FieldError {
        FieldError::element(&format!("{}{name}", self.prefix), place, wrong)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.remove(name).filter(|value| !value.is_null())
    }

    /// A text of 1 to `limit` bytes.
    pub(crate) fn text(&mut self, name: &str, limit: usize) -> Result<Option<String>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) if (1..=limit).contains(&text.len()) => Ok(Some(text)),
            Some(Value::String(_)) => Err(self.error(name, format!("not 1 to {limit} bytes"))),
            Some(_) => Err(self.error(name, "not a text")),
        }
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(_) => Err(self.error(name, "neither true nor false")),
        }
    }

    /// What `take` takes of at most `limit`, which must be there.
    pub(crate) fn needed<T>(
        &mut self,
        name: &str,
        take: impl FnOnce(&mut Self, &str, usize) -> Result<Option<T>, FieldError>,
        limit: usize,
    ) -> Result<T, FieldError> {
        take(self, name, limit)?.ok_or_else(|| self.error(name, "missing"))
    }

    /// One of these by its name.
    pub(crate) fn named<T: Copy, const N: usize>(
        &mut self,
        name: &str,
        all: [T; N],
        name_of: fn(T) -> &'static str,
    ) -> Result<Option<T>, FieldError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let mut known = all.into_iter();
        let found = known.find(|known| value.as_str() == Some(name_of(*known)));
        let wrong = || self.error(name, format!("none of {}", all.map(name_of).join(", ")));
        found.map(Some).ok_or_else(wrong)
    }

    /// A list of 0 to `limit` elements.
    pub(crate) fn list(
        &mut self,
        name: &str,
        limit: usize,
    ) -> Result<Option<Vec<Value>>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) if list.len() <= limit => Ok(Some(list)),
            Some(Value::Array(list)) => Err(self.error(
                name,
                format!("has {} elements, the limit is {limit}", list.len()),
            )),
            Some(_) => Err(self.error(name, "not a list")),
        }
    }

    /// A whole number within the bounds.
    pub(crate) fn whole(
        &mut self,
        name: &str,
        bounds: RangeInclusive<u64>,
    ) -> Result<Option<u64>, FieldError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        match value.as_u64().filter(|number| bounds.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let (least, most) = bounds.into_inner();
                Err(self.error(name, format!("not a whole number of {least} to {most}")))
            }
        }
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, FieldError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(fields)) => {
                Ok(Some(Self::within(format!("{}{name}", self.prefix), fields)))
            }
            Some(_) => Err(self.error(name, "not an object")),
        }
    }

    /// A list of 0 to `limit` objects.
    pub(crate) fn objects(&mut self, name: &str, limit: usize) -> Result<Vec<Self>, FieldError> {
        let list = self.list(name, limit)?.unwrap_or_default();
        let list = list.into_iter().enumerate();
        list.map(|(place, value)| match value {
            Value::Object(fields) => Ok(Self::within(
                format!("{}{name}[{place}]", self.prefix),
                fields,
            )),
            _ => Err(self.wrong_element(name, place, "not an object")),
        })
        .collect()
    }

    /// A list of 0 to `limit` texts.
    pub(crate) fn texts(
        &mut self,
        name: &str,
        limit: usize,
    ) -> Result<Option<Vec<String>>, FieldError> {
        let Some(list) = self.list(name, limit)? else {
            return Ok(None);
        };
        let list = list.into_iter().enumerate();
        let texts = list.map(|(place, value)| match value {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong_element(name, place, "not a text")),
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    /// A text, or a list of 0 to `limit` texts.
    pub(crate) fn one_or_more(
        &mut self,
        name: &str,
        limit: usize,
    ) -> Result<Vec<String>, FieldError> {
        if let Some(Value::String(text)) = self.fields.get(name) {
            let text = text.clone();
            self.fields.remove(name);
            return Ok(vec![text]);
        }
        Ok(self.texts(name, limit)?.unwrap_or_default())
    }

    /// Refuses what was not taken.
    pub(crate) fn finish(self) -> Result<(), FieldError> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.error(name, "unknown field")),
        }
    }
}
