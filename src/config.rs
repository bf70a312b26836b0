use std::fmt;
use std::time::Duration;

use http::HeaderValue;

use crate::blocking::AnswerFn;
use crate::client_ip::ClientIpPolicy;
use crate::scrub::{ScrubConfigError, Scrubber};

mod builder;
mod env;

pub use self::builder::ConfigBuilder;

/// The agent's settings, valid once built.
///
/// Comes from [`Config::builder`], from the environment ([`Config::from_env`]), or from both:
/// [`ConfigBuilder::env`] reads the environment over what was set before it, and later setters
/// override it. Settings from the server (at login) yield to all of these and override the
/// defaults alone.
///
/// ```
/// use sqreen::Config;
///
/// let config = Config::builder()
///     .token("org_0123456789abcdef")
///     .app_name("shop")
///     .url("http://127.0.0.1:8620")
///     .trusted_proxies(["10.0.0.0/8"])
///     .build()?;
/// # Ok::<(), sqreen::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) token: Option<HeaderValue>,
    pub(crate) app_name: Option<HeaderValue>,
    pub(crate) url: String,
    pub(crate) environment: Option<String>,
    pub(crate) hostname: String,
    pub(crate) proxy: Option<reqwest::Proxy>,
    pub(crate) client_ip: ClientIpPolicy,
    pub(crate) scrubber: Scrubber,
    pub(crate) strip_referer: bool,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) batch_size: Option<usize>,
    pub(crate) batch_bytes: usize,
    pub(crate) max_staleness: Option<Duration>,
    pub(crate) queue_events: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) max_event_age: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) response_wait: Duration,
    pub(crate) max_body_bytes: usize,
    pub(crate) ignore_actions: bool,
    pub(crate) track_not_found: bool,
    pub(crate) block_answer: Option<AnswerFn>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &self.url)
            .field("app_name", &self.app_name)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Starts from the defaults.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder::default()
    }

    /// The settings of the `SQREEN_*` environment.
    ///
    /// Without `SQREEN_TOKEN`, or with `SQREEN_DISABLE`, the agent is off: every call works and
    /// does nothing.
    ///
    /// # Errors
    ///
    /// A variable has a value that it cannot have.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::builder().env()?.build()
    }

    /// Settings that keep the agent off.
    #[must_use]
    pub fn disabled() -> Self {
        let builder = ConfigBuilder {
            disable: true,
            ..ConfigBuilder::default()
        };
        builder.assemble(
            None,
            None,
            None,
            Scrubber::disabled(),
            ClientIpPolicy::default(),
        )
    }

    /// Whether the agent will be on.
    #[must_use]
    pub const fn is_enabled(&self) -> bool {
        self.token.is_some()
    }
}

/// A setting has a value that it cannot have.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// Says which setting, and what it may be.
    Invalid {
        /// The setting's name, without `SQREEN_`.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A key or pattern of the scrubber.
    Scrub(ScrubConfigError),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { setting, problem } => write!(f, "{setting}: {problem}"),
            Self::Scrub(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Invalid { .. } => None,
            Self::Scrub(error) => error.source(),
        }
    }
}

fn invalid(setting: &'static str, problem: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        setting,
        problem: problem.into(),
    }
}
