//! A segment: its footer, and what it tells without its rows.

use std::cell::RefCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parquet::basic::Type;
use parquet::file::metadata::{
    ParquetMetaData, ParquetMetaDataOptions, ParquetMetaDataReader, ParquetStatisticsPolicy,
};
use parquet::file::statistics::Statistics;
use parquet::schema::types::SchemaDescriptor;

use super::actors::{self, ActorIndex};
use super::crc::file_crc;
use super::error::SegmentError;
use super::group::GroupReader;
use super::schema::{
    Column, KEY_IPS, KEY_MAX_RECEIVED, KEY_MAX_TIME, KEY_MIN_TIME, KEY_USERS, KEY_VERSION, SCHEMA,
    Shred, VERSIONS,
};
use crate::store::embedded::disk;
use crate::store::embedded::files::{Numbers, SegmentName};
use crate::store::filter::{Check, Dimension, Field, JsonField, Test};

/// Rows that are decoded together.
#[derive(Debug)]
pub(in crate::store::embedded) struct Group {
    /// The place of its first row in the segment.
    first: u32,
    pub(in crate::store::embedded) rows: usize,
    pub(in crate::store::embedded) min_time: i64,
    pub(in crate::store::embedded) max_time: i64,
}

/// A sealed segment.
#[derive(Debug)]
pub(in crate::store::embedded) struct Segment {
    path: PathBuf,
    name: SegmentName,
    bytes: u64,
    pub(super) metadata: ParquetMetaData,
    /// How many of [`Column::ALL`] it has: the first ones.
    columns: usize,
    /// The members of JSON that have columns, and their places.
    shreds: Vec<(Shred, usize)>,
    /// The indexes of actors, if there are any.
    ips: Option<ActorIndex>,
    users: Option<ActorIndex>,
    groups: Vec<Group>,
    min_time: i64,
    max_time: i64,
    max_received: i64,
    verified: AtomicBool,
    retired: AtomicBool,
}

