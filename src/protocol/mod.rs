//! The wire between agents and the backend.
//!
//! These types describe Sqreen's own protocol as the Node, Python and Go agents speak it, plus
//! the additions of this SDK, all optional, so that an old backend ignores them and an old agent
//! never meets them. Parsing is lenient: unknown fields are ignored, missing ones get a default,
//! numbers may come as strings, and one odd element never spoils its batch.
//!
//! | Call | Request | Answer |
//! |---|---|---|
//! | `GET` [`PING`] | | `{"status":true}` |
//! | `POST` [`APP_LOGIN`] | [`LoginRequest`] | [`LoginResponse`] |
//! | `POST` [`APP_BEAT`] | [`BeatRequest`] | [`BeatResponse`] |
//! | `POST` [`METRICS`] | [`MetricsRequest`] | `{"status":true}` |
//! | `POST` [`BATCH`] | [`BatchRequest`] | [`BatchResponse`] |
//! | `POST` [`SIGNAL_BATCHES`] | array of [`Signal`] | empty, or `{"status":true}` |
//! | `GET` [`ACTIONS_PACK`] | | [`ActionsPack`] |
//! | `GET` [`ACTION_STREAM`] | | lines of [`ActionsChange`], without end |
//! | `GET` [`RULES_PACK`] | | `status`, `pack_id`, `rules` |
//! | `GET` [`APP_LOGOUT`] | | `{"status":true}` |
//!
//! # What this SDK adds (version [`VERSION`])
//!
//! - Login requests carry [`Capabilities`] and an `instance` id; the answer's
//!   [`Features::sqreen_rs`] says which of them the backend takes up.
//! - Each SDK call carries an `id` (UUIDv7) and each batch a `batch_id`; the backend stores an
//!   event id once, so that a retry never doubles an event.
//! - With [`BatchRequest::verdicts`] set, the answer lists the events that were not simply
//!   accepted ([`Verdict`]).
//! - Heartbeats carry the [`Outcomes`] ledger: what became of every event, cumulated since the
//!   agent's start, so that a heartbeat sent twice counts once.
//! - `parameters` may hold `path`, the values of the route's placeholders.
//! - The layer's own event of a response with status 404, [`names::NOT_FOUND`], is a `track` whose
//!   property `suppressed` tells how many of the same client were left out before.
//! - Logins and packs tell the [`ActionsVersion`] of their actions, the [`Allowlist`], and whether
//!   everything is a dry run; [`ACTION_STREAM`] sends each change at once, and heartbeats say what
//!   the agent enforces ([`ActionsState`]).

mod action;
mod batch;
mod beat;
mod element;
mod lenient;
mod login;
mod outcome;
mod record;
mod record_read;
mod sdk_event;
mod signal;
mod timestamp;

pub use self::action::{
    Action, ActionParameters, ActionsChange, ActionsPack, ActionsState, ActionsVersion, Allowlist,
};
pub use self::batch::{BatchElement, BatchRequest, BatchResponse, Verdict, VerdictKind};
pub use self::beat::{
    BeatRequest, BeatResponse, Command, CommandResult, Metric, MetricsRequest, Status,
};
pub use self::login::{
    Capabilities, Features, LoginRequest, LoginResponse, SqreenRsFeatures, VariousInfos,
};
pub use self::outcome::Outcomes;
pub use self::record::{Observed, Parameters, RequestInfo, RequestRecord, ResponseInfo};
pub use self::sdk_event::{SdkCall, SdkEvent, SdkEventError, TrackOptions, names};
pub use self::signal::{Actor, HttpContext, MetricSignal, Point, Signal, Trace};
pub use self::timestamp::{Timestamp, TimestampError};

/// Version of this SDK's additions to the protocol.
pub const VERSION: u32 = 1;

/// `GET`: is the backend there?
pub const PING: &str = "/ping";
/// `POST`: opens a session; authenticated by [`HEADER_API_KEY`].
pub const APP_LOGIN: &str = "/sqreen/v1/app-login";
/// `POST`: the heartbeat; authenticated by [`HEADER_SESSION_KEY`], as all that follow.
pub const APP_BEAT: &str = "/sqreen/v1/app-beat";
/// `POST`: metrics of old agents, outside of a heartbeat.
pub const METRICS: &str = "/sqreen/v0/metrics";
/// `GET`: the rules of old agents, as at login.
pub const RULES_PACK: &str = "/sqreen/v0/rulespack";
/// `GET`: closes the session.
pub const APP_LOGOUT: &str = "/sqreen/v0/app-logout";
/// `POST`: events as request records.
pub const BATCH: &str = "/sqreen/v0/batch";
/// `GET`: the security responses in force.
///
/// The answer's `ETag` is `"<epoch>-<seq>"`; asked again with it in `If-None-Match`, the backend
/// answers 304 as long as nothing changed.
pub const ACTIONS_PACK: &str = "/sqreen/v0/actionspack";
/// `GET`: the changes of the security responses as they happen, as lines of JSON
/// (`application/x-ndjson`) in an answer that stays open.
///
/// The agent says what it has: `?epoch=…&seq=…`. The first line tells the position that the stream
/// starts from; each change follows on a line of its own. Where the backend cannot go on from the
/// agent's position, its line says `reload`. A line at least every 10 seconds shows that the
/// stream lives.
pub const ACTION_STREAM: &str = "/sqreen/v1/actions/stream";
/// `POST`: events as signals.
pub const SIGNAL_BATCHES: &str = "/batches";

/// Header with the application's or organisation's token.
pub const HEADER_API_KEY: &str = "x-api-key";
/// Header with the application's name; required beside an organisation token.
pub const HEADER_APP_NAME: &str = "x-app-name";
/// Header with the session id of the login answer.
pub const HEADER_SESSION_KEY: &str = "x-session-key";

/// What stands where a secret stood.
pub const REDACTED: &str = "<Redacted by Sqreen>";
