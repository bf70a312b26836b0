use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use ipnet::IpNet;

use super::{Config, ConfigError, env, invalid};
use crate::blocking::{AnswerFn, BlockedRequest};
use crate::client_ip::ClientIpPolicy;
use crate::scrub::{self, Scrubber};

/// Builds a [`Config`]; see there for what overrides what.
#[derive(Clone)]
#[must_use]
pub struct ConfigBuilder {
    pub(super) token: Option<String>,
    pub(super) app_name: Option<String>,
    pub(super) url: String,
    pub(super) disable: bool,
    pub(super) environment: Option<String>,
    pub(super) hostname: Option<String>,
    pub(super) http_proxy: Option<String>,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) ip_header: Option<String>,
    pub(super) strip_sensitive_data: bool,
    pub(super) strip_sensitive_keys: Vec<String>,
    pub(super) strip_sensitive_regex: Vec<String>,
    pub(super) strip_http_referer: bool,
    pub(super) heartbeat: Option<Duration>,
    pub(super) batch_size: Option<usize>,
    pub(super) batch_bytes: usize,
    pub(super) max_staleness: Option<Duration>,
    pub(super) queue_events: usize,
    pub(super) queue_bytes: usize,
    pub(super) max_event_age: Duration,
    pub(super) request_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) response_wait: Duration,
    pub(super) max_body_bytes: usize,
    pub(super) ignore_actions: bool,
    pub(super) track_not_found: bool,
    pub(super) block_answer: Option<AnswerFn>,
}

impl fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigBuilder")
            .field("url", &self.url)
            .field("app_name", &self.app_name)
            .finish_non_exhaustive()
    }
}

impl Default for ConfigBuilder {
    fn default() -> Self {
        Self {
            token: None,
            app_name: None,
            url: "http://127.0.0.1:8620".into(),
            disable: false,
            environment: None,
            hostname: None,
            http_proxy: None,
            trusted_proxies: Vec::new(),
            ip_header: None,
            strip_sensitive_data: true,
            strip_sensitive_keys: scrub::DEFAULT_KEYS.map(str::to_owned).into(),
            strip_sensitive_regex: vec![scrub::CARD_NUMBER_PATTERN.to_owned()],
            strip_http_referer: false,
            heartbeat: None,
            batch_size: None,
            batch_bytes: 256 * 1_024,
            max_staleness: None,
            queue_events: 8_192,
            queue_bytes: 8 * 1_024 * 1_024,
            max_event_age: Duration::from_secs(30 * 60),
            request_timeout: Duration::from_secs(10),
            shutdown_timeout: Duration::from_secs(5),
            response_wait: Duration::from_secs(10),
            max_body_bytes: 16 * 1_024,
            ignore_actions: false,
            track_not_found: true,
            block_answer: None,
        }
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty = |$value:ident| $into:expr;)*) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $value: $type) -> Self {
            self.$name = $into;
            self
        }
    )*};
}

