use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::element::{self, Element};
use super::lenient;
use super::record::{RequestInfo, ResponseInfo};
use super::timestamp::Timestamp;

/// An element of [`SIGNAL_BATCHES`](super::SIGNAL_BATCHES).
///
/// The agents do not agree on `type`: a trace is what has a `data` array, a metric what says so
/// or has a metric's schema, and a point whatever else has a `signal_name`.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// One HTTP request and the points within it.
    Trace(Box<Trace>),
    /// Something that happened.
    Point(Box<Point>),
    /// Counts over a period.
    Metric(Box<MetricSignal>),
    /// Anything else, as it came.
    Other(Value),
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Kind {
            #[serde(rename = "type", deserialize_with = "lenient::text")]
            kind: Option<String>,
            #[serde(deserialize_with = "lenient::text")]
            payload_schema: Option<String>,
            #[serde(deserialize_with = "lenient::text")]
            signal_name: Option<String>,
            #[serde(deserialize_with = "lenient::is_array")]
            data: bool,
        }
        let element = Element::deserialize(deserializer)?;
        let kind: Kind = element.read().unwrap_or_default();
        let read = if kind.data {
            element.read().ok().map(Self::Trace)
        } else if is_metric(kind.kind.as_deref(), kind.payload_schema.as_deref()) {
            element.read().ok().map(Self::Metric)
        } else if kind.signal_name.is_some() {
            element.read().ok().map(Self::Point)
        } else {
            None
        };
        match read {
            Some(signal) => Ok(signal),
            None => element.value().map(Self::Other),
        }
    }
}

impl Signal {
    /// Reads the body of [`SIGNAL_BATCHES`](super::SIGNAL_BATCHES) as deserialising does, but for less: in one
    /// pass, unless a signal is odd.
    ///
    /// # Errors
    ///
    /// Those of deserialising.
    pub fn all_from_json(json: &[u8]) -> serde_json::Result<Vec<Self>> {
        let Some(signals) = element::in_one_pass::<Vec<Plain>>(json) else {
            return serde_json::from_slice(json);
        };
        Ok(signals.into_iter().map(|Plain(signal)| signal).collect())
    }
}

/// A signal that can be read without a look ahead.
struct Plain(Signal);

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// What is in signals of any kind.
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Members {
            #[serde(rename = "type", deserialize_with = "lenient::text")]
            kind: Option<String>,
            signal_name: Option<String>,
            #[serde(deserialize_with = "lenient::text")]
            source: Option<String>,
            #[serde(deserialize_with = "lenient::text")]
            payload_schema: Option<String>,
            #[serde(deserialize_with = "lenient::time")]
            time: Option<Timestamp>,
            payload: Value,
            #[serde(deserialize_with = "lenient::object")]
            actor: Option<Actor>,
            location_infra: Value,
            #[serde(deserialize_with = "lenient::object_or_default")]
            context: HttpContext,
            data: Option<Vec<Plain>>,
        }
        let read = Members::deserialize(deserializer)?;
        if let Some(data) = read.data {
            return Ok(Self(Signal::Trace(Box::new(Trace {
                actor: read.actor.unwrap_or_default(),
                location_infra: read.location_infra,
                context: read.context,
                time: read.time,
                data: data.into_iter().map(|Self(signal)| signal).collect(),
            }))));
        }
        let signal_name = read.signal_name.unwrap_or_default();
        let schema = read.payload_schema;
        if is_metric(read.kind.as_deref(), schema.as_deref()) {
            return Ok(Self(Signal::Metric(Box::new(MetricSignal {
                signal_name,
                time: read.time,
                payload: read.payload,
            }))));
        }
        if signal_name.is_empty() {
            return Err(D::Error::custom("an odd signal"));
        }
        Ok(Self(Signal::Point(Box::new(Point {
            signal_name,
            source: read.source,
            payload_schema: schema,
            time: read.time,
            payload: read.payload,
            actor: read.actor,
        }))))
    }
}

fn is_metric(kind: Option<&str>, payload_schema: Option<&str>) -> bool {
    kind == Some("metric") || payload_schema.is_some_and(|schema| schema.starts_with("metric"))
}

