//! One event as bytes: how it stands in the journal and in memory.
//!
//! Integers are little-endian, lengths are LEB128:
//!
//! | bytes | |
//! |---|---|
//! | 16 | id |
//! | 8 | time |
//! | 8 | received |
//! | 4 | which fields there are: a bit for each of [`Field`], of which those from the 21st on come behind bit 20 for the
//!       status and bit 21 for aggregated |
//! | 2 | the status, if it is there |
//! | … | for each field that is there, its length and its bytes; JSON for fields that are JSON |
//!
//! Nothing is escaped and no names are repeated: a row is smaller than JSON, and any field of it is found without
//! parsing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::IpAddr;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::store::error::StoreError;
use crate::store::event::{EventId, StoredEvent};
use crate::store::filter::JsonField;

/// The most bytes of one event, encoded.
pub(super) const MAX_EVENT_BYTES: usize = 1 << 20;

/// The bytes of most events, for buffers.
pub(super) const USUAL_BYTES: usize = 512;

/// The most levels of nesting in one JSON field; `serde_json` reads 128.
pub(super) const MAX_DEPTH: usize = 100;

const HAS_STATUS: u32 = 1 << 20;
const IS_AGGREGATED: u32 = 1 << 21;

/// The fields of any length, in the order of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    App,
    Name,
    Ip,
    User,
    Method,
    Path,
    Route,
    Host,
    Scheme,
    UserAgent,
    Referer,
    RequestId,
    Params,
    Body,
    Properties,
    Traits,
    Headers,
    Agent,
    Hostname,
    Environment,
    Country,
    /// The number in decimal.
    Asn,
    Network,
}

const FIELDS: usize = 23;

/// The bit of a field, by its place.
const fn bit(place: usize) -> u32 {
    // Two were taken before there were more than 20 fields.
    1 << if place < 20 { place } else { place + 2 }
}

impl From<JsonField> for Field {
    fn from(field: JsonField) -> Self {
        match field {
            JsonField::User => Self::User,
            JsonField::Network => Self::Network,
            JsonField::Params => Self::Params,
            JsonField::Body => Self::Body,
            JsonField::Properties => Self::Properties,
            JsonField::Traits => Self::Traits,
            JsonField::Headers => Self::Headers,
        }
    }
}

/// Writes the fields of an event, or counts their bytes.
struct Encoder<W> {
    sink: W,
    fields: u32,
    /// JSON, whose length stands before it.
    json: Vec<u8>,
}

impl<W: Write> Encoder<W> {
    fn text(&mut self, field: Field, text: Option<&str>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.bytes(field, text.as_bytes()))
    }

    fn bytes(&mut self, field: Field, bytes: &[u8]) -> io::Result<()> {
        self.fields |= bit(field as usize);
        write_length(&mut self.sink, bytes.len())?;
        self.sink.write_all(bytes)
    }

    fn json(&mut self, field: Field, json: Option<&impl Serialize>) -> io::Result<()> {
        let Some(json) = json else { return Ok(()) };
        let mut buffer = std::mem::take(&mut self.json);
        buffer.clear();
        serde_json::to_writer(&mut buffer, json)?;
        self.bytes(field, &buffer)?;
        self.json = buffer;
        Ok(())
    }

    fn fields(&mut self, event: &StoredEvent) -> io::Result<()> {
        self.text(Field::App, Some(&event.app))?;
        self.text(Field::Name, Some(&event.name))?;
        if let Some(ip) = event.ip {
            self.text(Field::Ip, Some(&ip.to_string()))?;
        }
        self.json(Field::User, event.user.as_ref())?;
        self.text(Field::Method, event.method.as_deref())?;
        self.text(Field::Path, event.path.as_deref())?;
        self.text(Field::Route, event.route.as_deref())?;
        self.text(Field::Host, event.host.as_deref())?;
        self.text(Field::Scheme, event.scheme.as_deref())?;
        self.text(Field::UserAgent, event.user_agent.as_deref())?;
        self.text(Field::Referer, event.referer.as_deref())?;
        self.text(Field::RequestId, event.request_id.as_deref())?;
        self.json(Field::Params, event.params.as_ref())?;
        self.json(Field::Body, event.body.as_ref())?;
        self.json(Field::Properties, event.properties.as_ref())?;
        self.json(Field::Traits, event.traits.as_ref())?;
        self.json(Field::Headers, event.headers.as_ref())?;
        self.text(Field::Agent, event.agent.as_deref())?;
        self.text(Field::Hostname, event.hostname.as_deref())?;
        self.text(Field::Environment, event.environment.as_deref())?;
        self.text(Field::Country, event.country.as_deref())?;
        if let Some(asn) = event.asn {
            self.text(Field::Asn, Some(&asn.to_string()))?;
        }
        let network = (!event.network.is_empty()).then_some(&event.network);
        self.json(Field::Network, network)
    }
}

