use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::action::{Action, ActionsVersion, Allowlist};
use super::beat::{Command, Status};
use super::lenient;

/// Body of the login call.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginRequest {
    /// SHA-1 of the dependency list; empty for this SDK.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub bundle_signature: String,
    /// `rust`, `nodejs`, `python` or `golang`.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub agent_type: String,
    /// The agent's version.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub agent_version: String,
    /// Such as `x86_64-linux`.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub os_type: String,
    /// The machine's name.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub hostname: String,
    /// The language's runtime; empty where there is none.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub runtime_type: String,
    /// The runtime's version.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub runtime_version: String,
    /// The web framework.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub framework_type: String,
    /// The web framework's version.
    #[serde(deserialize_with = "lenient::text")]
    pub framework_version: Option<String>,
    /// Such as `production`.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub environment: Option<String>,
    /// The process.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub various_infos: VariousInfos,
    /// This SDK: identifies the running agent across its sessions, for the outcome ledger.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub instance: Option<String>,
    /// This SDK: what it can do beyond the old protocol.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "Option::is_none"
    )]
    pub capabilities: Option<Capabilities>,
}

/// The process that logs in. Old agents send a lot more here; the rest is kept as it came.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VariousInfos {
    /// The agent's clock at login, RFC 3339.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub time: Option<String>,
    /// Process id.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub pid: Option<u64>,
    /// Process name.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub name: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What this SDK can do beyond the old protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// The version of the additions, [`VERSION`](super::VERSION).
    pub version: u32,
    /// `Content-Encoding`s it can send, best first.
    pub compression: Vec<String>,
    /// It can hold a stream of security responses open.
    pub action_stream: bool,
    /// Its events carry ids, so that a batch may be sent again.
    pub ids: bool,
    /// Seconds between its heartbeats where the application has chosen them, so that the server's wish has no effect.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub heartbeat_delay: Option<u64>,
}

/// Answer to the login call.
///
/// Only `status` and `session_id` are needed; a refusal is `{"status":false,"error":"…"}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginResponse {
    /// Whether the session is open.
    pub status: Status,
    /// The session's key, sent back as [`HEADER_SESSION_KEY`](super::HEADER_SESSION_KEY).
    #[serde(deserialize_with = "lenient::or_default")]
    pub session_id: String,
    /// Why the login was refused.
    #[serde(deserialize_with = "lenient::text")]
    pub error: Option<String>,
    /// Settings from the server.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub features: Features,
    /// Commands to run at once.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub commands: Vec<Command>,
    /// Name of the rule pack; old agents echo it.
    #[serde(deserialize_with = "lenient::or_default")]
    pub pack_id: String,
    /// Rules for old agents; this SDK has none.
    #[serde(deserialize_with = "lenient::or_ignore")]
    pub rules: Vec<Value>,
    /// The security responses in force. A pack is taken whole or not at all, so that this field
    /// alone is not read leniently.
    #[serde(deserialize_with = "lenient::or_default")]
    pub actions: Vec<Action>,
    /// This SDK: which state of the actions these are.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "Option::is_none"
    )]
    pub actions_version: Option<ActionsVersion>,
    /// This SDK: what no action concerns.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "Allowlist::is_empty"
    )]
    pub allowlist: Allowlist,
    /// This SDK: whether all actions are reported only, and nothing is stopped.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub actions_dry_run: bool,
}

/// Settings that the server gives to an agent at login; `None` leaves the agent's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Features {
    /// Seconds between heartbeats.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub heartbeat_delay: Option<u64>,
    /// Events in a batch.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub batch_size: Option<u64>,
    /// Seconds an event may wait for its batch to fill. Python needs a multiple of 10.
    #[serde(
        deserialize_with = "lenient::number",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_staleness: Option<u64>,
    /// Whether events go to [`SIGNAL_BATCHES`](super::SIGNAL_BATCHES); this SDK uses
    /// [`BATCH`](super::BATCH) always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_signals: Option<bool>,
    /// This SDK's additions that the backend takes up.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "Option::is_none"
    )]
    pub sqreen_rs: Option<SqreenRsFeatures>,
    /// Features of old agents.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// Which of this SDK's additions the backend takes up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SqreenRsFeatures {
    /// `Content-Encoding`s it decodes, of those that the agent offered.
    pub compression: Vec<String>,
    /// Path of the stream of security responses, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_stream: Option<String>,
    /// Whether it answers batches with [`Verdict`](super::Verdict)s.
    pub verdicts: bool,
}
