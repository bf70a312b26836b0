//! One event, field by field, however it is kept.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::ops::Deref;

use serde_json::Value;

use super::embedded::{HotBatch, HotFields, HotRow};
use super::error::StoreError;
use super::event::{EventId, StoredEvent};
use super::filter::{Check, Dimension, Field, Filter, JsonField, value_text};

/// The fields of one event, read as they are asked for.
///
/// Of JSON, only what is asked for is parsed. A type is never guessed: a text is no number, however it looks.
pub trait EventFields {
    /// Its identity.
    fn id(&self) -> EventId;

    /// When it happened, in microseconds since the Unix epoch.
    fn time(&self) -> i64;

    /// When the backend received it, in microseconds since the Unix epoch.
    fn received(&self) -> i64;

    /// The client's address, as it was sent: an IPv4 address may be one in IPv6.
    fn ip(&self) -> Option<IpAddr>;

    /// The status that the application answered.
    fn status(&self) -> Option<u16>;

    /// The number of the autonomous system that announces the client's address.
    fn asn(&self) -> Option<u32>;

    /// The value of a field that has a single one, as filters compare it: an address in its canonical form.
    fn text(&self, dimension: Dimension) -> Option<Cow<'_, str>>;

    /// The JSON of a field.
    fn json(&self, field: JsonField) -> Option<Cow<'_, [u8]>>;

    /// A value within a field that is JSON, by the names on the way to it; without any, the whole field. Of several
    /// headers of one name, the first.
    fn json_value(&self, field: JsonField, path: &[String]) -> Option<Value>;

    /// Says whether a value within a field that is JSON is as it should be.
    fn meets(&self, field: JsonField, path: &[String], check: &Check) -> bool;

    /// The whole event.
    ///
    /// # Errors
    ///
    /// [`StoreError::Internal`] if it cannot be read back.
    fn event(&self) -> Result<StoredEvent, StoreError>;
}

impl dyn EventFields + '_ {
    /// The application that sent it.
    #[must_use]
    pub fn app(&self) -> Cow<'_, str> {
        self.text(Dimension::App).unwrap_or_default()
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        self.text(Dimension::Name).unwrap_or_default()
    }

    /// The value of any field as text: of JSON, a text is itself, and anything else its JSON.
    #[must_use]
    pub fn value(&self, field: &Field) -> Option<Cow<'_, str>> {
        match field {
            Field::Dimension(dimension) => self.text(*dimension),
            Field::Json(field, path) => {
                let value = self.json_value(*field, path)?;
                Some(match value {
                    Value::String(text) => text.into(),
                    other => value_text(&other).into_owned().into(),
                })
            }
        }
    }

    /// The value of any field that is a number: the status, the autonomous system, and numbers in JSON.
    #[must_use]
    pub fn number(&self, field: &Field) -> Option<f64> {
        match field {
            Field::Dimension(Dimension::Status) => self.status().map(f64::from),
            Field::Dimension(Dimension::Asn) => self.asn().map(f64::from),
            Field::Dimension(_) => None,
            Field::Json(field, path) => self.json_value(*field, path)?.as_f64(),
        }
    }

    /// Says whether the filter takes the event.
    #[must_use]
    pub fn matches(&self, filter: &Filter) -> bool {
        filter.matches(self)
    }
}

/// One event of a batch; it is its [`EventFields`].
pub struct EventRow<'a>(Inner<'a>);

#[expect(
    clippy::large_enum_variant,
    reason = "one at a time: a box for each row would be dearer"
)]
enum Inner<'a> {
    Hot(HotFields<'a>),
    Stored(&'a StoredEvent),
}

impl<'a> EventRow<'a> {
    pub(super) fn hot(batch: &'a HotBatch, row: &'a HotRow) -> Self {
        Self(Inner::Hot(HotFields::new(batch, row)))
    }

    pub(super) fn stored(event: &'a StoredEvent) -> Self {
        Self(Inner::Stored(event))
    }
}

impl<'a> Deref for EventRow<'a> {
    type Target = dyn EventFields + 'a;

    fn deref(&self) -> &Self::Target {
        match &self.0 {
            Inner::Hot(row) => row,
            Inner::Stored(event) => *event,
        }
    }
}

impl fmt::Debug for EventRow<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EventRow").field(&self.id()).finish()
    }
}
