//! What a segment's rows decide about its columns: which members of JSON get one, and how each is coded.

use std::collections::HashSet;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::schema::types::{ColumnPath, TypePtr};

use super::row::GroupRow;
use super::schema::{Column, SCHEMA, Shred, schema};
use super::shred;
use crate::store::embedded::hot::{HotBatch, HotRow};
use crate::store::filter::JsonField;

/// Rows that are looked at, spread evenly.
const SAMPLE_ROWS: usize = 4_096;

/// The most columns for members of properties.
const MOST_PROPERTIES: usize = 32;

/// The most columns for identifiers of users.
const MOST_IDENTIFIERS: usize = 8;

/// A column of which at least this many percent of the sampled values differ is coded plainly: a dictionary would
/// hold nearly all of it, and could only be read as a whole.
const PLAIN_PERCENT: usize = 80;

/// A column of which fewer percent of the sampled values differ, and those in fewer bytes, is not compressed: codes
/// hardly get smaller, and each column that is compressed costs a query the setting up of a decompressor.
const COMPRESSED_PERCENT: usize = 25;
const COMPRESSED_BYTES: usize = 64 << 10;

/// Rows of one page, that is, what a query decodes to get at one row: of a column of codes, and of one of texts.
const CODED_PAGE_ROWS: usize = 8_192;
const PLAIN_PAGE_ROWS: usize = 1_024;

/// The most bytes of a dictionary. What does not fit is coded plainly.
const DICTIONARY_BYTES: usize = 1 << 20;

/// The columns of one segment.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) schema: TypePtr,
    pub(super) properties: WriterPropertiesPtr,
    pub(super) shreds: Vec<Shred>,
}

impl Columns {
    /// Chooses by the rows that are to be written; the same rows make the same choice.
    pub(super) fn choose(rows: &[(&HotBatch, &HotRow)]) -> Result<Self, ParquetError> {
        let sample = rows
            .iter()
            .step_by(rows.len().div_ceil(SAMPLE_ROWS).max(1))
            .map(|(batch, row)| GroupRow::read(batch, row))
            .collect::<Result<Vec<_>, _>>()?;
        let mut shreds = Vec::new();
        for (field, most) in [
            (JsonField::Properties, MOST_PROPERTIES),
            (JsonField::User, MOST_IDENTIFIERS),
        ] {
            let objects = sample.iter().filter_map(|row| row.json(field));
            for member in shred::choose(objects, sample.len(), most) {
                shreds.push(Shred { field, member });
            }
        }
        let schema = schema(&shreds)?;
        let properties = properties(&sample, &shreds);
        Ok(Self {
            schema,
            properties,
            shreds,
        })
    }
}

fn properties(sample: &[GroupRow<'_>], shreds: &[Shred]) -> WriterPropertiesPtr {
    let mut varied: Vec<(String, Variety)> = vec![("id".to_owned(), Variety::FULL)];
    for (column, field) in Column::ALL.into_iter().zip(SCHEMA.get_fields()) {
        let values = sample.iter().filter_map(|row| row.text(column));
        varied.push((field.name().to_owned(), Variety::of(values)));
    }
    for field in [JsonField::Properties, JsonField::User] {
        let of_field = || shreds.iter().filter(|shred| shred.field == field);
        let shredder = shred::Shredder::new(of_field().map(|shred| &*shred.member));
        let members = of_field().count();
        let mut values = Vec::with_capacity(sample.len() * members);
        for row in sample {
            shredder.shred(row.json(field), &mut values);
        }
        for (place, shred) in of_field().enumerate() {
            let values = values.iter().skip(place).step_by(members).flatten();
            let variety = Variety::of(values.map(|value| value.get().as_bytes()));
            varied.push((shred.name(), variety));
        }
    }
    let zstd = Compression::ZSTD(ZstdLevel::default());
    // Of rows that are yet to come nothing is known.
    let usual = if sample.is_empty() {
        zstd
    } else {
        Compression::UNCOMPRESSED
    };
    let mut properties = WriterProperties::builder()
        .set_compression(usual)
        .set_created_by(concat!("sqreen-server ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_data_page_row_count_limit(CODED_PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        // Row groups are ended by whoever writes them.
        .set_max_row_group_row_count(None)
        .set_statistics_enabled(EnabledStatistics::None);
    for column in [Column::Time, Column::Received] {
        let path = path(column);
        properties = properties
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_statistics_enabled(path, EnabledStatistics::Chunk);
    }
    for (name, Variety { percent, bytes }) in varied {
        let path = ColumnPath::new(vec![name]);
        if percent >= COMPRESSED_PERCENT || bytes >= COMPRESSED_BYTES {
            properties = properties.set_column_compression(path.clone(), zstd);
        }
        if percent >= PLAIN_PERCENT {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_data_page_row_count_limit(path, PLAIN_PAGE_ROWS);
        }
    }
    Arc::new(properties.build())
}

fn path(column: Column) -> ColumnPath {
    let field = SCHEMA.get_fields().get(column.place());
    ColumnPath::from(field.map_or("", |field| field.name()))
}

/// How much the values of a column differ.
#[derive(Clone, Copy, Debug)]
struct Variety {
    /// How many percent of them differ from all before them.
    percent: usize,
    /// The bytes of those.
    bytes: usize,
}

impl Variety {
    const FULL: Self = Self {
        percent: 100,
        bytes: usize::MAX,
    };

    fn of<T: AsRef<[u8]>>(values: impl Iterator<Item = T>) -> Self {
        let mut different = HashSet::new();
        let (mut all, mut bytes) = (0_usize, 0);
        for value in values {
            let value = value.as_ref();
            all += 1;
            if different.insert(value.to_owned()) {
                bytes += value.len();
            }
        }
        Self {
            percent: different.len() * 100 / all.max(1),
            bytes,
        }
    }
}