fn write_length(sink: &mut impl Write, mut length: usize) -> io::Result<()> {
    while length >= 0x80 {
        sink.write_all(&[length as u8 | 0x80])?;
        length >>= 7;
    }
    sink.write_all(&[length as u8])
}

/// Appends the event to the buffer. `json` is a buffer to be used again.
///
/// `index` is the event's place in its append, for the error; after one, a part may be in the buffer.
pub(super) fn encode(
    event: &StoredEvent,
    index: usize,
    buffer: &mut Vec<u8>,
    json: &mut Vec<u8>,
) -> Result<(), StoreError> {
    check_depth(event, index)?;
    let start = buffer.len();
    buffer.extend_from_slice(event.id.as_bytes());
    buffer.extend_from_slice(&event.time.to_le_bytes());
    buffer.extend_from_slice(&event.received.to_le_bytes());
    let flags = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    if let Some(status) = event.status {
        buffer.extend_from_slice(&status.to_le_bytes());
    }
    let mut encoder = Encoder {
        sink: &mut *buffer,
        fields: 0,
        json: std::mem::take(json),
    };
    encoder
        .fields(event)
        .map_err(|error| unencodable(index, &error))?;
    *json = encoder.json;
    let fields = encoder.fields
        | if event.status.is_some() {
            HAS_STATUS
        } else {
            0
        }
        | if event.aggregated { IS_AGGREGATED } else { 0 };
    if let Some(flags) = buffer.get_mut(flags..flags + 4) {
        flags.copy_from_slice(&fields.to_le_bytes());
    }
    check_size(buffer.len() - start, index)
}

fn unencodable(index: usize, error: &io::Error) -> StoreError {
    StoreError::Internal(format!("event {index} cannot be encoded: {error}"))
}

fn check_size(bytes: usize, index: usize) -> Result<(), StoreError> {
    if bytes > MAX_EVENT_BYTES {
        return Err(StoreError::EventTooLarge {
            index,
            bytes,
            limit: MAX_EVENT_BYTES,
        });
    }
    Ok(())
}

fn check_depth(event: &StoredEvent, index: usize) -> Result<(), StoreError> {
    match too_deep(event) {
        None => Ok(()),
        Some(field) => Err(StoreError::EventTooDeep {
            index,
            field,
            limit: MAX_DEPTH,
        }),
    }
}

impl StoredEvent {
    /// Checks that a store takes the event, and returns how many bytes it takes in memory and, before compression, in
    /// a journal.
    ///
    /// The limits are 1 MiB for the event, and 100 levels of nesting in each JSON field.
    ///
    /// # Errors
    ///
    /// [`StoreError::EventTooLarge`] or [`StoreError::EventTooDeep`], with the index 0.
    pub fn check(&self) -> Result<usize, StoreError> {
        check_depth(self, 0)?;
        let mut counter = Encoder {
            sink: Counter(0),
            fields: 0,
            json: Vec::with_capacity(USUAL_BYTES),
        };
        counter
            .fields(self)
            .map_err(|error| unencodable(0, &error))?;
        let bytes = Row::HEAD + usize::from(self.status.is_some()) * 2 + counter.sink.0;
        check_size(bytes, 0)?;
        Ok(bytes)
    }
}

/// Counts what is written.
struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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

/// A row, taken apart: its texts and JSON stay where they are.
#[derive(Clone, Debug)]
pub(super) struct Row<'a> {
    pub(super) id: EventId,
    pub(super) time: i64,
    pub(super) received: i64,
    pub(super) status: Option<u16>,
    pub(super) aggregated: bool,
    fields: [Option<&'a [u8]>; FIELDS],
}

/// The bytes are not those of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotARow;

impl std::fmt::Display for NotARow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the bytes are not those of a row")
    }
}

impl<'a> Row<'a> {
    /// Bytes before the status.
    const HEAD: usize = 36;

    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, NotARow> {
        let mut rest = bytes;
        let id = EventId::from_bytes(take(&mut rest)?);
        let time = i64::from_le_bytes(take(&mut rest)?);
        let received = i64::from_le_bytes(take(&mut rest)?);
        let flags = u32::from_le_bytes(take(&mut rest)?);
        let status = match flags & HAS_STATUS {
            0 => None,
            _ => Some(u16::from_le_bytes(take(&mut rest)?)),
        };
        let mut fields = [None; FIELDS];
        for (place, field) in fields.iter_mut().enumerate() {
            if flags & bit(place) != 0 {
                let length = read_length(&mut rest)?;
                let (bytes, behind) = rest.split_at_checked(length).ok_or(NotARow)?;
                *field = Some(bytes);
                rest = behind;
            }
        }
        if !rest.is_empty() {
            return Err(NotARow);
        }
        Ok(Self {
            id,
            time,
            received,
            status,
            aggregated: flags & IS_AGGREGATED != 0,
            fields,
        })
    }

