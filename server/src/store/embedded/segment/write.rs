//! Writing a segment.

use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::Arc;

use parquet::data_type::{
    BoolType, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::{
    SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter,
};
use serde_json::value::RawValue;

use super::actors::{self, ActorIndex};
use super::columns::Columns;
use super::crc::CrcWriter;
use super::read::Segment;
use super::row::GroupRow;
use super::schema::{
    Column, KEY_IPS, KEY_MAX_RECEIVED, KEY_MAX_TIME, KEY_MIN_TIME, KEY_USERS, KEY_VERSION,
    SCHEMA_VERSION,
};
use super::shred::{self, Shredder};
use crate::store::embedded::disk;
use crate::store::embedded::files::{Layout, Numbers, SegmentName, sync_dir};
use crate::store::embedded::hot::{HotBatch, HotRow};
use crate::store::embedded::row::Field;
use crate::store::error::StoreError;
use crate::store::filter::JsonField;

/// The most rows of one row group: what a query decodes at once.
pub(in crate::store::embedded) const GROUP_ROWS: usize = 32_768;

/// The most rows that are indexed by actor: their keys are held in memory. Segments stay far below; exports may not.
const MOST_INDEXED: u32 = 1 << 20;

/// Writes the rows as the segment of these numbers, sorted by time and id. When this returns it is durable under its
/// final name. The same rows make the same file, so an attempt after a failed one leaves nothing of the first.
pub(in crate::store::embedded) fn write(
    layout: &Layout,
    numbers: Numbers,
    batches: &[Arc<HotBatch>],
) -> Result<Segment, StoreError> {
    let draft = layout.segment_draft(numbers);
    let io = |action| {
        let draft = draft.clone();
        move |error| StoreError::io(action, draft, error)
    };
    let file = disk::create(&draft).map_err(io("creating a segment"))?;
    let written = write_file(file, batches).map_err(|error| match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => StoreError::io("writing a segment", &draft, *source),
            Err(source) => {
                StoreError::Internal(format!("segment {numbers} cannot be written: {source}"))
            }
        },
        other => StoreError::Internal(format!("segment {numbers} cannot be written: {other}")),
    });
    let (file, crc) = match written {
        Ok(written) => written,
        Err(error) => {
            // The space may be what the disk lacks; the draft is of no use in any case.
            drop(disk::remove(&draft));
            return Err(error);
        }
    };
    disk::sync(&file, &draft).map_err(io("syncing a segment"))?;
    let name = SegmentName { numbers, crc };
    let path = layout.segment_file(name);
    Segment::open(&draft, name).map_err(|error| {
        StoreError::Internal(format!("segment {numbers} was not written well: {error}"))
    })?;
    disk::rename(&draft, &path).map_err(io("naming a segment"))?;
    sync_dir(&layout.segments)?;
    Segment::open(&path, name).map_err(|error| {
        StoreError::Internal(format!("segment {numbers} cannot be opened: {error}"))
    })
}

/// Writes all but the name, and returns the file with its checksum.
fn write_file(file: File, batches: &[Arc<HotBatch>]) -> Result<(File, u32), ParquetError> {
    let mut order: Vec<(&HotBatch, &HotRow)> = batches
        .iter()
        .flat_map(|batch| batch.rows().iter().map(|row| (&**batch, row)))
        .collect();
    order.sort_unstable_by_key(|(_, row)| (row.time, row.id));
    let mut writer = FileWriter::new(file, &order)?;
    // Groups of one size: a small last one would cost a query as much as a full one.
    let groups = order.len().div_ceil(GROUP_ROWS).max(1);
    for rows in order.chunks(order.len().div_ceil(groups).max(1)) {
        writer.group(rows)?;
    }
    writer.finish()
}

/// Writes a segment's file, a group of rows at a time.
pub(in crate::store::embedded) struct FileWriter {
    writer: SerializedFileWriter<CrcWriter<BufWriter<File>>>,
    columns: Columns,
    rows: u32,
    min_time: i64,
    max_time: i64,
    max_received: i64,
    /// For the indexes, unless there are too many rows.
    actors: Option<Actors>,
}

/// The keys of actors, and the rows that they stand in.
#[derive(Debug, Default)]
struct Actors {
    ips: Vec<(u64, u32)>,
    users: Vec<(u64, u32)>,
}

impl FileWriter {
    /// Begins a file whose columns are chosen by a sample of its rows, or all of them.
    pub(in crate::store::embedded) fn new(
        file: File,
        sample: &[(&HotBatch, &HotRow)],
    ) -> Result<Self, ParquetError> {
        let columns = Columns::choose(sample)?;
        let sink = CrcWriter::new(BufWriter::new(file));
        let schema = Arc::clone(&columns.schema);
        let properties = Arc::clone(&columns.properties);
        Ok(Self {
            writer: SerializedFileWriter::new(sink, schema, properties)?,
            columns,
            rows: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            max_received: i64::MIN,
            actors: Some(Actors::default()),
        })
    }