/// One HTTP request with the points observed during it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Trace {
    /// Who did it.
    #[serde(deserialize_with = "lenient::object_or_default")]
    pub actor: Actor,
    /// The agent; Node wraps it in `infra`.
    pub location_infra: Value,
    /// The HTTP request and response.
    #[serde(deserialize_with = "lenient::object_or_default")]
    pub context: HttpContext,
    /// The request's time.
    #[serde(deserialize_with = "lenient::time")]
    pub time: Option<Timestamp>,
    /// What happened.
    #[serde(deserialize_with = "lenient::array")]
    pub data: Vec<Signal>,
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// The client's addresses; the first counts.
    #[serde(deserialize_with = "lenient::elements")]
    pub ip_addresses: Vec<String>,
    /// `User-Agent`.
    #[serde(deserialize_with = "lenient::text")]
    pub user_agent: Option<String>,
    /// From `identify`.
    #[serde(deserialize_with = "lenient::object")]
    pub identifiers: Option<Map<String, Value>>,
    /// From `identify`.
    #[serde(deserialize_with = "lenient::object")]
    pub traits: Option<Map<String, Value>>,
}

/// The HTTP request and response of a trace.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct HttpContext {
    /// The request.
    #[serde(deserialize_with = "lenient::object_or_default")]
    pub request: RequestInfo,
    /// The response; Python leaves it out for requests it blocked.
    #[serde(deserialize_with = "lenient::object")]
    pub response: Option<ResponseInfo>,
}

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Point {
    /// Its name, with [`SDK_PREFIX`](super::names::SDK_PREFIX) for SDK calls.
    pub signal_name: String,
    /// Who reports it, such as `sqreen:sdk:track`.
    #[serde(deserialize_with = "lenient::text")]
    pub source: Option<String>,
    /// The payload's schema.
    #[serde(deserialize_with = "lenient::text")]
    pub payload_schema: Option<String>,
    /// Its own time.
    #[serde(deserialize_with = "lenient::time")]
    pub time: Option<Timestamp>,
    /// For SDK calls, read as [`TrackOptions`](super::TrackOptions).
    pub payload: Value,
    /// Who did it, for points outside of a trace.
    #[serde(deserialize_with = "lenient::object")]
    pub actor: Option<Actor>,
}

/// Counts over a period.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MetricSignal {
    /// [`METRIC_PREFIX`](super::names::METRIC_PREFIX) and the metric's name.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub signal_name: String,
    /// Start of the period.
    #[serde(deserialize_with = "lenient::time")]
    pub time: Option<Timestamp>,
    /// The counts.
    pub payload: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_pass_reads_what_a_look_ahead_does() {
        let deep = format!("{}{}", "[".repeat(120), "]".repeat(120));
        let trace = r#"{"type": "trace", "actor": {"ip_addresses": ["192.0.2.1", 7]}, "context": {"request": 1},
            "data": [{"signal_name": "sq.sdk.a", "payload": {"properties": {}}, "time": "odd"}]}"#;
        let odd = [
            "{}".to_owned(),
            "7".to_owned(),
            r#"{"signal_name": 7}"#.to_owned(),
            r#"{"signal_name": "a", "signal_name": "b"}"#.to_owned(),
            r#"{"signal_name": "a", "data": {}}"#.to_owned(),
            r#"{"data": [{"signal_name": ""}]}"#.to_owned(),
            r#"{"type": "metric", "signal_name": null, "payload": 1}"#.to_owned(),
            r#"{"payload_schema": "metric/2020", "signal_name": "m", "data": null}"#.to_owned(),
            format!(r#"{{"signal_name": "a", "payload": {deep}}}"#),
            trace.to_owned(),
        ];
        for odd in odd {
            let json = format!("[{trace}, {odd}]");
            let expected: Vec<Signal> = serde_json::from_str(&json).unwrap();
            assert_eq!(
                Signal::all_from_json(json.as_bytes()).unwrap(),
                expected,
                "{odd}"
            );
        }
        assert!(Signal::all_from_json(b"[{]").is_err());
        assert!(Signal::all_from_json(b"[{\"signal_name\": \"\xff\"}]").is_err());
    }
}
