use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::action::ActionsState;
use super::lenient;
use super::outcome::Outcomes;

/// The `status` of an answer: any truthy JSON value, absent reads as false.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Status(pub bool);

impl Status {
    /// `"status": true`.
    pub const OK: Self = Self(true);
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Value::deserialize(deserializer)? {
            Value::Null => false,
            Value::Bool(status) => status,
            Value::Number(n) => n.as_f64() != Some(0.0),
            Value::String(s) => !s.is_empty(),
            Value::Array(_) | Value::Object(_) => true,
        }))
    }
}

/// Body of the heartbeat. Every field may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BeatRequest {
    /// Results of the commands of earlier answers, by the command's `uuid`.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub command_results: BTreeMap<String, CommandResult>,
    /// Metrics of old agents.
    #[serde(deserialize_with = "lenient::elements")]
    pub metrics: Vec<Metric>,
    /// This SDK: what became of every event.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "Option::is_none"
    )]
    pub outcomes: Option<Outcomes>,
    /// This SDK: the security responses that it enforces.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "Option::is_none"
    )]
    pub actions: Option<ActionsState>,
}

/// Answer to the heartbeat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BeatResponse {
    /// Whether the heartbeat was taken.
    pub status: Status,
    /// Commands to run; present even when empty, since old agents read it unchecked.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub commands: Vec<Command>,
}

/// An order from the backend, delivered once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Command {
    /// Such as `actions_reload`.
    #[serde(deserialize_with = "lenient::or_default")]
    pub name: String,
    /// Key of the result in a later heartbeat.
    #[serde(deserialize_with = "lenient::or_default")]
    pub uuid: String,
    /// Positional arguments.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub params: Vec<Value>,
}

/// What a command came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CommandResult {
    /// Whether it was carried out.
    pub status: Status,
    /// Its output, or why it failed.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub output: Value,
    /// Other fields, such as Python's `msg` and `reason`.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Body of [`METRICS`](super::METRICS).
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct MetricsRequest {
    /// The metrics.
    #[serde(deserialize_with = "lenient::elements")]
    pub metrics: Vec<Metric>,
}

/// A metric of an old agent: counts over a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metric {
    /// Such as `sdk-login-success`.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub name: String,
    /// Start of the period, RFC 3339.
    #[serde(deserialize_with = "lenient::text")]
    pub start: Option<String>,
    /// End of the period, RFC 3339.
    #[serde(deserialize_with = "lenient::text")]
    pub finish: Option<String>,
    /// `{key: number}`, or a histogram.
    pub observation: Value,
}
