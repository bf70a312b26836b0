//! A row that is about to be written.

use std::borrow::Cow;

use bytes::Bytes;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use serde_json::value::RawValue;

use super::schema::Column;
use crate::store::embedded::hot::{HotBatch, HotRow};
use crate::store::embedded::row::{Row, Text};
use crate::store::filter::JsonField;

/// A row, and the bytes that its texts lie in.
pub(super) struct GroupRow<'a> {
    bytes: &'a Bytes,
    pub(super) row: Row<'a>,
}

impl<'a> GroupRow<'a> {
    pub(super) fn read(batch: &'a HotBatch, row: &HotRow) -> Result<Self, ParquetError> {
        let row = serde_json::from_slice(batch.text(row))
            .map_err(|error| ParquetError::General(format!("row {}: {error}", row.id)))?;
        Ok(Self {
            bytes: batch.bytes(),
            row,
        })
    }

    /// The value of a text column, without copying where the row has it as it is.
    pub(super) fn text(&self, column: Column) -> Option<ByteArray> {
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

    /// The JSON of a field.
    pub(super) fn json(&self, field: JsonField) -> Option<&'a str> {
        let row = &self.row;
        let json = match field {
            JsonField::User => row.user,
            JsonField::Params => row.params,
            JsonField::Body => row.body,
            JsonField::Properties => row.properties,
            JsonField::Traits => row.traits,
            JsonField::Headers => row.headers,
        };
        json.map(RawValue::get)
    }

    /// A part of the row's JSON, without copying it.
    pub(super) fn part(&self, json: &'a RawValue) -> ByteArray {
        ByteArray::from(self.bytes.slice_ref(json.get().as_bytes()))
    }
}
