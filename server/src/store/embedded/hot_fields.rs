//! The fields of one row in memory.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;

use serde_json::Value;

use super::filter::meets_json;
use super::hot::{HotBatch, HotRow};
use super::json_path::value_at;
use super::row::{Field, Row};
use crate::store::error::StoreError;
use crate::store::event::{EventId, StoredEvent};
use crate::store::filter::{Check, Dimension, JsonField};
use crate::store::row::EventFields;

/// Reads one row. What the batch knows of it is answered without taking its bytes apart.
pub(in crate::store) struct HotFields<'a> {
    batch: &'a HotBatch,
    hot: &'a HotRow,
    row: OnceCell<Option<Row<'a>>>,
}

impl<'a> HotFields<'a> {
    pub(in crate::store) fn new(batch: &'a HotBatch, hot: &'a HotRow) -> Self {
        let row = OnceCell::new();
        Self { batch, hot, row }
    }

    /// The row taken apart. Whoever made the batch has taken it apart before.
    fn row(&self) -> Option<&Row<'a>> {
        let read = || self.batch.row(self.hot).ok();
        self.row.get_or_init(read).as_ref()
    }

    fn field(&self, field: Field) -> Option<Cow<'_, str>> {
        Some(self.row()?.text(field).ok()??.into())
    }

    fn raw(&self, field: JsonField) -> Option<&'a [u8]> {
        self.row()?.field(field.into())
    }
}

impl EventFields for HotFields<'_> {
    fn id(&self) -> EventId {
        self.hot.id
    }

    fn time(&self) -> i64 {
        self.hot.time
    }

    fn received(&self) -> i64 {
        self.row().map_or(self.hot.time, |row| row.received)
    }

    fn ip(&self) -> Option<IpAddr> {
        self.hot.ip
    }

    fn status(&self) -> Option<u16> {
        self.row()?.status
    }

    fn asn(&self) -> Option<u32> {
        self.row()?.asn()
    }

    fn text(&self, dimension: Dimension) -> Option<Cow<'_, str>> {
        let (app, name) = self.batch.symbols(self.hot);
        match dimension {
            Dimension::App => Some(app.into()),
            Dimension::Name => Some(name.into()),
            Dimension::Ip => Some(self.hot.ip?.to_canonical().to_string().into()),
            Dimension::Country => self.field(Field::Country),
            Dimension::Asn => self.field(Field::Asn),
            Dimension::Method => self.field(Field::Method),
            Dimension::Path => self.field(Field::Path),
            Dimension::Route => self.field(Field::Route),
            Dimension::Host => self.field(Field::Host),
            Dimension::Scheme => self.field(Field::Scheme),
            Dimension::UserAgent => self.field(Field::UserAgent),
            Dimension::Referer => self.field(Field::Referer),
            Dimension::RequestId => self.field(Field::RequestId),
            Dimension::Agent => self.field(Field::Agent),
            Dimension::Hostname => self.field(Field::Hostname),
            Dimension::Environment => self.field(Field::Environment),
            Dimension::Status => Some(self.status()?.to_string().into()),
            Dimension::Aggregated => Some(self.row()?.aggregated.to_string().into()),
        }
    }

    fn json(&self, field: JsonField) -> Option<Cow<'_, [u8]>> {
        self.raw(field).map(Cow::Borrowed)
    }

    fn json_value(&self, field: JsonField, path: &[String]) -> Option<Value> {
        serde_json::from_slice(value_at(field, path, self.raw(field)?)?).ok()
    }

    fn meets(&self, field: JsonField, path: &[String], check: &Check) -> bool {
        // Of several headers of one name, any may be meant.
        let within = match field {
            JsonField::Headers => &[],
            _ => path,
        };
        let value = self
            .raw(field)
            .and_then(|json| value_at(field, within, json));
        value.is_some_and(|json| meets_json(check, field, path, json))
    }

    fn event(&self) -> Result<StoredEvent, StoreError> {
        self.batch.event(self.hot)
    }
}
