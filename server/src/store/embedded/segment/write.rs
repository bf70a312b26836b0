//! Writing a segment.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType,
    Int32Type, Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{
    SerializedColumnWriter, SerializedFileWriter, SerializedRowGroupWriter,
};
use parquet::schema::types::ColumnPath;

use super::crc::CrcWriter;
use super::read::Segment;
use super::schema::{
    Column, KEY_MAX_RECEIVED, KEY_MAX_TIME, KEY_MIN_TIME, KEY_VERSION, SCHEMA, SCHEMA_VERSION,
};
use crate::store::embedded::files::{Layout, sync_dir};
use crate::store::embedded::hot::{HotBatch, HotRow};
use crate::store::embedded::row::{Field, Row};
use crate::store::error::StoreError;

/// Rows of one row group: what a query decodes at once.
const GROUP_ROWS: usize = 32_768;

/// Rows of one page: what a query decodes to get at one row.
const PAGE_ROWS: usize = 4_096;

/// The most bytes of the dictionary of a column that actors are found by.
const DICTIONARY_BYTES: usize = 4 << 20;

/// Writes the rows as segment `number`, sorted by time and id. When this returns it is durable under its final name.
/// The same rows make the same file, so an attempt after a failed one leaves nothing of the first.
pub(in crate::store::embedded) fn write(
    layout: &Layout,
    number: u64,
    batches: &[Arc<HotBatch>],
) -> Result<Segment, StoreError> {
    let draft = layout.segment_draft(number);
    let io = |action| {
        let draft = draft.clone();
        move |error| StoreError::io(action, draft, error)
    };
    let file = File::create(&draft).map_err(io("creating a segment"))?;
    let written = write_file(file, batches).map_err(|error| match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => StoreError::io("writing a segment", &draft, *source),
            Err(source) => {
                StoreError::Internal(format!("segment {number} cannot be written: {source}"))
            }
        },
        other => StoreError::Internal(format!("segment {number} cannot be written: {other}")),
    });
    let (file, crc) = match written {
        Ok(written) => written,
        Err(error) => {
            // The space may be what the disk lacks; the draft is of no use in any case.
            drop(fs::remove_file(&draft));
            return Err(error);
        }
    };
    file.sync_all().map_err(io("syncing a segment"))?;
    let path = layout.segment_file(number, crc);
    Segment::open(&draft, number, crc).map_err(|error| {
        StoreError::Internal(format!("segment {number} was not written well: {error}"))
    })?;
    fs::rename(&draft, &path).map_err(io("naming a segment"))?;
    sync_dir(&layout.segments)?;
    Segment::open(&path, number, crc).map_err(|error| {
        StoreError::Internal(format!("segment {number} cannot be opened: {error}"))
    })
}

/// Writes all but the name, and returns the file with its checksum.
fn write_file(file: File, batches: &[Arc<HotBatch>]) -> Result<(File, u32), ParquetError> {
    let mut order: Vec<(&HotBatch, &HotRow)> = batches
        .iter()
        .flat_map(|batch| batch.rows().iter().map(|row| (&**batch, row)))
        .collect();
    order.sort_unstable_by_key(|(_, row)| (row.time, row.id));
    let sink = CrcWriter::new(BufWriter::new(file));
    let mut writer = SerializedFileWriter::new(sink, Arc::clone(&SCHEMA), properties())?;
    let mut max_received = i64::MIN;
    for chunk in order.chunks(GROUP_ROWS) {
        let group = chunk
            .iter()
            .map(|(batch, row)| GroupRow::read(batch, row))
            .collect::<Result<Vec<_>, _>>()?;
        max_received = group
            .iter()
            .map(|row| row.row.received)
            .fold(max_received, i64::max);
        let mut writer = writer.next_row_group()?;
        for column in Column::ALL {
            write_column(&mut writer, column, &group)?;
        }
        writer.close()?;
    }
    for (key, value) in [
        (KEY_VERSION, SCHEMA_VERSION.to_owned()),
        (
            KEY_MIN_TIME,
            order
                .first()
                .map_or(i64::MAX, |(_, row)| row.time)
                .to_string(),
        ),
        (
            KEY_MAX_TIME,
            order
                .last()
                .map_or(i64::MIN, |(_, row)| row.time)
                .to_string(),
        ),
        (KEY_MAX_RECEIVED, max_received.to_string()),
    ] {
        writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
    }
    let (buffer, crc) = writer.into_inner()?.finish();
    let file = buffer
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?;
    Ok((file, crc))
}

