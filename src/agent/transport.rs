//! Calls to the backend, bounded in time and in the size of the answer.

use std::time::{Duration, SystemTime};

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;

use super::retry;
use crate::config::Config;
use crate::protocol;

/// The largest answer that is read.
const MAX_ANSWER: usize = 8 << 20;
/// The largest answer that brings a pack of actions: a million of them.
pub(super) const MAX_PACK: usize = 256 << 20;
/// The longest line of the stream of changes.
const MAX_LINE: usize = 8 << 20;
/// The backend shows every 10 seconds that a stream lives.
const STREAM_SILENCE: Duration = Duration::from_secs(30);
/// A stream has no end of its own.
const STREAM_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
const MAX_CONNECT: Duration = Duration::from_secs(5);
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why a call has no usable answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// No answer, or one that cannot be read; says why.
    Network(String),
    /// What it answers is too large to be read; says what, and the limit in bytes.
    TooLarge(&'static str, usize),
    /// A status that asks for another try, perhaps after a while.
    Busy(StatusCode, Option<Duration>),
    /// The session is unknown, or the token.
    Unauthorized,
    /// What was asked for is as it was.
    NotModified,
    /// Any other status: trying again is no use.
    Refused(StatusCode),
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Network(error) => f.write_str(error),
            Self::TooLarge(what, limit) => write!(f, "{what} exceeds {limit} bytes"),
            Self::Busy(status, _) | Self::Refused(status) => write!(f, "answered {status}"),
            Self::NotModified => f.write_str("answered that nothing changed"),
            Self::Unauthorized => f.write_str("does not know the token or session"),
        }
    }
}

/// A body and its encoding.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) bytes: bytes::Bytes,
    pub(super) encoding: Option<&'static str>,
}

