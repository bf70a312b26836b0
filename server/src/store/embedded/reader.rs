//! Reading the rows of a part, whether they are in memory or in a segment. Rows are told by their places, which
//! ascend.

use super::filter::Plan;
use super::hot::HotBatch;
use super::hot_reader::HotReader;
use super::json_path::JsonPath;
use super::segment::{GroupReader, SegmentError};
use super::texts::Texts;
use crate::store::event::{EventId, StoredEvent};
use crate::store::filter::Field;
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
        let (min, max) = match self {
            Self::Hot(reader) => reader.0.times(),
            Self::Group(reader) => reader.times_span(),
        };
        let all = 0..self.rows() as u32;
        if range.covers(min, max) && before.is_none_or(|before| max < before.time) {
            return Ok(all.collect());
        }
        let all: Vec<u32> = all.collect();
        let times = self.times(&all)?;
        let mut rows: Vec<u32> = all
            .into_iter()
            .zip(&times)
            .filter(|(_, time)| range.contains(**time))
            .filter(|(_, time)| before.is_none_or(|before| **time <= before.time))
            .map(|(row, _)| row)
            .collect();
        if let Some(before) = before {
            // Of the same time, the id decides.
            let is_tie = |row: &u32| times.get(*row as usize) == Some(&before.time);
            let ties: Vec<u32> = rows.iter().copied().filter(is_tie).collect();
            let ids = self.ids(&ties)?;
            let later: Vec<u32> = ties
                .into_iter()
                .zip(ids)
                .filter(|(_, id)| *id >= before.id)
                .map(|(row, _)| row)
                .collect();
            rows.retain(|row| later.binary_search(row).is_err());
        }
        Ok(rows)
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

    /// The values of the field: texts of a dimension, JSON of a JSON field.
    pub(super) fn field(&self, field: &Field, rows: &[u32]) -> Result<Texts, SegmentError> {
        match (field, self) {
            (Field::Dimension(dimension), Self::Hot(reader)) => reader.dimension(*dimension, rows),
            (Field::Dimension(dimension), Self::Group(reader)) => {
                reader.dimension(*dimension, rows)
            }
            (Field::Json(json, path), _) => {
                let whole = match self {
                    Self::Hot(reader) => reader.json(*json, rows)?,
                    Self::Group(reader) => reader.json(*json, rows)?,
                };
                if path.is_empty() {
                    return Ok(whole);
                }
                let path = JsonPath::new(path);
                Ok(whole.narrow(|json| path.find(json)))
            }
        }
    }
}
