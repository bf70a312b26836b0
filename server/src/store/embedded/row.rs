//! One event as one line of JSON: how it stands in the journal and in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::store::error::StoreError;
use crate::store::event::{EventId, StoredEvent, present};

/// The most bytes of one event, encoded.
pub(super) const MAX_EVENT_BYTES: usize = 1 << 20;

/// The most levels of nesting in one JSON field: `serde_json` reads 128, and a row is two around its fields.
pub(super) const MAX_DEPTH: usize = 100;

/// Appends the event to the buffer, as JSON without a line's end.
///
/// `index` is the event's place in its append, for the error.
pub(super) fn encode(
    event: &StoredEvent,
    index: usize,
    buffer: &mut Vec<u8>,
) -> Result<(), StoreError> {
    if let Some(field) = too_deep(event) {
        return Err(StoreError::EventTooDeep {
            index,
            field,
            limit: MAX_DEPTH,
        });
    }
    let start = buffer.len();
    serde_json::to_writer(&mut *buffer, event).map_err(|error| {
        StoreError::Internal(format!("event {index} cannot be encoded: {error}"))
    })?;
    let bytes = buffer.len() - start;
    if bytes > MAX_EVENT_BYTES {
        return Err(StoreError::EventTooLarge {
            index,
            bytes,
            limit: MAX_EVENT_BYTES,
        });
    }
    Ok(())
}

impl StoredEvent {
    /// Checks that a store takes the event, and returns its size encoded as JSON, in bytes.
    ///
    /// The limits are 1 MiB for the event, and 100 levels of nesting in each JSON field.
    ///
    /// # Errors
    ///
    /// [`StoreError::EventTooLarge`] or [`StoreError::EventTooDeep`], with the index 0.
    pub fn check(&self) -> Result<usize, StoreError> {
        let mut buffer = Vec::new();
        encode(self, 0, &mut buffer)?;
        Ok(buffer.len())
    }
}

/// The first field that is nested too deep.
fn too_deep(event: &StoredEvent) -> Option<&'static str> {
    let value = |value: &Option<Value>| value.as_ref().is_none_or(|value| fits(value, MAX_DEPTH));
    let map = |map: &Option<serde_json::Map<String, Value>>| {
        map.iter()
            .flat_map(serde_json::Map::values)
            .all(|value| fits(value, MAX_DEPTH - 1))
    };
    [
        (
            "user",
            event
                .user
                .iter()
                .flat_map(BTreeMap::values)
                .all(|value| fits(value, MAX_DEPTH - 1)),
        ),
        ("params", value(&event.params)),
        ("body", value(&event.body)),
        ("properties", map(&event.properties)),
        ("traits", map(&event.traits)),
        ("headers", value(&event.headers)),
    ]
    .into_iter()
    .find_map(|(field, fits)| (!fits).then_some(field))
}

fn fits(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(values) => levels > 0 && values.iter().all(|value| fits(value, levels - 1)),
        Value::Object(values) => levels > 0 && values.values().all(|value| fits(value, levels - 1)),
        _ => true,
    }
}

/// What memory keeps of a row beside its text, so that a filter need not read the text.
#[derive(Deserialize)]
pub(super) struct RowHead<'a> {
    pub(super) id: EventId,
    pub(super) time: i64,
    pub(super) received: i64,
    #[serde(borrow)]
    pub(super) app: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(default)]
    pub(super) ip: Option<IpAddr>,
}

/// A text that borrows where it can: serde borrows a `Cow` in a field of its own, but never one inside an `Option`.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// All of a row, its JSON fields unread: what sealing needs.
#[derive(Deserialize)]
pub(super) struct Row<'a> {
    pub(super) id: EventId,
    pub(super) time: i64,
    pub(super) received: i64,
    #[serde(borrow)]
    pub(super) app: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow, default)]
    pub(super) ip: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) user: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) method: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) path: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) route: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) host: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) scheme: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) user_agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) referer: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) request_id: Option<Text<'a>>,
    #[serde(default)]
    pub(super) status: Option<u16>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) body: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) properties: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) traits: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) headers: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) agent: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) hostname: Option<Text<'a>>,
    #[serde(borrow, default)]
    pub(super) environment: Option<Text<'a>>,
    #[serde(default)]
    pub(super) aggregated: bool,
}
