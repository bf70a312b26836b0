//! A TOML document as JSON, and where each of its values stands.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::FileError;
use crate::fields::FieldError;

/// A parsed file.
#[derive(Debug)]
pub(super) struct Document<'a> {
    source: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(source: &'a str) -> Result<Self, FileError> {
        let table = DeTable::parse(source).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            FileError::at(source, at, format!("not TOML: {}", error.message()))
        })?;
        Ok(Self { source, table })
    }

    /// The document's fields.
    pub(super) fn fields(&self) -> Result<Map<String, Value>, FileError> {
        self.object(self.table.get_ref())
    }

    fn object(&self, table: &DeTable<'_>) -> Result<Map<String, Value>, FileError> {
        let fields = table.iter().map(|(name, value)| {
            let value = self.value(value)?;
            Ok((name.get_ref().to_string(), value))
        });
        fields.collect()
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Result<Value, FileError> {
        let wrong = |text| Err(FileError::at(self.source, value.span().start, text));
        match value.get_ref() {
            DeValue::String(text) => Ok(Value::String(text.to_string())),
            DeValue::Boolean(on) => Ok(Value::Bool(*on)),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Ok(number.into()),
                    Err(_) => wrong("a whole number beyond 64 bits"),
                }
            }
            DeValue::Float(number) => match number.as_str().parse().ok().and_then(Number::from_f64)
            {
                Some(number) => Ok(Value::Number(number)),
                None => wrong("a number that is not finite"),
            },
            DeValue::Datetime(_) => wrong("a date: write it as a text"),
            DeValue::Array(list) => list.iter().map(|value| self.value(value)).collect(),
            DeValue::Table(table) => self.object(table).map(Value::Object),
        }
    }

    /// Where a field is wrong.
    pub(super) fn locate(&self, error: &FieldError) -> FileError {
        let mut path = error.field.clone();
        if let Some(place) = error.place {
            path = format!("{path}[{place}]");
        }
        let span = self.span(&path);
        let at = match error.position.filter(|_| self.is_plain(&span)) {
            // Behind the quote.
            Some(position) => span.start + 1 + position,
            None => span.start,
        };
        FileError::at(self.source, at, error.to_string())
    }

    /// Whether a text stands there as it is, between quotes of one character.
    fn is_plain(&self, span: &Range<usize>) -> bool {
        let text = self.source.get(span.clone()).unwrap_or_default();
        let quoted = text.starts_with(['"', '\'']);
        quoted && !text.starts_with("\"\"\"") && !text.starts_with("'''") && !text.contains('\\')
    }

    /// The place of the value that the names and numbers lead to, or of the last that is there on the way.
    fn span(&self, path: &str) -> Range<usize> {
        let mut span = self.table.span();
        let mut steps = path
            .split(['.', '['])
            .map(|step| step.trim_end_matches(']'));
        let Some((key, mut value)) = steps
            .next()
            .and_then(|name| self.table.get_ref().get_key_value(name))
        else {
            return span;
        };
        span = of(key.span(), value);
        for step in steps {
            let next = match value.get_ref() {
                DeValue::Table(table) => table
                    .get_key_value(step)
                    .map(|(key, next)| (of(key.span(), next), next)),
                DeValue::Array(list) => {
                    let place = step.parse::<usize>().ok();
                    place
                        .and_then(|place| list.get(place))
                        .map(|next| (next.span(), next))
                }
                _ => None,
            };
            match next {
                Some((place, next)) => (span, value) = (place, next),
                None => break,
            }
        }
        span
    }
}

/// A text's own place; otherwise that of its name, since tables have none that says much.
fn of(key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
    match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) => key,
        _ => value.span(),
    }
}