impl ConfigBuilder {
    setters! {
        /// What the agent logs in with; without one it is off. `SQREEN_TOKEN`.
        token: impl Into<String> = |token| Some(token.into());
        /// The application's name, needed beside an organisation's token. `SQREEN_APP_NAME`.
        app_name: impl Into<String> = |name| Some(name.into());
        /// The backend, `http://127.0.0.1:8620` by default. `SQREEN_URL`.
        url: impl Into<String> = |url| url.into();
        /// Turns the agent off. `SQREEN_DISABLE`.
        disable: bool = |disable| disable;
        /// Such as `production`; told to the backend. `SQREEN_ENVIRONMENT`.
        environment: impl Into<String> = |environment| Some(environment.into());
        /// The machine's name; that of the system by default. `SQREEN_HOSTNAME`.
        hostname: impl Into<String> = |hostname| Some(hostname.into());
        /// A proxy towards the backend, and the only one used: the system's proxy settings are
        /// not read. `SQREEN_HTTP_PROXY`.
        http_proxy: impl Into<String> = |proxy| Some(proxy.into());
        /// The one header to read the client IP from, instead of `X-Forwarded-For`, `Forwarded`
        /// and `X-Real-IP`; believed from trusted proxies only. `SQREEN_IP_HEADER`.
        ip_header: impl Into<String> = |header| Some(header.into());
        /// Whether secrets are removed; true by default. `SQREEN_STRIP_SENSITIVE_DATA`.
        strip_sensitive_data: bool = |strip| strip;
        /// Whether `Referer` stays in the app. `SQREEN_STRIP_HTTP_REFERER`.
        strip_http_referer: bool = |strip| strip;
        /// Time between heartbeats, 60 s by default, at least 1 s. `SQREEN_HEARTBEAT_DELAY`, in
        /// seconds, at most 120.
        heartbeat: Duration = |delay| Some(delay);
        /// Events in a batch, 512 by default. `SQREEN_BATCH_SIZE`.
        batch_size: usize = |events| Some(events);
        /// Bytes of events in a batch before compression, 256 KiB by default.
        batch_bytes: usize = |bytes| bytes;
        /// Time that an event waits for its batch to fill, 500 ms by default; logins and signups
        /// do not. `SQREEN_MAX_STALENESS`, in seconds, with or without a fraction.
        max_staleness: Duration = |staleness| Some(staleness);
        /// Events held at most, batches under way included, 8,192 by default.
        /// `SQREEN_QUEUE_EVENTS`.
        queue_events: usize = |events| events;
        /// Bytes held at most, batches under way included, 8 MiB by default.
        /// `SQREEN_QUEUE_BYTES`.
        queue_bytes: usize = |bytes| bytes;
        /// Age at which an undelivered event is dropped, 30 minutes by default.
        max_event_age: Duration = |age| age;
        /// Time for one call to the backend, 10 s by default.
        request_timeout: Duration = |timeout| timeout;
        /// Time for the last flush, at shutdown or when the last handle is dropped, 5 s by
        /// default.
        shutdown_timeout: Duration = |timeout| timeout;
        /// Time that an event waits for the response of its request, so that it carries the
        /// status, 10 s by default.
        response_wait: Duration = |wait| wait;
        /// Bytes of a body that [`collect_body`](crate::SqreenLayer::collect_body) keeps, 16 KiB
        /// by default.
        max_body_bytes: usize = |bytes| bytes;
        /// Ignores all security responses: nobody is blocked or redirected, whatever the backend
        /// says, and nothing is reported. False by default. `SQREEN_IGNORE_ACTIONS`.
        ignore_actions: bool = |ignore| ignore;
        /// Whether the layer tracks `sq.http.not_found` for each response with status 404, which
        /// tells who scans the app: at most 120 a minute of one address (of IPv6, one /64) and 500
        /// a second of all; the next one of the address then tells as `suppressed` how many were
        /// left out. True by default. `SQREEN_TRACK_NOT_FOUND`.
        ///
        /// gRPC's `NOT_FOUND` is no such response: its status is in the trailers of a 200.
        track_not_found: bool = |track| track;
    }

