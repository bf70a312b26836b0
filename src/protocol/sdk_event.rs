use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lenient;
use super::timestamp::Timestamp;

/// Event names.
pub mod names {
    /// A login, with the property `success`; as stored, without [`SDK_PREFIX`].
    pub const LOGIN: &str = "users.login";
    /// A signup; as stored, without [`SDK_PREFIX`].
    pub const SIGNUP: &str = "users.signup";
    /// What the wire puts before names of the SDK; the backend stores names without it.
    pub const SDK_PREFIX: &str = "sq.sdk.";
    /// What marks a name as Sqreen's own; an app cannot use such a name.
    pub const RESERVED_PREFIX: &str = "sq.";
    /// Begins the names of metrics among signals.
    pub const METRIC_PREFIX: &str = "sq.agent.metric.";
    /// The metric of successful logins, of agents that send counts alone.
    pub const LOGIN_SUCCESS_METRIC: &str = "sdk-login-success";
    /// The metric of failed logins.
    pub const LOGIN_FAIL_METRIC: &str = "sdk-login-fail";
    /// The metric of signups.
    pub const SIGNUP_METRIC: &str = "sdk-signup";
    /// Begins the names of the reports of applied security responses.
    pub const ACTION_PREFIX: &str = "sq.action.";
    /// A response with status 404, tracked by this SDK's layer. The old agents' captured traffic
    /// has no name for it; being reserved, it is never an app's own, and is stored as it is.
    pub const NOT_FOUND: &str = "sq.http.not_found";

    /// The name as it is stored and shown: without [`SDK_PREFIX`].
    #[must_use]
    pub fn stored(name: &str) -> &str {
        name.strip_prefix(SDK_PREFIX).unwrap_or(name)
    }
}

/// An SDK call as it stands in a request record; [`into_call`](Self::into_call) reads its arguments.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SdkEvent {
    /// This SDK: the event's id, a UUIDv7.
    #[serde(
        deserialize_with = "lenient::text",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    /// When it happened.
    #[serde(deserialize_with = "lenient::time")]
    pub time: Option<Timestamp>,
    /// `track`, `identify`, `auth_track` or `signup_track`.
    #[serde(deserialize_with = "lenient::text_or_empty")]
    pub name: String,
    /// The call's positional arguments.
    #[serde(deserialize_with = "lenient::array")]
    pub args: Vec<Value>,
}

/// The options of a tracked event.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackOptions {
    /// The event's dimensions.
    #[serde(
        deserialize_with = "lenient::object_or_default",
        skip_serializing_if = "Map::is_empty"
    )]
    pub properties: Map<String, Value>,
    /// Who did it.
    #[serde(
        deserialize_with = "lenient::object",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_identifiers: Option<Map<String, Value>>,
    /// When it happened, if the app said so.
    #[serde(
        deserialize_with = "lenient::time",
        skip_serializing_if = "Option::is_none"
    )]
    pub timestamp: Option<Timestamp>,
    /// Whether the request's body goes with it.
    #[serde(
        deserialize_with = "lenient::or_ignore",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub collect_body: bool,
}

impl From<Value> for TrackOptions {
    /// Reads the options as deserialising does, without copying them; anything but an object reads as the default.
    fn from(value: Value) -> Self {
        let Value::Object(mut options) = value else {
            return Self::default();
        };
        let mut object = |name| match options.remove(name) {
            Some(Value::Object(object)) => Some(object),
            _ => None,
        };
        Self {
            properties: object("properties").unwrap_or_default(),
            user_identifiers: object("user_identifiers"),
            timestamp: (options.get("timestamp"))
                .and_then(Value::as_str)
                .and_then(|time| time.parse().ok()),
            collect_body: options.get("collect_body") == Some(&Value::Bool(true)),
        }
    }
}

/// An SDK call with its arguments read.
#[derive(Clone, Debug, PartialEq)]
pub enum SdkCall {
    /// An event: `track`, or `auth_track` and `signup_track`, whose names are
    /// [`names::LOGIN`] and [`names::SIGNUP`] behind [`names::SDK_PREFIX`].
    Track {
        /// The event's name as it came.
        name: String,
        /// Its options.
        options: TrackOptions,
    },
    /// Says who is behind the request.
    Identify {
        /// The user's identifiers.
        identifiers: Map<String, Value>,
        /// What else is known of the user.
        traits: Map<String, Value>,
    },
}

/// An SDK call that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SdkEventError {
    /// The call's name is none of the four.
    UnknownCall(String),
    /// An argument is missing or has the wrong type; says which.
    Argument(&'static str),
}

impl fmt::Display for SdkEventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCall(name) => write!(f, "unknown SDK call {name:?}"),
            Self::Argument(argument) => write!(f, "SDK call without a usable {argument}"),
        }
    }
}

impl std::error::Error for SdkEventError {}

impl SdkEvent {
    /// The wire's name of [`SdkCall::Track`] for custom events.
    pub const TRACK: &'static str = "track";
    /// The wire's name of a login.
    pub const AUTH_TRACK: &'static str = "auth_track";
    /// The wire's name of a signup.
    pub const SIGNUP_TRACK: &'static str = "signup_track";
    /// The wire's name of [`SdkCall::Identify`].
    pub const IDENTIFY: &'static str = "identify";

    /// Reads the call's arguments.
    ///
    /// # Errors
    ///
    /// An unknown call, or one whose name or identifiers are not there.
    pub fn into_call(self) -> Result<SdkCall, SdkEventError> {
        let mut args = self.args.into_iter();
        match self.name.as_str() {
            Self::TRACK | Self::AUTH_TRACK | Self::SIGNUP_TRACK => {
                let Some(Value::String(name)) = args.next() else {
                    return Err(SdkEventError::Argument("event name"));
                };
                let options = args.next().map(TrackOptions::from);
                Ok(SdkCall::Track {
                    name,
                    options: options.unwrap_or_default(),
                })
            }
            Self::IDENTIFY => {
                let mut object = || match args.next() {
                    Some(Value::Object(object)) => Some(object),
                    _ => None,
                };
                Ok(SdkCall::Identify {
                    identifiers: object().ok_or(SdkEventError::Argument("user identifiers"))?,
                    traits: object().unwrap_or_default(),
                })
            }
            _ => Err(SdkEventError::UnknownCall(self.name)),
        }
    }
}
