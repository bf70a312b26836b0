//! An app on a socket, behind a proxy that tells who the client is.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::response::{AppendHeaders, IntoResponse as _, Response};
use axum::routing::get;
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, header};
use sqreen::{Blocked, ConfigBuilder, Identify, Sqreen, SqreenCtx, UserIdentifiers};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::support::{agent, serve};
use super::{http, until};

/// What no stopped client may see.
pub(crate) const SECRET: &str = "the handler's content";
/// Nobody blocks this one.
pub(crate) const GUEST: &str = "192.0.2.1";
/// The user of a request, as `key=value&key=value`.
const USER: &str = "x-user";

pub(crate) struct Shop {
    pub(crate) sqreen: Sqreen,
    /// The app without its socket.
    pub(crate) router: Router,
    address: SocketAddr,
    /// How often a handler of any route began.
    calls: Arc<AtomicUsize>,
    http: reqwest::Client,
    task: JoinHandle<()>,
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.task.abort();
        // Connections hold handles of the agent, too: it would outlive the backend.
        let runtime = Handle::current();
        let shutdown = || runtime.block_on(self.sqreen.shutdown());
        // On a thread of its own: waiting within the test's own wait would eat the other's wakeups.
        let wait = || std::thread::scope(|scope| scope.spawn(shutdown).join().map(drop));
        tokio::task::block_in_place(wait).unwrap();
    }
}

/// The identifiers in a request.
pub(crate) struct Session(UserIdentifiers);

impl From<&Session> for UserIdentifiers {
    fn from(session: &Session) -> Self {
        session.0.clone()
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(user(&parts.headers)))
    }
}

fn user(headers: &HeaderMap) -> UserIdentifiers {
    let text = headers.get(USER).map(|value| value.to_str().unwrap());
    let pairs = text.unwrap_or_default().split('&');
    let pairs = pairs.filter_map(|pair| pair.split_once('='));
    pairs.fold(UserIdentifiers::default(), |user, (key, value)| {
        user.with(key.to_owned(), value.to_owned())
    })
}

fn secret() -> Response {
    let headers = AppendHeaders([(header::SET_COOKIE, SECRET), (header::ETAG, SECRET)]);
    (headers, SECRET).into_response()
}

fn routes() -> Router {
    Router::new()
        .route("/", get(async || SECRET))
        .route("/health", get(async || SECRET))
        .route("/question", get(question))
        .route("/extractor", get(extractor))
        .route("/ignored", get(ignored))
        .route("/login", get(login))
        .route("/wrong-password", get(wrong_password))
        .route("/signup", get(signup))
        .route("/then-another", get(then_another))
        .route("/spawned", get(spawned))
        .route("/streaming", get(streaming))
        .route("/asks", get(asks))
}

async fn question(sqreen: SqreenCtx, headers: HeaderMap) -> Result<Response, Blocked> {
    sqreen.identify(user(&headers))?;
    Ok(secret())
}

async fn extractor(Identify(_): Identify<Session>) -> Response {
    secret()
}

async fn ignored(sqreen: SqreenCtx, headers: HeaderMap) -> Response {
    let _ = sqreen.identify(user(&headers));
    secret()
}

async fn login(sqreen: SqreenCtx, headers: HeaderMap) -> Response {
    sqreen.auth_track(true, user(&headers));
    secret()
}

async fn wrong_password(sqreen: SqreenCtx, headers: HeaderMap) -> http::StatusCode {
    sqreen.auth_track(false, user(&headers));
    http::StatusCode::UNAUTHORIZED
}

async fn signup(sqreen: SqreenCtx, headers: HeaderMap) -> Response {
    sqreen.signup_track(user(&headers));
    secret()
}

/// Nobody blocks the second user, but the request is that of the first, too.
async fn then_another(sqreen: SqreenCtx, headers: HeaderMap) -> Result<Response, Blocked> {
    let _ = sqreen.identify(user(&headers));
    sqreen.identify([("email", "nobody@example.com")])?;
    Ok(secret())
}

/// Hears of the user in another task, and awaits it.
async fn spawned(sqreen: SqreenCtx, headers: HeaderMap) -> Response {
    let identify = async move {
        let current = sqreen::current().unwrap();
        let _ = current.identify(user(&headers));
    };
    tokio::spawn(sqreen.scope(identify)).await.unwrap();
    secret()
}

/// Hears of the user while it answers, and says what came of it.
async fn streaming(sqreen: SqreenCtx, headers: HeaderMap) -> Body {
    let start = Ok::<_, Infallible>(Bytes::from_static(b"begun, "));
    let end = async move {
        let verdict = sqreen.identify(user(&headers));
        let text = if verdict.is_err() {
            "blocked"
        } else {
            "served"
        };
        Ok(Bytes::from_static(text.as_bytes()))
    };
    let parts = stream::StreamExt::chain(stream::iter([start]), stream::once(end));
    Body::from_stream(parts)
}

/// Asks only.
async fn asks(sqreen: SqreenCtx, headers: HeaderMap) -> String {
    sqreen.is_blocked(&user(&headers)).to_string()
}

impl Shop {
    pub(crate) async fn open(config: ConfigBuilder) -> Self {
        Self::exposed(config.trusted_proxies(["127.0.0.1"])).await
    }

    /// As [`open`](Self::open), without the proxy: the client is whoever connects.
    pub(crate) async fn exposed(config: ConfigBuilder) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let sqreen = agent(config);
        let counter = calls.clone();
        let count = tower::util::MapRequestLayer::new(move |request: http::Request<Body>| {
            counter.fetch_add(1, Ordering::SeqCst);
            request
        });
        let router = routes().layer(count).layer(sqreen.layer());
        let (address, task) = serve(router.clone()).await;
        Self {
            sqreen,
            router,
            address,
            calls,
            http: http(),
            task,
        }
    }

    pub(crate) fn request(&self, method: http::Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("http://{}{path}", self.address);
        self.http.request(method, url)
    }

    /// A request of the client with this address.
    pub(crate) fn from(&self, ip: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.request(http::Method::GET, path);
        request.header("x-forwarded-for", ip)
    }

    /// A request of this user, as `key=value&key=value`.
    pub(crate) fn by(&self, user: &str, path: &str) -> reqwest::RequestBuilder {
        self.from(GUEST, path).header(USER, user)
    }

    /// What the client with this address gets.
    pub(crate) async fn status_from(&self, ip: &str) -> u16 {
        status(self.from(ip, "/")).await
    }

    /// What this user gets.
    pub(crate) async fn status_by(&self, user: &str) -> u16 {
        status(self.by(user, "/question")).await
    }

    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until the client with this address gets this status.
    pub(crate) async fn until_from(&self, ip: &str, status: u16) {
        let what = format!("{status} for {ip}");
        until(&what, async || self.status_from(ip).await == status).await;
    }

    /// Waits until this user gets this status.
    pub(crate) async fn until_by(&self, user: &str, status: u16) {
        let what = format!("{status} for {user}");
        until(&what, async || self.status_by(user).await == status).await;
    }
}

pub(crate) async fn status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Sends a request that must be stopped, and checks that nothing of the handler's came through.
pub(crate) async fn stopped(request: reqwest::RequestBuilder) -> (u16, HeaderMap, String) {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.text().await.unwrap();
    let head = format!("{headers:?}");
    assert!(status == 403 || status == 303, "{status} {body}");
    assert!(
        !body.contains(SECRET) && !head.contains(SECRET),
        "{head} {body}"
    );
    (status, headers, body)
}
