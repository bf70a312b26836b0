use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

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
        let value = Value::deserialize(deserializer)?;
        let text = |key| value.get(key).and_then(Value::as_str);
        let is_metric = text("type") == Some("metric")
            || text("payload_schema").is_some_and(|schema| schema.starts_with("metric"));
        let read = if value.get("data").is_some_and(Value::is_array) {
            Trace::deserialize(&value).map(|trace| Self::Trace(Box::new(trace)))
        } else if is_metric {
            MetricSignal::deserialize(&value).map(|metric| Self::Metric(Box::new(metric)))
        } else if text("signal_name").is_some() {
            Point::deserialize(&value).map(|point| Self::Point(Box::new(point)))
        } else {
            return Ok(Self::Other(value));
        };
        Ok(read.unwrap_or(Self::Other(value)))
    }
}

/// One HTTP request with the points observed during it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Trace {
    /// Who did it.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub actor: Actor,
    /// The agent; Node wraps it in `infra`.
    pub location_infra: Value,
    /// The HTTP request and response.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub context: HttpContext,
    /// The request's time.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub time: Option<Timestamp>,
    /// What happened.
    #[serde(deserialize_with = "lenient::or_default")]
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
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub identifiers: Option<Map<String, Value>>,
    /// From `identify`.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub traits: Option<Map<String, Value>>,
}

/// The HTTP request and response of a trace.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct HttpContext {
    /// The request.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub request: RequestInfo,
    /// The response; Python leaves it out for requests it blocked.
    #[serde(deserialize_with = "lenient::or_ignore")]
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
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub time: Option<Timestamp>,
    /// For SDK calls, read as [`TrackOptions`](super::TrackOptions).
    pub payload: Value,
    /// Who did it, for points outside of a trace.
    #[serde(deserialize_with = "lenient::or_ignore")]
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
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub time: Option<Timestamp>,
    /// The counts.
    pub payload: Value,
}