impl Payload {
    pub(super) fn json(bytes: Vec<u8>) -> Self {
        Self {
            bytes: bytes.into(),
            encoding: None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Transport {
    client: reqwest::Client,
    url: String,
}

impl Transport {
    pub(super) fn new(config: &Config) -> Result<Self, std::io::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("sqreen-rust/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(MAX_CONNECT.min(config.request_timeout))
            .timeout(config.request_timeout)
            .pool_max_idle_per_host(1)
            // A redirect would carry the token to wherever it leads.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let builder = match &config.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        };
        #[cfg(feature = "rustls")]
        let builder = builder.tls_backend_preconfigured(tls(config)?);
        Ok(Self {
            client: builder.build().map_err(std::io::Error::other)?,
            url: config.url.clone(),
        })
    }

    /// Makes a call and reads its JSON answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        path: &str,
        headers: HeaderMap,
        payload: Option<Payload>,
    ) -> Result<T, CallError> {
        let answer = self.answer(path, headers, payload, MAX_ANSWER).await?;
        parse(&answer)
    }

    /// Makes a call and reads its answer, up to a limit.
    pub(super) async fn answer(
        &self,
        path: &str,
        headers: HeaderMap,
        payload: Option<Payload>,
        limit: usize,
    ) -> Result<Vec<u8>, CallError> {
        let request = self.request(path, headers, payload);
        let mut response = accepted(request.send().await.map_err(network)?)?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(network)? {
            if answer.len() + chunk.len() > limit {
                return Err(CallError::TooLarge("its answer", limit));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// Opens an answer that has no end, to be read by the line.
    pub(super) async fn lines(&self, path: &str, headers: HeaderMap) -> Result<Lines, CallError> {
        let request = self.request(path, headers, None).timeout(STREAM_TIMEOUT);
        let opened = tokio::time::timeout(STREAM_SILENCE, request.send());
        let opened = opened.await.map_err(|_| silent())?;
        Ok(Lines {
            response: accepted(opened.map_err(network)?)?,
            buffer: Vec::new(),
        })
    }

    fn request(
        &self,
        path: &str,
        headers: HeaderMap,
        payload: Option<Payload>,
    ) -> reqwest::RequestBuilder {
        let method = if payload.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let request = self.client.request(method, format!("{}{path}", self.url));
        let request = request.headers(headers);
        let Some(payload) = payload else {
            return request;
        };
        let request = request.header(CONTENT_TYPE, JSON).body(payload.bytes);
        match payload.encoding {
            Some(encoding) => request.header(CONTENT_ENCODING, encoding),
            None => request,
        }
    }
}

/// An answer that comes by the line.
#[derive(Debug)]
pub(super) struct Lines {
    response: reqwest::Response,
    buffer: Vec<u8>,
}

impl Lines {
    /// The next line, without its end. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>, CallError> {
        let mut searched = 0;
        loop {
            let end = self.buffer.iter().skip(searched).position(|b| *b == b'\n');
            if let Some(end) = end {
                let rest = self.buffer.split_off(searched + end + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return Ok(line);
            }
            searched = self.buffer.len();
            let chunk = tokio::time::timeout(STREAM_SILENCE, self.response.chunk());
            let chunk = chunk.await.map_err(|_| silent())?.map_err(network)?;
            let chunk = chunk.ok_or_else(|| CallError::Network("the stream ended".into()))?;
            if searched + chunk.len() > MAX_LINE {
                return Err(CallError::TooLarge("a line of the stream", MAX_LINE));
            }
            self.buffer.extend_from_slice(&chunk);
        }
    }
}

fn silent() -> CallError {
    CallError::Network(format!("the stream is silent for {STREAM_SILENCE:?}"))
}

pub(super) fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(answer)
        .map_err(|error| CallError::Network(format!("its answer is no JSON: {error}")))
}

/// The answer, if its status says that it is one.
fn accepted(response: reqwest::Response) -> Result<reqwest::Response, CallError> {
    let status = response.status();
    let retry_after = || wait(response.headers().get(RETRY_AFTER));
    match status {
        StatusCode::OK | StatusCode::ACCEPTED => Ok(response),
        StatusCode::NOT_MODIFIED => Err(CallError::NotModified),
        StatusCode::UNAUTHORIZED => Err(CallError::Unauthorized),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(CallError::Busy(status, retry_after()))
        }
        _ if status.is_client_error() => Err(CallError::Refused(status)),
        // A redirect or an odd success is a proxy's, not the backend's: it may pass.
        _ => Err(CallError::Busy(status, retry_after())),
    }
}

fn wait(retry_after: Option<&HeaderValue>) -> Option<Duration> {
    retry::retry_after(retry_after?.to_str().ok()?, SystemTime::now())
}

/// The whole chain of causes, since the outermost says little; without the URL, which may hold
/// credentials.
fn network(error: reqwest::Error) -> CallError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    CallError::Network(text)
}

/// Headers of a call within a session.
pub(super) fn session_headers(session: &HeaderValue) -> HeaderMap {
    let name = HeaderName::from_static(protocol::HEADER_SESSION_KEY);
    HeaderMap::from_iter([(name, session.clone())])
}

/// Headers of the login.
pub(super) fn login_headers(config: &Config) -> HeaderMap {
    let token = (protocol::HEADER_API_KEY, config.token.as_ref());
    let app = (protocol::HEADER_APP_NAME, config.app_name.as_ref());
    let headers = [token, app].into_iter();
    headers
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), value?.clone())))
        .collect()
}

/// TLS with a provider of our own, so that the process's default stays the app's to choose.
#[cfg(feature = "rustls")]
fn tls(config: &Config) -> Result<rustls::ClientConfig, std::io::Error> {
    use rustls_platform_verifier::BuilderVerifierExt as _;

    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?;
    // Reading the system's certificates takes time that plain HTTP need not spend.
    let builder = if config.url.starts_with("http:") && config.proxy.is_none() {
        builder.with_root_certificates(rustls::RootCertStore::empty())
    } else {
        builder
            .with_platform_verifier()
            .map_err(std::io::Error::other)?
    };
    Ok(builder.with_no_client_auth())
}
