use serde::de::Error as _;
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::beat::Status;
use super::element::Element;
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
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Kind {
            #[serde(deserialize_with = "lenient::text")]
            event_type: Option<String>,
        }
        let element = Element::deserialize(deserializer)?;
        let kind: Kind = element.read().unwrap_or_default();
        let record = (kind.event_type.as_deref() == Some(REQUEST_RECORD))
            .then(|| element.read().ok())
            .flatten();
        Ok(match record {
            Some(record) => Self::RequestRecord(Box::new(record)),
            None => Self::Other(element.value()?),
        })
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