fn properties() -> WriterPropertiesPtr {
    let of = |column: Column| {
        let field = SCHEMA.get_fields().get(column.place());
        ColumnPath::from(field.map_or("", |field| field.name()))
    };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("sqreen-server ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for column in [Column::Time, Column::Received] {
        properties = properties
            .set_column_dictionary_enabled(of(column), false)
            .set_column_encoding(of(column), Encoding::DELTA_BINARY_PACKED);
    }
    // Mostly different in each row: a dictionary would only have to be read beside the page.
    for column in [
        Column::Id,
        Column::RequestId,
        Column::Params,
        Column::Body,
        Column::Properties,
    ] {
        properties = properties.set_column_dictionary_enabled(of(column), false);
    }
    // A column whose values all stand in its dictionary can be ruled out by it.
    for column in [Column::Ip, Column::User] {
        properties = properties.set_column_dictionary_page_size_limit(of(column), DICTIONARY_BYTES);
    }
    for column in [
        Column::Params,
        Column::Body,
        Column::Properties,
        Column::Traits,
        Column::Headers,
    ] {
        properties = properties.set_column_statistics_enabled(of(column), EnabledStatistics::None);
    }
    Arc::new(properties.build())
}

/// A row, and the bytes that its texts lie in.
struct GroupRow<'a> {
    bytes: &'a Bytes,
    row: Row<'a>,
}

impl<'a> GroupRow<'a> {
    fn read(batch: &'a HotBatch, row: &HotRow) -> Result<Self, ParquetError> {
        let read = batch.row(row);
        let row = read.map_err(|error| ParquetError::General(format!("row {}: {error}", row.id)))?;
        Ok(Self {
            bytes: batch.bytes(),
            row,
        })
    }

    /// The value of a text column, not copied.
    fn text(&self, column: Column) -> Option<ByteArray> {
        let text = self.row.field(field(column)?)?;
        Some(self.bytes.slice_ref(text).into())
    }
}

fn field(column: Column) -> Option<Field> {
    Some(match column {
        Column::App => Field::App,
        Column::Name => Field::Name,
        Column::Ip => Field::Ip,
        Column::User => Field::User,
        Column::Method => Field::Method,
        Column::Path => Field::Path,
        Column::Route => Field::Route,
        Column::Host => Field::Host,
        Column::Scheme => Field::Scheme,
        Column::UserAgent => Field::UserAgent,
        Column::Referer => Field::Referer,
        Column::RequestId => Field::RequestId,
        Column::Params => Field::Params,
        Column::Body => Field::Body,
        Column::Properties => Field::Properties,
        Column::Traits => Field::Traits,
        Column::Headers => Field::Headers,
        Column::Agent => Field::Agent,
        Column::Hostname => Field::Hostname,
        Column::Environment => Field::Environment,
        Column::Id | Column::Time | Column::Received | Column::Status | Column::Aggregated => {
            return None;
        }
    })
}

fn write_column(
    writer: &mut SerializedRowGroupWriter<'_, CrcWriter<BufWriter<File>>>,
    column: Column,
    rows: &[GroupRow<'_>],
) -> Result<(), ParquetError> {
    let mut writer = writer
        .next_column()?
        .ok_or_else(|| ParquetError::General(format!("{column:?} is not in the schema")))?;
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
        _ => write_optional::<ByteArrayType>(&mut writer, rows.iter().map(|row| row.text(column)))?,
    }
    writer.close()
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
