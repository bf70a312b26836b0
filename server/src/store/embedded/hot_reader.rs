//! Reading rows in memory, one field at a time.

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::value::RawValue;

use super::hot::{HotBatch, HotRow};
use super::row::{Row, Text};
use super::segment::SegmentError;
use super::texts::{ABSENT, Texts, Values, place_within};
use crate::store::event::{EventId, StoredEvent};
use crate::store::filter::{Dimension, JsonField};

/// Reads one batch.
#[derive(Clone, Copy)]
pub(super) struct HotReader<'a>(pub(super) &'a HotBatch);

impl<'a> HotReader<'a> {
    fn rows(&self, rows: &[u32]) -> impl Iterator<Item = &'a HotRow> {
        let batch = self.0;
        rows.iter()
            .filter_map(move |row| batch.rows().get(*row as usize))
    }

    pub(super) fn times(&self, rows: &[u32]) -> Vec<i64> {
        self.rows(rows).map(|row| row.time).collect()
    }

    pub(super) fn ids(&self, rows: &[u32]) -> Vec<EventId> {
        self.rows(rows).map(|row| row.id).collect()
    }

    pub(super) fn events(&self, rows: &[u32]) -> Result<Vec<StoredEvent>, SegmentError> {
        self.rows(rows)
            .map(|row| self.0.event(row).map_err(|error| unreadable(&error)))
            .collect()
    }

    /// The values of a dimension, as text.
    pub(super) fn dimension(
        &self,
        dimension: Dimension,
        rows: &[u32],
    ) -> Result<Texts, SegmentError> {
        let text = |pick: fn(Row<'a>) -> Option<Text<'a>>| self.texts(rows, pick);
        match dimension {
            Dimension::App => Ok(self.symbols(rows, |(app, _)| app)),
            Dimension::Name => Ok(self.symbols(rows, |(_, name)| name)),
            Dimension::Ip => Ok(Texts::of_numbers(self.rows(rows).map(|row| row.ip))),
            Dimension::Method => text(|row| row.method),
            Dimension::Path => text(|row| row.path),
            Dimension::Route => text(|row| row.route),
            Dimension::Host => text(|row| row.host),
            Dimension::Scheme => text(|row| row.scheme),
            Dimension::UserAgent => text(|row| row.user_agent),
            Dimension::Referer => text(|row| row.referer),
            Dimension::RequestId => text(|row| row.request_id),
            Dimension::Agent => text(|row| row.agent),
            Dimension::Hostname => text(|row| row.hostname),
            Dimension::Environment => text(|row| row.environment),
            Dimension::Status => self.numbers(rows, |row| row.status),
            Dimension::Aggregated => self.numbers(rows, |row| Some(row.aggregated)),
        }
    }

    /// The JSON of a field.
    pub(super) fn json(&self, field: JsonField, rows: &[u32]) -> Result<Texts, SegmentError> {
        let pick: fn(Row<'a>) -> Option<&'a RawValue> = match field {
            JsonField::User => |row| row.user,
            JsonField::Params => |row| row.params,
            JsonField::Body => |row| row.body,
            JsonField::Properties => |row| row.properties,
            JsonField::Traits => |row| row.traits,
            JsonField::Headers => |row| row.headers,
        };
        self.texts(rows, |row| {
            pick(row).map(|json| Text(Cow::Borrowed(json.get())))
        })
    }

    fn symbols(&self, rows: &[u32], pick: fn((&'a str, &'a str)) -> &'a str) -> Texts {
        let batch = self.0;
        let mut values = Values::default();
        let mut known: std::collections::HashMap<&'a str, u32> = Default::default();
        let codes = self
            .rows(rows)
            .map(|row| {
                let symbol = pick(batch.symbols(row));
                let new = || values.push_owned(symbol.to_owned());
                *known.entry(symbol).or_insert_with(new)
            })
            .collect();
        Texts { codes, values }
    }

    fn numbers<T: ToString + Copy + Eq + std::hash::Hash>(
        &self,
        rows: &[u32],
        pick: fn(Row<'a>) -> Option<T>,
    ) -> Result<Texts, SegmentError> {
        let numbers: Vec<Option<T>> = self
            .rows(rows)
            .map(|row| Ok(pick(self.row(row)?)))
            .collect::<Result<_, SegmentError>>()?;
        Ok(Texts::of_numbers(numbers))
    }

    fn texts(
        &self,
        rows: &[u32],
        pick: impl Fn(Row<'a>) -> Option<Text<'a>>,
    ) -> Result<Texts, SegmentError> {
        let bytes = self.0.bytes();
        let mut texts = Texts {
            codes: Vec::with_capacity(rows.len()),
            values: Values::default(),
        };
        texts.values.buffer(bytes.clone());
        // Texts that JSON escapes: they lie in buffers of their own, which come last.
        let mut escaped: Vec<(usize, Bytes)> = Vec::new();
        for row in self.rows(rows) {
            let code = match pick(self.row(row)?) {
                None => ABSENT,
                Some(Text(Cow::Borrowed(text))) => {
                    let (start, end) = place_within(bytes, text.as_bytes())
                        .ok_or_else(|| unreadable(&"a text lies elsewhere"))?;
                    texts.values.push(start, end)
                }
                Some(Text(Cow::Owned(text))) => {
                    escaped.push((texts.codes.len(), text.into()));
                    ABSENT
                }
            };
            texts.codes.push(code);
        }
        for (place, text) in escaped {
            let code = texts.values.push_owned(text);
            if let Some(place) = texts.codes.get_mut(place) {
                *place = code;
            }
        }
        Ok(texts)
    }

    fn row(&self, row: &HotRow) -> Result<Row<'a>, SegmentError> {
        serde_json::from_slice(self.0.text(row)).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> SegmentError {
    SegmentError::Damaged(error.to_string())
}
