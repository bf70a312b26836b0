//! Reading chosen rows of chosen columns of one group of rows.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::File;
use std::rc::Rc;
use std::sync::Arc;

use parquet::basic::Encoding;
use parquet::column::reader::{get_column_reader, get_typed_column_reader};
use parquet::data_type::{DataType, Int64Type};

use super::column::{self, Dictionary};
use super::error::SegmentError;
use super::pages::Chunk;
use super::read::Segment;
use super::schema::Column;
use crate::store::embedded::texts::Texts;
use crate::store::event::EventId;

/// Reads one group of rows.
pub(in crate::store::embedded) struct GroupReader<'a> {
    pub(super) segment: &'a Segment,
    pub(super) file: Arc<File>,
    pub(super) group: usize,
    /// How many rows there are.
    pub(super) rows: usize,
    /// Those that were read, by the column's place.
    pub(super) dictionaries: RefCell<HashMap<usize, Option<Rc<Dictionary>>>>,
}

impl GroupReader<'_> {
    /// How many rows there are.
    pub(in crate::store::embedded) fn rows(&self) -> usize {
        self.rows
    }

    /// The earliest and the latest time, both inclusive.
    pub(in crate::store::embedded) fn times_span(&self) -> (i64, i64) {
        let group = self.segment.groups().get(self.group);
        group.map_or((i64::MIN, i64::MAX), |group| {
            (group.min_time, group.max_time)
        })
    }

    fn chunk(&self, place: usize) -> Result<Chunk<'_>, SegmentError> {
        let metadata = &self.segment.metadata;
        let descr = metadata.file_metadata().schema_descr().column(place);
        let group = metadata.row_group(self.group);
        let optional = descr.max_def_level() > 0;
        Chunk::open(&self.file, group.column(place), self.rows, optional)
    }

    /// The values of a column of numbers in the rows, which ascend; `None` where it has none. Pages without any of
    /// the rows are skipped.
    pub(super) fn numbers<T: DataType>(
        &self,
        column: Column,
        rows: &[u32],
    ) -> Result<Vec<Option<T::T>>, SegmentError> {
        let Some(place) = self.segment.place(column) else {
            return Ok(vec![None; rows.len()]);
        };
        let chunk = self.chunk(place)?;
        let pages = chunk.reader(chunk.is_dense(rows))?;
        let metadata = &self.segment.metadata;
        let descr = metadata.file_metadata().schema_descr().column(place);
        let optional = descr.max_def_level() > 0;
        let mut reader = get_typed_column_reader::<T>(get_column_reader(descr, Box::new(pages)));
        let mut out = Vec::with_capacity(rows.len());
        let (mut values, mut levels) = (Vec::new(), Vec::new());
        let mut at = 0;
        for run in rows.chunk_by(|row, next| row + 1 == *next) {
            let start = run.first().map_or(at, |row| *row as usize);
            let skip = start.saturating_sub(at);
            values.clear();
            levels.clear();
            let skipped = if skip > 0 {
                reader.skip_records(skip)?
            } else {
                0
            };
            let (read, _, _) = reader.read_records(
                run.len(),
                optional.then_some(&mut levels),
                None,
                &mut values,
            )?;
            if skipped != skip || read != run.len() {
                return Err(SegmentError::Damaged(format!(
                    "column {column:?} has too few rows"
                )));
            }
            at = start + run.len();
            let mut values = values.drain(..);
            if optional {
                out.extend(
                    levels
                        .iter()
                        .map(|level| if *level > 0 { values.next() } else { None }),
                );
            } else {
                out.extend(values.map(Some));
            }
        }
        Ok(out)
    }

    /// The values of a text column in the rows, which ascend.
    pub(super) fn text_column(&self, place: usize, rows: &[u32]) -> Result<Texts, SegmentError> {
        if rows.is_empty() {
            return Ok(Texts::default());
        }
        let chunk = self.chunk(place)?;
        let dictionary = self.dictionary(place, &chunk)?;
        column::texts(&chunk, dictionary.as_deref(), rows)
    }

    /// Says whether the column certainly holds no value that `matches` takes: its values stand in a
    /// dictionary, and none of them is one.
    pub(super) fn column_lacks(
        &self,
        place: usize,
        matches: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, SegmentError> {
        let column = self.segment.metadata.row_group(self.group).column(place);
        let all_in_dictionary = column
            .page_encoding_stats_mask()
            .is_some_and(|encodings| encodings.is_only(Encoding::RLE_DICTIONARY));
        if !all_in_dictionary {
            return Ok(false);
        }
        let dictionary = self.dictionary(place, &self.chunk(place)?)?;
        Ok(dictionary.is_some_and(|dictionary| !dictionary.values().any(matches)))
    }

    fn dictionary(
        &self,
        place: usize,
        chunk: &Chunk<'_>,
    ) -> Result<Option<Rc<Dictionary>>, SegmentError> {
        if let Some(known) = self.dictionaries.borrow().get(&place) {
            return Ok(known.clone());
        }
        let bytes = chunk.dictionary()?;
        let read = bytes.map(Dictionary::read).transpose()?.map(Rc::new);
        self.dictionaries.borrow_mut().insert(place, read.clone());
        Ok(read)
    }

    /// The id of each of the rows, which ascend.
    pub(in crate::store::embedded) fn ids(
        &self,
        rows: &[u32],
    ) -> Result<Vec<EventId>, SegmentError> {
        let mut ids = Vec::with_capacity(rows.len());
        if rows.is_empty() {
            return Ok(ids);
        }
        self.chunk(Column::Id.place())?
            .each_page(rows, |page, rows| {
                let (all, rest) = page.values.as_chunks::<16>();
                if page.encoding != Encoding::PLAIN || !rest.is_empty() {
                    return Err(SegmentError::Damaged(
                        "ids are not as they were written".to_owned(),
                    ));
                }
                for row in rows {
                    let id = all.get(*row as usize - page.first);
                    let id =
                        id.ok_or_else(|| SegmentError::Damaged("ids are cut short".to_owned()))?;
                    ids.push(EventId::from_bytes(*id));
                }
                Ok(())
            })?;
        Ok(ids)
    }

    /// The time of each of the rows, which ascend.
    pub(in crate::store::embedded) fn times(&self, rows: &[u32]) -> Result<Vec<i64>, SegmentError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let times = self.numbers::<Int64Type>(Column::Time, rows)?;
        Ok(times.into_iter().flatten().collect())
    }
}