    /// Writes the rows, which are at most [`GROUP_ROWS`] and follow those before in the order of time and id.
    pub(in crate::store::embedded) fn group(
        &mut self,
        rows: &[(&HotBatch, &HotRow)],
    ) -> Result<(), ParquetError> {
        let rows = rows
            .iter()
            .map(|(batch, row)| GroupRow::read(batch, row))
            .collect::<Result<Vec<_>, _>>()?;
        for row in &rows {
            self.note(row);
        }
        let mut writer = self.writer.next_row_group()?;
        for column in Column::ALL {
            write_column(&mut writer, column, &rows)?;
        }
        // In the order of the schema: those of each field stand together.
        for shreds in self
            .columns
            .shreds
            .chunk_by(|one, next| one.field == next.field)
        {
            let shredder = Shredder::new(shreds.iter().map(|shred| &*shred.member));
            let field = shreds.first().map(|shred| shred.field);
            let mut values: Vec<Option<&RawValue>> = Vec::with_capacity(rows.len() * shreds.len());
            for row in &rows {
                let json = field.and_then(|field| row.json(field));
                shredder.shred(json, &mut values);
            }
            for place in 0..shreds.len() {
                let values = values.iter().skip(place).step_by(shreds.len());
                let values = rows
                    .iter()
                    .zip(values)
                    .map(|(row, value)| value.map(|value| row.part(value)));
                let mut writer = next_column(&mut writer)?;
                write_optional::<ByteArrayType>(&mut writer, values)?;
                writer.close()?;
            }
        }
        writer.close()?;
        Ok(())
    }

    /// Notes what the footer and the indexes say of a row.
    fn note(&mut self, row: &GroupRow<'_>) {
        self.min_time = self.min_time.min(row.row.time);
        self.max_time = self.max_time.max(row.row.time);
        self.max_received = self.max_received.max(row.row.received);
        let at = self.rows;
        self.rows += 1;
        let Some(actors) = self.actors.as_mut().filter(|_| at < MOST_INDEXED) else {
            self.actors = None;
            return;
        };
        if let Ok(Some(ip)) = row.row.text(Field::Ip) {
            actors.ips.push((actors::ip_key(ip), at));
        }
        if let Some(user) = row.json(JsonField::User) {
            shred::members(user, |_, value| {
                actors.users.push((actors::json_key(value.get()), at));
            });
        }
    }

    /// Ends the file, and returns it with its checksum.
    pub(in crate::store::embedded) fn finish(mut self) -> Result<(File, u32), ParquetError> {
        if let Some(Actors { ips, users }) = self.actors.take() {
            self.index(KEY_IPS, ips)?;
            self.index(KEY_USERS, users)?;
        }
        for (key, value) in [
            (KEY_VERSION, SCHEMA_VERSION.to_owned()),
            (KEY_MIN_TIME, self.min_time.to_string()),
            (KEY_MAX_TIME, self.max_time.to_string()),
            (KEY_MAX_RECEIVED, self.max_received.to_string()),
        ] {
            self.writer
                .append_key_value_metadata(KeyValue::new(key.to_owned(), value));
        }
        let (buffer, crc) = self.writer.into_inner()?.finish();
        let file = buffer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        Ok((file, crc))
    }

    /// Writes an index of actors, and where it lies.
    fn index(&mut self, key: &str, entries: Vec<(u64, u32)>) -> Result<(), ParquetError> {
        let (bytes, bits) = actors::build(entries);
        let index = ActorIndex {
            offset: self.writer.bytes_written() as u64,
            length: u32::try_from(bytes.len())?,
            bits,
        };
        self.writer.write_all(&bytes)?;
        self.writer
            .append_key_value_metadata(KeyValue::new(key.to_owned(), index.to_text()));
        Ok(())
    }
}

fn write_column(
    writer: &mut SerializedRowGroupWriter<'_, CrcWriter<BufWriter<File>>>,
    column: Column,
    rows: &[GroupRow<'_>],
) -> Result<(), ParquetError> {
    let mut writer = next_column(writer)?;
    match column {
        Column::Id => {
            let ids = rows
                .iter()
                .map(|row| FixedLenByteArray::from(row.row.id.as_bytes().to_vec()));
            write_required::<FixedLenByteArrayType>(&mut writer, ids)?;
        }
        Column::Time => {
            write_required::<Int64Type>(&mut writer, rows.iter().map(|row| row.row.time))?;
        }
        Column::Received => {
            write_required::<Int64Type>(&mut writer, rows.iter().map(|row| row.row.received))?;
        }
        Column::Aggregated => {
            write_required::<BoolType>(&mut writer, rows.iter().map(|row| row.row.aggregated))?;
        }
        Column::App | Column::Name => {
            write_required::<ByteArrayType>(
                &mut writer,
                rows.iter().filter_map(|row| row.text(column)),
            )?;
        }
        Column::Status => {
            write_optional::<Int32Type>(
                &mut writer,
                rows.iter().map(|row| row.row.status.map(i32::from)),
            )?;
        }
        Column::Asn => {
            // Parquet keeps numbers without a sign in those with one.
            let numbers = rows.iter().map(|row| row.row.asn().map(u32::cast_signed));
            write_optional::<Int32Type>(&mut writer, numbers)?;
        }
        _ => write_optional::<ByteArrayType>(&mut writer, rows.iter().map(|row| row.text(column)))?,
    }
    writer.close()
}

fn next_column<'a>(
    writer: &'a mut SerializedRowGroupWriter<'_, CrcWriter<BufWriter<File>>>,
) -> Result<SerializedColumnWriter<'a>, ParquetError> {
    writer
        .next_column()?
        .ok_or_else(|| ParquetError::General("the schema has too few columns".to_owned()))
}

fn write_required<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<T::T> = values.collect();
    writer.typed::<T>().write_batch(&values, None, None)?;
    Ok(())
}

fn write_optional<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let mut levels = Vec::with_capacity(values.size_hint().0);
    let mut present = Vec::new();
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    writer
        .typed::<T>()
        .write_batch(&present, Some(&levels), None)?;
    Ok(())
}