    /// The bytes of a field: UTF-8, and JSON where the field is JSON.
    pub(super) fn field(&self, field: Field) -> Option<&'a [u8]> {
        self.fields.get(field as usize).copied().flatten()
    }

    pub(super) fn text(&self, field: Field) -> Result<Option<&'a str>, NotARow> {
        let text = |bytes| std::str::from_utf8(bytes).map_err(|_| NotARow);
        self.field(field).map(text).transpose()
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        self.text(Field::Ip).ok()??.parse().ok()
    }

    pub(super) fn asn(&self) -> Option<u32> {
        self.text(Field::Asn).ok()??.parse().ok()
    }

    /// The whole event.
    pub(super) fn event(&self) -> Result<StoredEvent, NotARow> {
        let text = |field| Ok(self.text(field)?.map(str::to_owned));
        let required = |field| text(field)?.ok_or(NotARow);
        Ok(StoredEvent {
            id: self.id,
            time: self.time,
            received: self.received,
            app: required(Field::App)?,
            name: required(Field::Name)?,
            ip: self.ip(),
            country: text(Field::Country)?,
            asn: self.asn(),
            network: self.json(Field::Network)?.unwrap_or_default(),
            user: self.json(Field::User)?,
            method: text(Field::Method)?,
            path: text(Field::Path)?,
            route: text(Field::Route)?,
            host: text(Field::Host)?,
            scheme: text(Field::Scheme)?,
            user_agent: text(Field::UserAgent)?,
            referer: text(Field::Referer)?,
            request_id: text(Field::RequestId)?,
            status: self.status,
            params: self.json(Field::Params)?,
            body: self.json(Field::Body)?,
            properties: self.json(Field::Properties)?,
            traits: self.json(Field::Traits)?,
            headers: self.json(Field::Headers)?,
            agent: text(Field::Agent)?,
            hostname: text(Field::Hostname)?,
            environment: text(Field::Environment)?,
            aggregated: self.aggregated,
        })
    }

    fn json<T: DeserializeOwned>(&self, field: Field) -> Result<Option<T>, NotARow> {
        let parse = |json| serde_json::from_slice(json).map_err(|_| NotARow);
        self.field(field).map(parse).transpose()
    }
}

/// Takes an array of bytes off the front.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], NotARow> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(NotARow)?;
    *bytes = rest;
    Ok(*taken)
}

fn read_length(bytes: &mut &[u8]) -> Result<usize, NotARow> {
    let mut length = 0;
    for shift in (0..28).step_by(7) {
        let [byte] = take(bytes)?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(length);
        }
    }
    Err(NotARow)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An event with all fields, the texts of this many bytes.
    fn full(length: usize) -> StoredEvent {
        let text = || Some("ä".repeat(length / 2) + &"x".repeat(length % 2));
        let object = || json!({"a": [1, null, {"b": text()}], "": 1.5e300});
        StoredEvent {
            ip: "2001:db8::7".parse().ok(),
            country: text(),
            asn: Some(u32::MAX),
            network: text().into_iter().collect(),
            user: serde_json::from_value(object()).unwrap(),
            method: text(),
            path: text(),
            route: text(),
            host: text(),
            scheme: text(),
            user_agent: text(),
            referer: text(),
            request_id: text(),
            status: Some(404),
            params: Some(object()),
            body: Some(Value::Null),
            properties: object().as_object().cloned(),
            traits: object().as_object().cloned(),
            headers: Some(json!([["a", "b"]])),
            agent: text(),
            hostname: text(),
            environment: text(),
            aggregated: true,
            ..StoredEvent::new(
                EventId::from_bytes([7; 16]),
                i64::MIN,
                i64::MAX,
                "shop",
                "a\n",
            )
        }
    }

    fn encoded(event: &StoredEvent) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(event, 0, &mut bytes, &mut Vec::new()).unwrap();
        assert_eq!(event.check().unwrap(), bytes.len());
        bytes
    }

    #[test]
    fn an_event_comes_back_as_it_was() {
        let bare = StoredEvent::new(EventId::from_bytes([0; 16]), -1, 0, "", "");
        for event in [bare, full(0), full(127), full(128), full(20_000)] {
            assert_eq!(Row::read(&encoded(&event)).unwrap().event(), Ok(event));
        }
    }

    #[test]
    fn what_is_cut_or_goes_on_is_no_row() {
        let bytes = encoded(&full(200));
        for cut in 0..bytes.len() {
            assert!(Row::read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        assert!(Row::read(&[bytes, vec![0]].concat()).is_err());
    }
}
