//! A row that is about to be written.

use bytes::Bytes;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use serde_json::value::RawValue;

use super::schema::Column;
use crate::store::embedded::hot::{HotBatch, HotRow};
use crate::store::embedded::row::{Field, Row};
use crate::store::filter::JsonField;

/// A row, and the bytes that its texts lie in.
pub(super) struct GroupRow<'a> {
    bytes: &'a Bytes,
    pub(super) row: Row<'a>,
}

impl<'a> GroupRow<'a> {
    pub(super) fn read(batch: &'a HotBatch, row: &HotRow) -> Result<Self, ParquetError> {
        let row = batch
            .row(row)
            .map_err(|error| ParquetError::General(format!("row {}: {error}", row.id)))?;
        Ok(Self {
            bytes: batch.bytes(),
            row,
        })
    }

    /// The value of a text column, not copied.
    pub(super) fn text(&self, column: Column) -> Option<ByteArray> {
        let text = self.row.field(field(column)?)?;
        Some(self.bytes.slice_ref(text).into())
    }

    /// The JSON of a field.
    pub(super) fn json(&self, field: JsonField) -> Option<&'a str> {
        self.row.text(field.into()).ok()?
    }

    /// A part of the row's JSON, without copying it.
    pub(super) fn part(&self, json: &'a RawValue) -> ByteArray {
        ByteArray::from(self.bytes.slice_ref(json.get().as_bytes()))
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
        Column::Country => Field::Country,
        Column::Network => Field::Network,
        Column::Id
        | Column::Time
        | Column::Received
        | Column::Status
        | Column::Aggregated
        | Column::Asn => return None,
    })
}
