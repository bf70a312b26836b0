//! Writing a segment.

use std::borrow::Cow;
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
use serde_json::value::RawValue;

use super::crc::CrcWriter;
use super::read::Segment;
use super::schema::{
    Column, KEY_MAX_RECEIVED, KEY_MAX_TIME, KEY_MIN_TIME, KEY_VERSION, SCHEMA, SCHEMA_VERSION,
};
use crate::store::embedded::files::{Layout, Numbers, SegmentName, sync_dir};
use crate::store::embedded::hot::{HotBatch, HotRow};
use crate::store::embedded::row::{Row, Text};
use crate::store::error::StoreError;

/// Rows of one row group: what a query decodes at once.
pub(in crate::store::embedded) const GROUP_ROWS: usize = 32_768;

/// Rows of one page: what a query decodes to get at one row.
const PAGE_ROWS: usize = 4_096;

/// The most bytes of the dictionary of a column that actors are found by.
const DICTIONARY_BYTES: usize = 4 << 20;

/// Writes the rows as the segment of these numbers, sorted by time and id. When this returns it is durable under its final name.
/// The same rows make the same file, so an attempt after a failed one leaves nothing of the first.
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
    let file = File::create(&draft).map_err(io("creating a segment"))?;
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
            drop(fs::remove_file(&draft));
            return Err(error);
        }
    };
    file.sync_all().map_err(io("syncing a segment"))?;
    let name = SegmentName { numbers, crc };
    let path = layout.segment_file(name);
    Segment::open(&draft, name).map_err(|error| {
        StoreError::Internal(format!("segment {numbers} was not written well: {error}"))
    })?;
    fs::rename(&draft, &path).map_err(io("naming a segment"))?;
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
    let mut writer = FileWriter::new(file)?;
    for chunk in order.chunks(GROUP_ROWS) {
        writer.group(chunk)?;
    }
    writer.finish()
}

/// Writes a Parquet file, a group of rows at a time.
pub(in crate::store::embedded) struct FileWriter {
    writer: SerializedFileWriter<CrcWriter<BufWriter<File>>>,
    min_time: i64,
    max_time: i64,
    max_received: i64,
}

impl FileWriter {
    pub(in crate::store::embedded) fn new(file: File) -> Result<Self, ParquetError> {
        let sink = CrcWriter::new(BufWriter::new(file));
        Ok(Self {
            writer: SerializedFileWriter::new(sink, Arc::clone(&SCHEMA), properties())?,
            min_time: i64::MAX,
            max_time: i64::MIN,
            max_received: i64::MIN,
        })
    }

    /// Writes the rows, which are at most [`GROUP_ROWS`], in this order.
    pub(in crate::store::embedded) fn group(
        &mut self,
        rows: &[(&HotBatch, &HotRow)],
    ) -> Result<(), ParquetError> {
        let group = rows
            .iter()
            .map(|(batch, row)| GroupRow::read(batch, row))
            .collect::<Result<Vec<_>, _>>()?;
        for GroupRow { row, .. } in &group {
            self.min_time = self.min_time.min(row.time);
            self.max_time = self.max_time.max(row.time);
            self.max_received = self.max_received.max(row.received);
        }
        let mut writer = self.writer.next_row_group()?;
        for column in Column::ALL {
            write_column(&mut writer, column, &group)?;
        }
        writer.close()?;
        Ok(())
    }

    /// Ends the file, and returns it with its checksum.
    pub(in crate::store::embedded) fn finish(mut self) -> Result<(File, u32), ParquetError> {
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
        let row = serde_json::from_slice(batch.text(row))
            .map_err(|error| ParquetError::General(format!("row {}: {error}", row.id)))?;
        Ok(Self {
            bytes: batch.bytes(),
            row,
        })
    }

    /// The value of a text column, without copying where the row has it as it is.
    fn text(&self, column: Column) -> Option<ByteArray> {
        let text = |text: &Text<'a>| match &text.0 {
            Cow::Borrowed(text) => self.bytes.slice_ref(text.as_bytes()).into(),
            Cow::Owned(text) => ByteArray::from(text.as_str()),
        };
        let json =
            |json: &'a RawValue| ByteArray::from(self.bytes.slice_ref(json.get().as_bytes()));
        let row = &self.row;
        match column {
            Column::App => Some(text(&row.app)),
            Column::Name => Some(text(&row.name)),
            Column::Ip => row.ip.as_ref().map(text),
            Column::User => row.user.map(json),
            Column::Method => row.method.as_ref().map(text),
            Column::Path => row.path.as_ref().map(text),
            Column::Route => row.route.as_ref().map(text),
            Column::Host => row.host.as_ref().map(text),
            Column::Scheme => row.scheme.as_ref().map(text),
            Column::UserAgent => row.user_agent.as_ref().map(text),
            Column::Referer => row.referer.as_ref().map(text),
            Column::RequestId => row.request_id.as_ref().map(text),
            Column::Params => row.params.map(json),
            Column::Body => row.body.map(json),
            Column::Properties => row.properties.map(json),
            Column::Traits => row.traits.map(json),
            Column::Headers => row.headers.map(json),
            Column::Agent => row.agent.as_ref().map(text),
            Column::Hostname => row.hostname.as_ref().map(text),
            Column::Environment => row.environment.as_ref().map(text),
            Column::Id | Column::Time | Column::Received | Column::Status | Column::Aggregated => {
                None
            }
        }
    }
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
