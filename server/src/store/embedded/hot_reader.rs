//! Reading rows in memory, one field at a time.

use super::hot::{HotBatch, HotRow};
use super::row::{Field, Row};
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
        let text = |field| self.texts(rows, field);
        match dimension {
            Dimension::App => Ok(self.symbols(rows, |(app, _)| app)),
            Dimension::Name => Ok(self.symbols(rows, |(_, name)| name)),
            Dimension::Ip => Ok(Texts::of_numbers(self.rows(rows).map(|row| row.ip))),
            Dimension::Country => text(Field::Country),
            Dimension::Asn => self.numbers(rows, |row| row.asn()),
            Dimension::Method => text(Field::Method),
            Dimension::Path => text(Field::Path),
            Dimension::Route => text(Field::Route),
            Dimension::Host => text(Field::Host),
            Dimension::Scheme => text(Field::Scheme),
            Dimension::UserAgent => text(Field::UserAgent),
            Dimension::Referer => text(Field::Referer),
            Dimension::RequestId => text(Field::RequestId),
            Dimension::Agent => text(Field::Agent),
            Dimension::Hostname => text(Field::Hostname),
            Dimension::Environment => text(Field::Environment),
            Dimension::Status => self.numbers(rows, |row| row.status),
            Dimension::Aggregated => self.numbers(rows, |row| Some(row.aggregated)),
        }
    }

    /// The JSON of a field.
    pub(super) fn json(&self, field: JsonField, rows: &[u32]) -> Result<Texts, SegmentError> {
        self.texts(rows, field.into())
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

    fn texts(&self, rows: &[u32], field: Field) -> Result<Texts, SegmentError> {
        let bytes = self.0.bytes();
        let mut texts = Texts {
            codes: Vec::with_capacity(rows.len()),
            values: Values::default(),
        };
        texts.values.buffer(bytes.clone());
        for row in self.rows(rows) {
            let code = match self.row(row)?.field(field) {
                None => ABSENT,
                Some(text) => {
                    let (start, end) = place_within(bytes, text)
                        .ok_or_else(|| unreadable(&"a text lies elsewhere"))?;
                    texts.values.push(start, end)
                }
            };
            texts.codes.push(code);
        }
        Ok(texts)
    }

    fn row(&self, row: &HotRow) -> Result<Row<'a>, SegmentError> {
        self.0.row(row).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> SegmentError {
    SegmentError::Damaged(error.to_string())
}
