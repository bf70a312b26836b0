//! Reading the rows of a part, whether they are in memory or in a segment. Rows are told by their places, which
//! ascend.

use super::filter::Plan;
use super::hot::HotBatch;
use super::hot_reader::HotReader;
use super::json_path::{self, JsonPath};
use super::segment::{GroupReader, SegmentError};
use super::texts::Texts;
use crate::store::event::{EventId, StoredEvent};
use crate::store::filter::{Dimension, Field, JsonField};
use crate::store::query::{Cursor, TimeRange};

/// Reads one part.
pub(super) enum Reader<'a> {
    Hot(HotReader<'a>),
    Group(GroupReader<'a>),
}

impl<'a> Reader<'a> {
    pub(super) fn hot(batch: &'a HotBatch) -> Self {
        Self::Hot(HotReader(batch))
    }

    /// How many rows there are.
    fn rows(&self) -> usize {
        match self {
            Self::Hot(reader) => reader.0.rows().len(),
            Self::Group(reader) => reader.rows(),
        }
    }

    /// Says whether rows are in the order of time and id.
    pub(super) fn is_sorted(&self) -> bool {
        matches!(self, Self::Group(_))
    }

    /// The rows within the range that come before the cursor.
    pub(super) fn within(
        &self,
        range: TimeRange,
        before: Option<Cursor>,
    ) -> Result<Vec<u32>, SegmentError> {
        self.among((0..self.rows() as u32).collect(), range, before)
    }

    /// Those of the rows that are within the range and come before the cursor.
    pub(super) fn among(
        &self,
        rows: Vec<u32>,
        range: TimeRange,
        before: Option<Cursor>,
    ) -> Result<Vec<u32>, SegmentError> {
        let (min, max) = match self {
            Self::Hot(reader) => reader.0.times(),
            Self::Group(reader) => reader.times_span(),
        };
        if range.covers(min, max) && before.is_none_or(|before| max < before.time) {
            return Ok(rows);
        }
        let times = self.times(&rows)?;
        let (mut within, mut ties) = (Vec::with_capacity(rows.len()), Vec::new());
        for (row, time) in rows.into_iter().zip(times) {
            if range.contains(time) && before.is_none_or(|before| time <= before.time) {
                within.push(row);
                if before.is_some_and(|before| time == before.time) {
                    ties.push(row);
                }
            }
        }
        if let Some(before) = before {
            // Of the same time, the id decides.
            let ids = self.ids(&ties)?;
            let ties = ties.into_iter().zip(ids);
            let later: Vec<u32> = ties
                .filter(|(_, id)| *id >= before.id)
                .map(|(row, _)| row)
                .collect();
            within.retain(|row| later.binary_search(row).is_err());
        }
        Ok(within)
    }

    /// Those of the rows that the filter takes.
    pub(super) fn select(&self, plan: &Plan<'_>, rows: &[u32]) -> Result<Vec<u32>, SegmentError> {
        plan.select(self, rows)
    }

    pub(super) fn times(&self, rows: &[u32]) -> Result<Vec<i64>, SegmentError> {
        match self {
            Self::Hot(reader) => Ok(reader.times(rows)),
            Self::Group(reader) => reader.times(rows),
        }
    }

    pub(super) fn ids(&self, rows: &[u32]) -> Result<Vec<EventId>, SegmentError> {
        match self {
            Self::Hot(reader) => Ok(reader.ids(rows)),
            Self::Group(reader) => reader.ids(rows),
        }
    }

    pub(super) fn events(&self, rows: &[u32]) -> Result<Vec<StoredEvent>, SegmentError> {
        match self {
            Self::Hot(reader) => reader.events(rows),
            Self::Group(reader) => reader.events(rows),
        }
    }

    /// Says whether certainly no row has a value of the field that `matches` takes.
    pub(super) fn lacks(
        &self,
        field: &Field,
        matches: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, SegmentError> {
        let is_ip = *field == Field::Dimension(Dimension::Ip);
        match self {
            Self::Hot(_) => Ok(false),
            Self::Group(reader) if is_ip => {
                reader.lacks(field, &|ip| matches(canonical(ip).unwrap_or(ip)))
            }
            Self::Group(reader) => reader.lacks(field, matches),
        }
    }

    /// The values of the field: texts of a dimension, JSON of a JSON field.
    pub(super) fn field(&self, field: &Field, rows: &[u32]) -> Result<Texts, SegmentError> {
        match field {
            Field::Dimension(dimension) => {
                let texts = match self {
                    Self::Hot(reader) => reader.dimension(*dimension, rows)?,
                    Self::Group(reader) => reader.dimension(*dimension, rows)?,
                };
                Ok(match dimension {
                    Dimension::Ip => texts.narrow(|ip| canonical(ip).or(Some(ip))),
                    _ => texts,
                })
            }
            Field::Json(field, path) => {
                let (texts, rest) = match self {
                    Self::Hot(reader) => (reader.json(*field, rows)?, path.as_slice()),
                    Self::Group(reader) => reader.json(*field, path, rows)?,
                };
                match rest.split_first() {
                    None => Ok(texts),
                    Some((header, inner)) if *field == JsonField::Headers => {
                        let inner = JsonPath::new(inner);
                        Ok(texts.narrow(|json| inner.find(json_path::header(json, header)?)))
                    }
                    Some(_) => {
                        let path = JsonPath::new(rest);
                        Ok(texts.narrow(|json| path.find(json)))
                    }
                }
            }
        }
    }
}

/// The address in its canonical form, where that differs: an IPv4 address in IPv6.
fn canonical(ip: &[u8]) -> Option<&[u8]> {
    let mapped = ip.strip_prefix(b"::ffff:")?;
    mapped.contains(&b'.').then_some(mapped)
}