    /// Words the answer to requests that a security response stops, instead of
    /// [`BlockedRequest::default_answer`].
    pub fn block_answer<F>(mut self, answer: F) -> Self
    where
        F: Fn(&BlockedRequest<'_>) -> Response<Bytes> + Send + Sync + 'static,
    {
        self.block_answer = Some(Arc::new(answer));
        self
    }

    /// The proxies in front of the app, as addresses or networks: only they can say who the
    /// client is. None by default. `SQREEN_TRUSTED_PROXIES`, separated by commas.
    pub fn trusted_proxies<I>(mut self, proxies: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.trusted_proxies = proxies.into_iter().map(Into::into).collect();
        self
    }

    /// The keys whose values are secret, instead of the default ones.
    /// `SQREEN_STRIP_SENSITIVE_KEYS`, separated by commas.
    pub fn strip_sensitive_keys<I>(mut self, keys: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.strip_sensitive_keys = keys.into_iter().map(Into::into).collect();
        self
    }

    /// Regular expressions of secret values, instead of the default one for card numbers.
    /// `SQREEN_STRIP_SENSITIVE_REGEX`, separated by commas.
    pub fn strip_sensitive_regex<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator<Item: Into<String>>,
    {
        self.strip_sensitive_regex = patterns.into_iter().map(Into::into).collect();
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// The first setting that cannot be used, and why.
    pub fn build(self) -> Result<Config, ConfigError> {
        let token = header("TOKEN", self.token.as_deref())?.map(|mut token| {
            token.set_sensitive(true);
            token
        });
        let app_name = header("APP_NAME", self.app_name.as_deref())?;
        if self.token.as_deref().is_some_and(|t| t.contains("org_")) && app_name.is_none() {
            return Err(invalid(
                "APP_NAME",
                "required beside an organisation's token",
            ));
        }
        check_url(&self.url)?;
        let proxy = self.http_proxy.as_deref().map(reqwest::Proxy::all);
        let proxy = proxy
            .transpose()
            .map_err(|_| invalid("HTTP_PROXY", "not the URL of a proxy"))?;
        self.check_ranges()?;
        let client_ip = self.client_ip_policy()?;
        let scrubber = if self.strip_sensitive_data {
            let (keys, patterns) = (&self.strip_sensitive_keys, &self.strip_sensitive_regex);
            Scrubber::new(keys.clone(), patterns.clone()).map_err(ConfigError::Scrub)?
        } else {
            Scrubber::disabled()
        };
        Ok(self.assemble(token, app_name, proxy, scrubber, client_ip))
    }

    fn check_ranges(&self) -> Result<(), ConfigError> {
        let at_least = |setting, value: usize, min: usize| {
            let problem = || invalid(setting, format!("{value} is below the minimum of {min}"));
            (value >= min).then_some(()).ok_or_else(problem)
        };
        at_least("BATCH_SIZE", self.batch_size.unwrap_or(1), 1)?;
        at_least("BATCH_BYTES", self.batch_bytes, 1)?;
        at_least("QUEUE_EVENTS", self.queue_events, 1)?;
        at_least("QUEUE_BYTES", self.queue_bytes, 1_024)?;
        let heartbeat = self.heartbeat.unwrap_or(Duration::from_secs(1));
        if heartbeat < Duration::from_secs(1) {
            return Err(invalid("HEARTBEAT_DELAY", "below the minimum of 1 s"));
        }
        Ok(())
    }

    fn client_ip_policy(&self) -> Result<ClientIpPolicy, ConfigError> {
        let networks = self.trusted_proxies.iter().map(|text| network(text));
        let header = self.ip_header.as_deref().map(str::parse::<HeaderName>);
        let header = header
            .transpose()
            .map_err(|_| invalid("IP_HEADER", "not the name of a header"))?;
        Ok(ClientIpPolicy::new(
            networks.collect::<Result<_, _>>()?,
            header,
        ))
    }

    pub(super) fn assemble(
        self,
        token: Option<HeaderValue>,
        app_name: Option<HeaderValue>,
        proxy: Option<reqwest::Proxy>,
        scrubber: Scrubber,
        client_ip: ClientIpPolicy,
    ) -> Config {
        Config {
            token: token.filter(|_| !self.disable),
            app_name,
            url: self.url.trim_end_matches('/').to_owned(),
            environment: self.environment,
            hostname: self.hostname.unwrap_or_else(env::hostname),
            proxy,
            client_ip,
            scrubber,
            strip_referer: self.strip_http_referer,
            heartbeat: self.heartbeat,
            batch_size: self.batch_size,
            batch_bytes: self.batch_bytes,
            max_staleness: self.max_staleness,
            queue_events: self.queue_events,
            queue_bytes: self.queue_bytes,
            max_event_age: self.max_event_age,
            request_timeout: self.request_timeout,
            shutdown_timeout: self.shutdown_timeout,
            response_wait: self.response_wait,
            max_body_bytes: self.max_body_bytes,
            ignore_actions: self.ignore_actions,
            track_not_found: self.track_not_found,
            block_answer: self.block_answer,
        }
    }
}

fn header(setting: &'static str, text: Option<&str>) -> Result<Option<HeaderValue>, ConfigError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let value = text.map(HeaderValue::from_str).transpose();
    value.map_err(|_| invalid(setting, "has characters that no header can carry"))
}

fn check_url(url: &str) -> Result<(), ConfigError> {
    let parsed = reqwest::Url::parse(url).map_err(|error| invalid("URL", error.to_string()))?;
    match parsed.scheme() {
        "http" => Ok(()),
        "https" if cfg!(feature = "rustls") => Ok(()),
        "https" => Err(invalid("URL", "https needs the feature `rustls`")),
        _ => Err(invalid("URL", "must start with http:// or https://")),
    }
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    let text = text.trim();
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
    let network = text.parse().ok().or_else(address);
    network.ok_or_else(|| {
        let problem = format!("{text:?} is neither an address nor a network such as 10.0.0.0/8");
        invalid("TRUSTED_PROXIES", problem)
    })
}
