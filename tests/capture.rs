//! What the layer captures of a request, wherever it stands and whatever the request looks like.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::extract::connect_info::MockConnectInfo;
use axum::routing::{any, get};
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use sqreen::{PeerAddr, SqreenCtx};
use support::{Backend, Stored, agent, config};
use tower::{Layer as _, Service, ServiceExt as _};

fn request(uri: &str) -> Request<Body> {
    Request::builder().uri(uri).body(Body::empty()).unwrap()
}

async fn hit(sqreen: SqreenCtx) {
    sqreen.track("hit");
}

/// Sends one request to an app around whose routes the layer stands, and returns its event.
async fn capture(request: Request<Body>) -> Stored {
    capture_with(request, |config| config).await
}

async fn capture_with(
    request: Request<Body>,
    configure: impl FnOnce(sqreen::ConfigBuilder) -> sqreen::ConfigBuilder,
) -> Stored {
    let backend = Backend::start().await;
    let sqreen = agent(configure(config(&backend)));
    // A whole URI such as `*` is no route: the fallback takes it.
    let app = Router::new().fallback(any(hit)).layer(sqreen.layer());
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
    assert!(sqreen.shutdown().await.is_complete());
    backend.event("hit")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nested_router_keeps_the_clients_path_and_the_whole_route() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let products = || Router::new().route("/products/{id}", get(hit));
    let apps = [
        // Outside, inside, and around everything.
        Router::new().nest("/api", products()).layer(sqreen.layer()),
        Router::new().nest("/api", products().layer(sqreen.layer())),
        Router::new()
            .fallback_service(sqreen.layer().layer(Router::new().nest("/api", products()))),
    ];
    for app in apps {
        let response = app.oneshot(request("/api/products/42?page=2")).await;
        assert_eq!(response.unwrap().status(), 200);
    }
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    assert_eq!(events.len(), 3);
    for event in events {
        let request = event.request();
        assert_eq!(request.path.as_deref(), Some("/api/products/42"));
        assert_eq!(request.endpoint.as_deref(), Some("/api/products/{id}"));
        assert_eq!(request.parameters.path["id"], "42");
        assert_eq!(request.parameters.query["page"], "2");
        assert_eq!(event.status(), Some(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layer_applied_twice_captures_once() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let routes = Router::new().route("/", get(hit)).layer(sqreen.layer());
    let between = tower::util::MapRequest::new(routes, |request: Request<Body>| {
        sqreen::track("between");
        request
    });
    let app = sqreen.layer().layer(sqreen.layer().layer(between));
    assert_eq!(app.oneshot(request("/")).await.unwrap().status(), 200);
    let report = sqreen.shutdown().await;
    assert_eq!(report.stats.accepted, 2);
    assert_eq!(backend.seen().records.len(), 1, "both are of one request");
    assert_eq!(backend.event("hit").status(), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_layers_of_two_agents_each_serve_their_own_handlers() {
    let (left, right) = (Backend::start().await, Backend::start().await);
    let (outer, inner) = (agent(config(&left)), agent(config(&right)));
    let app = Router::new()
        .route("/", get(hit))
        .layer(inner.layer())
        .layer(outer.layer());
    app.oneshot(request("/")).await.unwrap();
    assert_eq!(outer.shutdown().await.stats.tracked, 0);
    assert!(inner.shutdown().await.is_complete());
    assert_eq!(right.event("hit").status(), Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_tracks_nothing_sends_nothing() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let identify = async |sqreen: SqreenCtx| sqreen.identify([("id", "7")]).unwrap();
    let app = Router::new()
        .route("/", get(|| async {}))
        .route("/me", get(identify))
        .layer(sqreen.layer());
    app.clone().oneshot(request("/")).await.unwrap();
    app.oneshot(request("/me")).await.unwrap();
    let report = sqreen.shutdown().await;
    assert_eq!(report.stats.tracked, 0);
    assert!(backend.seen().bodies.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_peer_the_client_is_unknown() {
    let mut request = request("/");
    request
        .headers_mut()
        .insert("x-forwarded-for", "8.8.8.8".parse().unwrap());
    let event = capture_with(request, |config| config.trusted_proxies(["0.0.0.0/0"])).await;
    assert_eq!(event.record.client_ip, None);
    assert_eq!(event.request().remote_ip, None);
}

async fn client_ip(peer: &str, forwarded: &str, trusted: &[&str]) -> Option<String> {
    let mut request = request("/");
    let peer: SocketAddr = peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    request
        .headers_mut()
        .insert("x-forwarded-for", forwarded.parse().unwrap());
    let trusted = trusted.iter().copied();
    let event = capture_with(request, |config| config.trusted_proxies(trusted)).await;
    assert_eq!(event.request().remote_port, Some(peer.port()));
    event.record.client_ip
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_trusted_proxy_says_who_the_client_is() {
    let proxy = "10.0.0.1:4711";
    let ip = client_ip(proxy, "6.6.6.6, 203.0.113.9", &["10.0.0.0/8"]).await;
    assert_eq!(ip.as_deref(), Some("203.0.113.9"));
    let ip = client_ip("[::ffff:10.0.0.1]:4711", "203.0.113.9", &["10.0.0.0/8"]).await;
    assert_eq!(ip.as_deref(), Some("203.0.113.9"));
    let ip = client_ip("198.51.100.7:4711", "203.0.113.9", &["10.0.0.0/8"]).await;
    assert_eq!(ip.as_deref(), Some("198.51.100.7"), "spoofed");
    let ip = client_ip(proxy, "203.0.113.9", &[]).await;
    assert_eq!(
        ip.as_deref(),
        Some("10.0.0.1"),
        "nobody is trusted by default"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_peer_is_found_where_axum_or_the_app_put_it() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let peer: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let routes = || Router::new().route("/", get(hit)).layer(sqreen.layer());
    let mut own = request("/");
    own.extensions_mut().insert(PeerAddr(peer));
    routes().oneshot(own).await.unwrap();
    let custom = sqreen
        .layer()
        .peer_addr(|extensions| extensions.get::<SocketAddr>().copied());
    let custom = Router::new().route("/", get(hit)).layer(custom);
    let mut other = request("/");
    other.extensions_mut().insert(peer);
    custom.oneshot(other).await.unwrap();
    // A mock, and one that yields to the peer of a connection.
    let mocked = routes().layer(MockConnectInfo(peer));
    mocked.oneshot(request("/")).await.unwrap();
    let wrong: SocketAddr = "203.0.113.9:80".parse().unwrap();
    let mut connected = request("/");
    connected.extensions_mut().insert(ConnectInfo(peer));
    let mocked = routes().layer(MockConnectInfo(wrong));
    mocked.oneshot(connected).await.unwrap();
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    assert_eq!(events.len(), 4);
    for event in events {
        assert_eq!(event.record.client_ip.as_deref(), Some("192.0.2.1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_every_form_of_uri() {
    let mut http2 = request("https://shop.example:8443/cart?x=1");
    *http2.version_mut() = Version::HTTP_2;
    let event = capture(http2).await;
    let facts = event.request();
    assert_eq!(facts.host.as_deref(), Some("shop.example:8443"));
    assert_eq!(
        (facts.port, facts.scheme.as_deref()),
        (Some(8443), Some("https"))
    );
    assert_eq!(facts.path.as_deref(), Some("/cart"));
    assert_eq!(facts.parameters.query["x"], "1");

    let absolute = Request::get("http://user:pw@shop.example/a").header("host", "front.example");
    let event = capture(absolute.body(Body::empty()).unwrap()).await;
    assert_eq!(event.request().host.as_deref(), Some("front.example"));
    assert_eq!(event.request().path.as_deref(), Some("/a"));

    let event = capture(request("http://user:pw@shop.example/a")).await;
    assert_eq!(event.request().host.as_deref(), Some("shop.example"));

    let star = Request::options("*").header("host", "shop.example");
    let event = capture(star.body(Body::empty()).unwrap()).await;
    assert_eq!(event.request().verb.as_deref(), Some("OPTIONS"));
    assert!(matches!(event.request().path.as_deref(), Some("*" | "/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listed_headers_go_along_and_no_others() {
    let request = Request::post("/")
        .header("user-agent", "test/1")
        .header("referer", "http://shop.example/?token=topsecret1")
        .header("x-request-id", "id-1")
        .header("content-type", "text/plain")
        .header("cookie", "sid=topsecret2")
        .header("authorization", "Bearer topsecret3")
        .header("x-custom", "topsecret4");
    let event = capture(request.body(Body::empty()).unwrap()).await;
    let facts = event.request();
    assert_eq!(facts.user_agent.as_deref(), Some("test/1"));
    assert_eq!(facts.rid.as_deref(), Some("id-1"));
    assert_eq!(facts.verb.as_deref(), Some("POST"));
    assert!(
        facts
            .referer
            .as_deref()
            .unwrap()
            .starts_with("http://shop.example/?token=")
    );
    let names: Vec<_> = facts
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(names.contains(&"content-type"), "{names:?}");
    let text = serde_json::to_string(&event.record).unwrap();
    assert!(!text.contains("topsecret"), "{text}");
}

/// A service whose clones are not ready, and which panics when it is called all the same.
struct Strict(bool);

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self(false)
    }
}

impl Service<Request<Body>> for Strict {
    type Response = Response<Body>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0 = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        assert!(std::mem::take(&mut self.0), "called without being ready");
        sqreen::track("hit");
        std::future::ready(Ok(Response::new(Body::empty())))
    }
}

/// Calls a service and a clone of it, twice each.
async fn call<S>(mut service: S)
where
    S: Service<Request<Body>, Error = std::convert::Infallible> + Clone,
{
    for _ in 0..2 {
        let mut clone = service.clone();
        for service in [&mut clone, &mut service] {
            let Ok(ready) = service.ready().await;
            let Ok(_) = ready.call(request("/")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_that_was_ready_is_the_one_called() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    call(sqreen.layer().layer(Strict(false))).await;
    let strict = tower::util::MapRequest::new(
        Strict(false),
        |request: Request<sqreen::CollectedBody<Body>>| request.map(Body::new),
    );
    call(sqreen.layer().collect_body().layer(strict)).await;
    assert_eq!(sqreen.shutdown().await.stats.accepted, 8);
    assert_eq!(backend.events().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_and_a_cancelled_request_still_deliver() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let (started, mut waits) = tokio::sync::mpsc::channel(1);
    let hang = move |sqreen: SqreenCtx| async move {
        sqreen.track("cancelled");
        started.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    async fn crash(sqreen: SqreenCtx) {
        sqreen.track("crashed");
        panic!("a handler's own business");
    }
    let app = Router::new()
        .route("/hang", get(hang))
        .route("/crash", get(crash))
        .layer(sqreen.layer());
    let crashed = tokio::spawn(app.clone().oneshot(request("/crash"))).await;
    assert!(crashed.unwrap_err().is_panic());
    let hanging = tokio::spawn(app.oneshot(request("/hang")));
    waits.recv().await.unwrap();
    hanging.abort();
    assert!(hanging.await.unwrap_err().is_cancelled());
    // Nobody waits for the response of an abandoned request, though `response_wait` is long.
    backend.wait_for(|seen| seen.ids.len() == 2).await;
    assert_eq!(backend.event("crashed").status(), None);
    assert_eq!(backend.event("cancelled").status(), None);
    assert!(sqreen.shutdown().await.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_never_finishes_delivers_after_the_wait() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend).response_wait(Duration::from_millis(50)));
    let hang = async |sqreen: SqreenCtx| {
        sqreen.track("hanging");
        std::future::pending::<()>().await;
    };
    let app = Router::new().route("/", get(hang)).layer(sqreen.layer());
    let hanging = tokio::spawn(app.oneshot(request("/")));
    backend.wait_for(|seen| seen.ids.len() == 1).await;
    assert!(!hanging.is_finished());
    assert_eq!(backend.event("hanging").status(), None);
    hanging.abort();
}

#[tokio::test]
async fn without_the_layer_the_extractor_tells_how_to_add_it() {
    let optional = async |sqreen: Option<SqreenCtx>| assert!(sqreen.is_none());
    let app: Router = Router::new()
        .route("/", get(hit))
        .route("/optional", get(optional));
    let response = app.clone().oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.into()).unwrap();
    assert!(text.contains(".layer(sqreen.layer())"), "{text}");
    let response = app.oneshot(request("/optional")).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}
