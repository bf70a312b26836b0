use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lenient;
use super::sdk_event::SdkEvent;

/// One HTTP request and what was observed during it; without `request`, what was observed
/// outside of any.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestRecord {
    /// Version of the record's format, `20171208`.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub version: String,
    /// Name of the rule pack; empty for this SDK.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub rulespack_id: String,
    /// The client's address; absent when unknown.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub client_ip: Option<String>,
    /// The request.
    #[serde(
        deserialize_with = "lenient::object",
        skip_serializing_if = "Option::is_none"
    )]
    pub request: Option<RequestInfo>,
    /// The response; absent when the request was abandoned or is not answered yet.
    #[serde(
        deserialize_with = "lenient::object",
        skip_serializing_if = "Option::is_none"
    )]
    pub response: Option<ResponseInfo>,
    /// What happened.
    #[serde(deserialize_with = "lenient::object_or_default")]
    pub observed: Observed,
}

impl RequestRecord {
    /// The value of `version`.
    pub const VERSION: &'static str = "20171208";
}

/// Facts of an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestInfo {
    /// Request id.
    #[serde(deserialize_with = "lenient::text")]
    pub rid: Option<String>,
    /// The allow-listed headers, in the order they came.
    #[serde(
        deserialize_with = "lenient::pairs",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub headers: Vec<(String, String)>,
    /// `User-Agent`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_agent: Option<String>,
    /// `http` or `https`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub scheme: Option<String>,
    /// Method.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub verb: Option<String>,
    /// Host with its port, as the client named it.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub host: Option<String>,
    /// The server's port; a string or a number, by agent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub port: Option<u16>,
    /// Address of the peer, which may be a proxy.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub remote_ip: Option<String>,
    /// Port of the peer; a string or a number, by agent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub remote_port: Option<u16>,
    /// Path; Node's has the query string behind it, this SDK's never.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub path: Option<String>,
    /// `Referer`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub referer: Option<String>,
    /// The matched route, such as `/products/{id}`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub endpoint: Option<String>,
    /// Parameters by where they were found.
    #[serde(
        deserialize_with = "lenient::object_or_default",
        skip_serializing_if = "Parameters::is_empty"
    )]
    pub parameters: Parameters,
}

/// HTTP parameters by where they were found. A repeated parameter's value is an array.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parameters {
    /// Of the query string.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub query: Map<String, Value>,
    /// Of a form body.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub form: Map<String, Value>,
    /// This SDK: of the route's placeholders.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub path: Map<String, Value>,
    /// A JSON body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// Any other body, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rawbody: Option<String>,
    /// Parameters of old agents: Go's `params`, Python's `other`.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Parameters {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Facts of an HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseInfo {
    /// Status code.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub status: Option<u16>,
    /// `Content-Length`; a string or a number, by agent.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub content_length: Option<u64>,
    /// `Content-Type`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub content_type: Option<String>,
}

/// What was observed during a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Observed {
    /// SDK calls, in order.
    pub sdk: Vec<SdkEvent>,
    /// Attacks and exceptions seen by the old agents' engine.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}