impl Segment {
    /// Reads and checks the file's footer.
    pub(in crate::store::embedded) fn open(
        path: &Path,
        name: SegmentName,
    ) -> Result<Self, SegmentError> {
        let damaged = |text: &str| SegmentError::Damaged(text.to_owned());
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        // The footer stays in memory: only what queries need.
        let only_times = ParquetStatisticsPolicy::skip_except(&[Column::Time.place()]);
        let options = ParquetMetaDataOptions::new()
            .with_column_stats_policy(only_times)
            .with_size_stats_policy(ParquetStatisticsPolicy::SkipAll);
        let metadata = ParquetMetaDataReader::new()
            .with_metadata_options(Some(options))
            .parse_and_finish(&file)?;
        let text = |key: &str| {
            let pairs = metadata.file_metadata().key_value_metadata()?;
            pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
        };
        let version = text(KEY_VERSION);
        let version = version.ok_or_else(|| damaged("the footer names no schema version"))?;
        let known = VERSIONS.iter().find(|(known, _)| *known == version);
        let unknown = || SegmentError::Version(version.to_owned());
        let (_, columns) = *known.ok_or_else(unknown)?;
        let number_at = |key: &str| {
            text(key)
                .and_then(|text| text.parse::<i64>().ok())
                .ok_or_else(|| SegmentError::Damaged(format!("the footer has no {key}")))
        };
        let (min_time, max_time, max_received) = (
            number_at(KEY_MIN_TIME)?,
            number_at(KEY_MAX_TIME)?,
            number_at(KEY_MAX_RECEIVED)?,
        );
        let index_at = |key: &str| {
            let index = text(key).map(ActorIndex::from_text);
            let wrong = || SegmentError::Damaged(format!("the footer's {key} is none"));
            index.map(|index| index.ok_or_else(wrong)).transpose()
        };
        let (ips, users) = (index_at(KEY_IPS)?, index_at(KEY_USERS)?);
        let shreds = shreds(metadata.file_metadata().schema_descr(), columns)
            .ok_or_else(|| damaged("the columns are not those of the schema"))?;
        let mut first = 0_u32;
        let groups = metadata
            .row_groups()
            .iter()
            .map(|group| {
                let times = group
                    .columns()
                    .get(Column::Time.place())
                    .and_then(|column| column.statistics());
                let Some(Statistics::Int64(times)) = times else {
                    return None;
                };
                let rows = u32::try_from(group.num_rows()).ok()?;
                let at = first;
                first = first.checked_add(rows)?;
                Some(Group {
                    first: at,
                    rows: rows as usize,
                    min_time: *times.min_opt()?,
                    max_time: *times.max_opt()?,
                })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| damaged("a row group has no statistics of time"))?;
        let verified = AtomicBool::new(false);
        let path = path.to_owned();
        Ok(Self {
            path,
            name,
            bytes,
            metadata,
            columns,
            shreds,
            ips,
            users,
            groups,
            min_time,
            max_time,
            max_received,
            verified,
            retired: AtomicBool::new(false),
        })
    }

    pub(in crate::store::embedded) fn path(&self) -> &Path {
        &self.path
    }

    pub(in crate::store::embedded) fn numbers(&self) -> Numbers {
        self.name.numbers
    }

    /// The time of its youngest row. What a client dates into the future is as old as its receipt.
    pub(in crate::store::embedded) fn youngest(&self) -> i64 {
        self.max_time.min(self.max_received)
    }

    /// Bytes of its columns, decompressed.
    pub(in crate::store::embedded) fn raw_bytes(&self) -> u64 {
        let groups = self.metadata.row_groups().iter();
        groups
            .map(|group| u64::try_from(group.total_byte_size()).unwrap_or_default())
            .sum()
    }

    /// Has the file removed once nobody reads it any more.
    pub(in crate::store::embedded) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// The size of the file.
    pub(in crate::store::embedded) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(in crate::store::embedded) fn rows(&self) -> u64 {
        self.groups.iter().map(|group| group.rows as u64).sum()
    }

    pub(in crate::store::embedded) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The earliest and the latest time, both inclusive.
    pub(in crate::store::embedded) fn times(&self) -> (i64, i64) {
        (self.min_time, self.max_time)
    }

    /// The latest time of receipt.
    pub(in crate::store::embedded) fn max_received(&self) -> i64 {
        self.max_received
    }

    /// Compares the file with its checksum, unless that was done before.
    pub(in crate::store::embedded) fn verify(&self) -> Result<(), SegmentError> {
        if !self.verified.load(Ordering::Acquire) {
            if file_crc(&self.path)? != self.name.crc {
                return Err(SegmentError::Damaged(
                    "the checksum does not match".to_owned(),
                ));
            }
            self.verified.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// The rows of the segment that an actor of the test may stand in, in ascending order; `None` if the test does not
    /// name any, or there is no index.
    pub(in crate::store::embedded) fn actor_rows(
        &self,
        test: &Test,
    ) -> Result<Option<Vec<u32>>, SegmentError> {
        let Check::Equals(wanted) = &test.check else {
            return Ok(None);
        };
        let (index, keys): (_, Vec<u64>) = match &test.field {
            Field::Dimension(Dimension::Ip) => (
                self.ips,
                wanted.iter().map(|ip| actors::ip_key(ip)).collect(),
            ),
            Field::Json(JsonField::User, path) if path.len() <= 1 => {
                let keys = wanted
                    .iter()
                    .flat_map(|text| actors::keys_of_identifier(text));
                (self.users, keys.collect())
            }
            _ => return Ok(None),
        };
        let Some(index) = index else {
            return Ok(None);
        };
        self.verify()?;
        index.rows(&File::open(&self.path)?, &keys).map(Some)
    }

    /// Those of the segment's rows that are the group's, as its own.
    pub(in crate::store::embedded) fn rows_of_group(&self, group: usize, rows: &[u32]) -> Vec<u32> {
        let Some(group) = self.groups.get(group) else {
            return Vec::new();
        };
        let end = group.first + group.rows as u32;
        let place = |bound: u32| rows.partition_point(|row| *row < bound);
        let own = rows.get(place(group.first)..place(end)).unwrap_or_default();
        own.iter().map(|row| row - group.first).collect()
    }

    /// The place of a column; `None` if it is of an earlier version, without that column.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        Some(column.place()).filter(|place| *place < self.columns)
    }

    /// The place of the column of a member of JSON.
    pub(super) fn shred(&self, field: JsonField, member: &str) -> Option<usize> {
        let found = self
            .shreds
            .iter()
            .find(|(shred, _)| shred.field == field && shred.member == member);
        found.map(|(_, place)| *place)
    }

    /// Opens one group of rows for reading.
    pub(in crate::store::embedded) fn group(
        &self,
        group: usize,
    ) -> Result<GroupReader<'_>, SegmentError> {
        self.verify()?;
        // Each reader has a file of its own: the copies of one share a position.
        let file = Arc::new(File::open(&self.path)?);
        let rows = self.groups.get(group).map_or(0, |group| group.rows);
        Ok(GroupReader {
            segment: self,
            file,
            group,
            rows,
            dictionaries: RefCell::default(),
        })
    }
}

/// The columns behind the `own` ones of the segment's version; `None` if a column is none of ours.
fn shreds(schema: &SchemaDescriptor, own: usize) -> Option<Vec<(Shred, usize)>> {
    let own = SCHEMA.get_fields().get(..own)?;
    let columns = schema.columns();
    let as_written = columns.len() >= own.len()
        && columns.iter().zip(own).all(|(column, field)| {
            column.name() == field.name()
                && column.physical_type() == field.get_physical_type()
                && (column.max_def_level() == 1) == field.is_optional()
                && column.max_rep_level() == 0
        });
    let rest = columns.iter().enumerate().skip(own.len());
    let shreds = rest.map(|(place, column)| {
        let is_text = column.physical_type() == Type::BYTE_ARRAY
            && column.max_def_level() == 1
            && column.max_rep_level() == 0;
        Some((Shred::of_name(column.name()).filter(|_| is_text)?, place))
    });
    shreds.collect::<Option<_>>().filter(|_| as_written)
}

impl Drop for Segment {
    fn drop(&mut self) {
        // A file that cannot be removed is found by the next start, which comes to the same decision.
        if self.retired.load(Ordering::Acquire)
            && let Err(error) = disk::remove(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "segment cannot be removed");
        }
    }
}
