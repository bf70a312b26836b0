use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::beat::Status;
use super::element::{self, Element};
use super::lenient;
use super::record::RequestRecord;

/// Body of [`BATCH`](super::BATCH).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchRequest {
    /// This SDK: the batch's id, a UUIDv7; the same when it is sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<String>,
    /// This SDK: whether the answer shall hold verdicts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verdicts: bool,
    /// The elements.
    #[serde(deserialize_with = "lenient::or_default")]
    pub batch: Vec<BatchElement>,
}

impl BatchRequest {
    /// Reads a body as deserialising does, but for less: in one pass, unless an element is no record, or
    /// an odd one.
    ///
    /// # Errors
    ///
    /// Those of deserialising.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Records {
            batch_id: Option<String>,
            verdicts: bool,
            batch: Vec<Record>,
        }

        struct Record(BatchElement);

        impl<'de> Deserialize<'de> for Record {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let Tagged { kind, record } = Tagged::deserialize(deserializer)?;
                if kind.as_deref() != Some(REQUEST_RECORD) {
                    return Err(D::Error::custom("no record"));
                }
                Ok(Self(BatchElement::RequestRecord(Box::new(record))))
            }
        }

        let Some(records) = element::in_one_pass::<Records>(json) else {
            return serde_json::from_slice(json);
        };
        Ok(Self {
            batch_id: records.batch_id,
            verdicts: records.verdicts,
            batch: records.batch.into_iter().map(|Record(it)| it).collect(),
        })
    }
}

/// An element of a batch, told apart by its `event_type`.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchElement {
    /// `request_record`.
    RequestRecord(Box<RequestRecord>),
    /// Any other kind, or a record that cannot be read, as it came.
    Other(Value),
}

const EVENT_TYPE: &str = "event_type";
const REQUEST_RECORD: &str = "request_record";

impl BatchElement {
    /// The `event_type`, if there is one.
    #[must_use]
    pub fn event_type(&self) -> Option<&str> {
        match self {
            Self::RequestRecord(_) => Some(REQUEST_RECORD),
            Self::Other(value) => value.get(EVENT_TYPE)?.as_str(),
        }
    }
}

impl<'de> Deserialize<'de> for BatchElement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let element = Element::deserialize(deserializer)?;
        match element.read::<Tagged>() {
            Ok(tagged) if tagged.kind.as_deref() == Some(REQUEST_RECORD) => {
                Ok(Self::RequestRecord(Box::new(tagged.record)))
            }
            _ => element.value().map(Self::Other),
        }
    }
}

/// An element read as a record, whatever it is, with its kind noted on the way: most are records, and the kind may
/// stand behind all else.
struct Tagged {
    kind: Option<String>,
    record: RequestRecord,
}

impl<'de> Deserialize<'de> for Tagged {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Tagged;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an element of a batch")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Tagged, A::Error> {
                let mut kind = None;
                let members = WithoutKind {
                    members,
                    kind: &mut kind,
                };
                let record = RequestRecord::deserialize(MapAccessDeserializer::new(members))?;
                Ok(Tagged { kind, record })
            }
        }

        deserializer.deserialize_map(Read)
    }
}

/// The members of an object but its `event_type`, which is noted.
struct WithoutKind<'k, A> {
    members: A,
    kind: &'k mut Option<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutKind<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        #[derive(Deserialize)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        #[derive(Deserialize)]
        struct Kind(#[serde(deserialize_with = "lenient::text")] Option<String>);

        while let Some(Key(key)) = self.members.next_key()? {
            if key != EVENT_TYPE {
                return seed.deserialize(key.into_deserializer()).map(Some);
            }
            let Kind(kind) = self.members.next_value()?;
            *self.kind = kind;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.members.next_value_seed(seed)
    }
}

impl Serialize for BatchElement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Tagged<'a> {
            event_type: &'static str,
            #[serde(flatten)]
            record: &'a RequestRecord,
        }
        match self {
            Self::RequestRecord(record) => Tagged {
                event_type: REQUEST_RECORD,
                record,
            }
            .serialize(serializer),
            Self::Other(value) => value.serialize(serializer),
        }
    }
}

/// Answer of [`BATCH`](super::BATCH).
///
/// Old agents look at `status` alone. When verdicts were asked for, `accepted` counts the events
/// stored now and `verdicts` lists all others; an event that was sent and is not listed was
/// accepted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BatchResponse {
    /// Whether the batch is stored.
    pub status: Status,
    /// Why it is not.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub error: Option<String>,
    /// Events stored now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u64>,
    /// Events that were not stored now.
    #[serde(
        deserialize_with = "lenient::or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub verdicts: Vec<Verdict>,
}

/// What the backend made of an event that it did not simply store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The event's id.
    pub id: String,
    /// What became of it.
    pub kind: VerdictKind,
}

/// What the backend made of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VerdictKind {
    /// It was stored before.
    Duplicate,
    /// It is refused for good, for this reason.
    Rejected(String),
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        match &self.kind {
            VerdictKind::Duplicate => map.serialize_entry("verdict", "duplicate")?,
            VerdictKind::Rejected(reason) => {
                map.serialize_entry("verdict", "rejected")?;
                map.serialize_entry("reason", reason)?;
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            id: String,
            verdict: String,
            #[serde(default, deserialize_with = "lenient::text")]
            reason: Option<String>,
        }
        let Wire {
            id,
            verdict,
            reason,
        } = Wire::deserialize(deserializer)?;
        let kind = match verdict.as_str() {
            "duplicate" => VerdictKind::Duplicate,
            "rejected" => VerdictKind::Rejected(reason.unwrap_or_else(|| "unspecified".into())),
            other => {
                return Err(D::Error::unknown_variant(other, &["duplicate", "rejected"]));
            }
        };
        Ok(Self { id, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_told_by_its_kind_wherever_it_stands() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let batch = format!(
            r#"{{"batch": [
                {{"version": "1", "unknown": {deep}, "event_type": "request_record"}},
                {{"event_type": "attack", "version": "2", "event_type": "request_record"}},
                {{"\u0065vent_type": "request_record", "version": "0", "version": "3"}},
                {{"event_type": "request_record", "version": "4", "event_type": "attack"}},
                {{"event_type": "attack", "observed": 1}},
                {{"event_type": ["request_record"]}},
                {{"version": "5"}},
                "request_record",
                null
            ]}}"#
        );
        let read: BatchRequest = serde_json::from_str(&batch).unwrap();
        assert_eq!(BatchRequest::from_json(batch.as_bytes()).unwrap(), read);
        let versions: Vec<_> = read
            .batch
            .iter()
            .map(|element| match element {
                BatchElement::RequestRecord(record) => record.version.as_str(),
                BatchElement::Other(_) => "other",
            })
            .collect();
        let other = ["other"; 6];
        assert_eq!(versions, [&["1", "2", "3"][..], &other].concat());
        let kinds: Vec<_> = read.batch.iter().map(BatchElement::event_type).collect();
        let (record, attack) = (Some(REQUEST_RECORD), Some("attack"));
        let nothing = None;
        assert_eq!(
            kinds,
            [
                record, record, record, attack, attack, nothing, nothing, nothing, nothing
            ]
        );
    }
}
