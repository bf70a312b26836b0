//! Requests to webhooks and Slack: one connection each, to an address that was checked, and no redirect is followed.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::failure::Failure;
use super::guard;
use super::limits::MAX_ANSWER;

const AGENT: &str = concat!("sqreen-server/", env!("CARGO_PKG_VERSION"));

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    uri: Uri,
    tls: bool,
    host: String,
    port: u16,
}

impl Url {
    /// Reads an `http` or `https` URL without user, password and fragment; says what is wrong with another.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains('#') {
            return Err("has a fragment, which is never sent");
        }
        let uri: Uri = text.parse().map_err(|_| "not a URL")?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("not a URL that begins with https:// or http://"),
        };
        let authority = uri.authority().ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("has a user or password, which are not sent");
        }
        let host = authority.host().trim_matches(['[', ']']);
        if host.is_empty() {
            return Err("has no host");
        }
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
            uri,
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        self.tls
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

/// Makes requests.
#[derive(Debug)]
pub(super) struct Http {
    /// Whether they may go to addresses that are not of the Internet.
    internal: bool,
    /// Made when it is first needed: it reads the system's certificates.
    tls: OnceLock<Arc<rustls::ClientConfig>>,
}

impl Http {
    pub(super) fn new(internal: bool) -> Self {
        Self {
            internal,
            tls: OnceLock::new(),
        }
    }

    pub(super) fn allows_internal(&self) -> bool {
        self.internal
    }

    /// Posts a body of JSON. Answers the status if it is a 2xx.
    pub(super) async fn post(
        &self,
        url: &Url,
        body: Vec<u8>,
        headers: &[(HeaderName, HeaderValue)],
    ) -> Result<u16, Failure> {
        let mut request = Request::post(url.uri.path_and_query().map_or("/", |path| path.as_str()))
            .header(HOST, url.uri.authority().map_or("", |host| host.as_str()))
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_LENGTH, body.len());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| Failure::new(error.to_string()))?;
        let stream = self.connect(url).await?;
        if !url.tls {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(url.host.clone())
            .map_err(|_| Failure::new("the host is no name that a certificate can have"))?;
        let connector = TlsConnector::from(self.tls()?);
        let stream = connector.connect(name, stream).await;
        let stream = stream.map_err(|error| Failure::new(format!("TLS: {error}")))?;
        exchange(stream, request).await
    }

    /// Connects to the first address of the host that answers, and to none that is not allowed. The name is looked up
    /// once, so that what was checked is what is connected to.
    async fn connect(&self, url: &Url) -> Result<TcpStream, Failure> {
        let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await;
        let found: Vec<SocketAddr> = found
            .map_err(|error| Failure::new(format!("{} is not found: {error}", url.host)))?
            .collect();
        let mut failure = Failure::new(format!("{} has no address", url.host));
        for address in found {
            if !self.internal
                && let Some(reason) = guard::internal(address.ip())
            {
                failure = Failure::new(format!(
                    "not sent: {} {reason}; the setting notify_internal allows it",
                    address.ip()
                ));
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Failure::new(format!("{address}: {error}")),
            }
        }
        Err(failure)
    }

    fn tls(&self) -> Result<Arc<rustls::ClientConfig>, Failure> {
        if let Some(tls) = self.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(BuilderVerifierExt::with_platform_verifier)
            .map_err(|error| Failure::new(format!("TLS: {error}")))?;
        let config = Arc::new(config.with_no_client_auth());
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}

/// Sends the request over a connection of its own.
async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| Failure::new(format!("HTTP: {error}"));
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let talk = async move {
        let response = sender.send_request(request).await.map_err(failed)?;
        answer(response).await
    };
    // The answer comes while the connection is driven; without it, there is none any more.
    let mut connection = std::pin::pin!(connection);
    let mut talk = std::pin::pin!(talk);
    tokio::select! {
        biased;
        answer = &mut talk => answer,
        ended = &mut connection => match ended {
            // What was read before the end may be all that is needed.
            Ok(()) => talk.await,
            Err(error) => Err(failed(error)),
        },
    }
}

async fn answer(response: axum::http::Response<Incoming>) -> Result<u16, Failure> {
    let (head, mut body) = response.into_parts();
    let status = head.status;
    if status.is_success() {
        return Ok(status.as_u16());
    }
    let mut text = Vec::new();
    while text.len() < MAX_ANSWER
        && let Some(Ok(frame)) = body.frame().await
    {
        text.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
    }
    let text = String::from_utf8_lossy(&text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let told = match text.get(..text.floor_char_boundary(MAX_ANSWER)) {
        _ if status.is_redirection() => ": redirects are not followed".to_owned(),
        None | Some("") => String::new(),
        Some(text) => format!(": {text}"),
    };
    Err(Failure {
        reason: format!("answered {}{told}", status.as_u16()),
        retry_after: retry_after(&head.headers),
    })
}

/// In seconds; a date is not worth its reading.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_urls_are_taken() {
        let url = Url::parse("https://hooks.example.com/a?b=c").unwrap();
        assert_eq!(
            (url.host(), url.port, url.is_tls()),
            ("hooks.example.com", 443, true)
        );
        let url = Url::parse("http://[::1]:8080").unwrap();
        assert_eq!((url.host(), url.port, url.is_tls()), ("::1", 8080, false));
        for wrong in [
            "",
            "/a",
            "hooks.example.com",
            "ftp://hooks.example.com/",
            "file:///etc/passwd",
            "https://",
            "https://user:password@hooks.example.com/",
            "https://hooks.example.com/#a",
            "https://hooks.example.com/a b",
        ] {
            assert!(Url::parse(wrong).is_err(), "{wrong}");
        }
    }
}
