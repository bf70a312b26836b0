//! What the store keeps of one event.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// The identity of an event: a 128-bit UUID.
///
/// Displays as a lower-case hyphenated UUID (`01890a5d-ac96-774b-bcce-b302099a8057`), parses the hyphenated and the
/// plain 32-digit forms in either case, and is a string in serde formats. Ids order by their bytes, so those of
/// version 7 order by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId([u8; 16]);

impl EventId {
    /// Makes an id of the UUID's bytes in network order.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the UUID's bytes in network order.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = u128::from_be_bytes(self.0);
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            n >> 96,
            (n >> 80) & 0xffff,
            (n >> 64) & 0xffff,
            (n >> 48) & 0xffff,
            n & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

/// The text given is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseEventIdError(());

impl fmt::Display for ParseEventIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("event id is not a UUID: expected 32 hexadecimal digits, hyphenated 8-4-4-4-12 or plain")
    }
}

impl std::error::Error for ParseEventIdError {}

impl FromStr for EventId {
    type Err = ParseEventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HYPHENS: [usize; 4] = [8, 13, 18, 23];
        let hyphenated = match text.len() {
            36 => true,
            32 => false,
            _ => return Err(ParseEventIdError(())),
        };
        let mut n = 0_u128;
        for (at, byte) in text.bytes().enumerate() {
            if hyphenated && HYPHENS.contains(&at) {
                if byte != b'-' {
                    return Err(ParseEventIdError(()));
                }
                continue;
            }
            let digit = char::from(byte).to_digit(16).ok_or(ParseEventIdError(()))?;
            n = (n << 4) | u128::from(digit);
        }
        Ok(Self(n.to_be_bytes()))
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = EventId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a UUID")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<EventId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// One stored event.
///
/// Text fields are what the agent sent, after normalisation by the collector; the store changes nothing. Times are
/// microseconds since the Unix epoch. Serialised as JSON, absent fields are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// Identity: an id is stored once, see [`Verdict::Duplicate`](super::Verdict::Duplicate).
    pub id: EventId,
    /// When the event happened, in microseconds since the Unix epoch.
    pub time: i64,
    /// When the backend received it, in microseconds since the Unix epoch.
    pub received: i64,
    /// The application that sent it.
    pub app: String,
    /// The event's name, such as `cart.checkout` or `users.login`.
    pub name: String,
    /// The client's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// The country of the client's address, as ISO 3166-1 alpha-2 in upper case, such as `FR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The number of the autonomous system that announces the client's address, such as 64496.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<u32>,
    /// The names of the lists that contain the client's address, such as `tor`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<String>,
    /// The identifiers of the user, such as `{"email": "a@b.example"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<BTreeMap<String, Value>>,
    /// The request's method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The request's path, without the query string.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The route that the request matched, such as `/products/{id}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The host that the client asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `http` or `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The `User-Agent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The `Referer` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referer: Option<String>,
    /// The request's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The status that the application answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The request's parameters: an object of the `query`, `path` and `form` parameters.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub params: Option<Value>,
    /// The request's body, where the event asked for it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub body: Option<Value>,
    /// The event's own properties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<Map<String, Value>>,
    /// The traits given with the identification of the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traits: Option<Map<String, Value>>,
    /// The request's headers, as the agent sent them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub headers: Option<Value>,
    /// The agent and its version, such as `rust/0.1.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The host that the agent runs on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The environment that the application runs in, such as `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Whether the event stands for one counted login or signup of an agent that sends counts alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub aggregated: bool,
}

impl StoredEvent {
    /// Makes an event of the fields that every event has; the others are absent.
    #[must_use]
    pub fn new(
        id: EventId,
        time: i64,
        received: i64,
        app: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            id,
            time,
            received,
            app: app.into(),
            name: name.into(),
            ip: None,
            country: None,
            asn: None,
            network: Vec::new(),
            user: None,
            method: None,
            path: None,
            route: None,
            host: None,
            scheme: None,
            user_agent: None,
            referer: None,
            request_id: None,
            status: None,
            params: None,
            body: None,
            properties: None,
            traits: None,
            headers: None,
            agent: None,
            hostname: None,
            environment: None,
            aggregated: false,
        }
    }
}

/// Reads a field that is there as `Some`, even if it is `null`: serde alone would make both `None`, and an explicit
/// `null` body would not survive the store.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_and_parses_as_a_uuid() {
        let text = "01890a5d-ac96-774b-bcce-b302099a8057";
        let id: EventId = text.parse().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(id.as_bytes()[..2], [0x01, 0x89]);
        assert_eq!("01890A5DAC96774BBCCEB302099A8057".parse(), Ok(id));
        let low = EventId::from_bytes([0; 16]);
        assert_eq!(low.to_string().parse(), Ok(low));
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        for text in [
            "",
            "01890a5d",
            "01890a5d-ac96-774b-bcce-b302099a805g",
            "01890a5d_ac96-774b-bcce-b302099a8057",
            "+1890a5dac96774bbcceb302099a8057",
            "é1890a5dac96774bbcceb302099a805",
        ] {
            assert!(text.parse::<EventId>().is_err(), "{text}");
        }
    }

    #[test]
    fn absent_and_null_stay_apart() {
        let mut event = StoredEvent::new(EventId::from_bytes([1; 16]), 1, 2, "shop", "a");
        let absent = serde_json::to_string(&event).unwrap();
        assert!(!absent.contains("body"));
        assert_eq!(serde_json::from_str::<StoredEvent>(&absent).unwrap(), event);
        event.body = Some(Value::Null);
        let null = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<StoredEvent>(&null).unwrap(), event);
    }
}
