//! The layer among other layers: its place changes nothing, least of all memory, and bodies pass
//! through it as they are.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request as AxumRequest;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use sqreen::{Event, Sqreen, SqreenCtx};
use support::{Backend, agent, assert_settled, config};
use tower::{Layer as _, ServiceExt as _};

/// The bytes of a header, which count themselves when they are freed.
struct Counted(Arc<AtomicUsize>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        b"counted/1.0"
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// A layer of the app's own, which keeps the context across its inner services, and some requests
/// away from them.
async fn other(request: AxumRequest, next: Next) -> Response {
    let context = request.extensions().get::<SqreenCtx>().cloned();
    let current = sqreen::current();
    assert_eq!(context.is_some(), current.is_some());
    if request.uri().path().ends_with("/refused") {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::FORBIDDEN;
        return response;
    }
    let response = next.run(request).await;
    drop((context, current));
    response
}

async fn crash() {
    panic!("a handler's own business");
}

/// The routes with our layer and another one around them, in every order, and ours twice; with
/// the path that leads to them.
fn orders(sqreen: &Sqreen) -> [(&'static str, Router); 8] {
    let routes = || {
        Router::new()
            .route("/quiet", get(|| async {}))
            .route("/refused", get(|| async {}))
            .route("/crash", get(crash))
            .route("/hit", get(|| async { sqreen::track("hit") }))
    };
    let inner = || routes().layer(from_fn(other));
    let ours = || sqreen.layer();
    let around = ours().layer(inner());
    [
        ("", routes().layer(ours()).layer(from_fn(other))),
        ("", inner().layer(ours())),
        ("", inner().layer(ours()).layer(from_fn(other))),
        (
            "",
            routes().layer(ours()).layer(from_fn(other)).layer(ours()),
        ),
        (
            "",
            routes().layer(ours().collect_body()).layer(from_fn(other)),
        ),
        ("/in", Router::new().nest("/in", inner()).layer(ours())),
        ("/in", Router::new().nest("/in", inner().layer(ours()))),
        ("", Router::new().fallback_service(around)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn its_place_among_other_layers_never_matters_for_memory() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let freed: Arc<AtomicUsize> = Arc::default();
    let mut sent = 0;
    for (round, (prefix, app)) in orders(&sqreen).into_iter().enumerate() {
        for (path, status) in [
            ("/quiet", Some(200)),
            ("/refused", Some(403)),
            ("/crash", None),
            ("/hit", Some(200)),
        ] {
            let counted = Bytes::from_owner(Counted(Arc::clone(&freed)));
            let counted = HeaderValue::from_maybe_shared(counted).unwrap();
            let request = Request::get(format!("{prefix}{path}")).header("user-agent", counted);
            let request = request.body(Body::empty()).unwrap();
            let response = tokio::spawn(app.clone().oneshot(request)).await;
            let answered = response
                .ok()
                .map(|response| response.unwrap().status().as_u16());
            assert_eq!(answered, status, "{round} {path}");
            sent += 1;
            if path != "/hit" {
                assert_eq!(freed.load(Ordering::SeqCst), sent, "{round} {path}");
            }
        }
        // The event holds its request until it is delivered.
        backend.wait_for(|seen| seen.ids.len() == round + 1).await;
        while sqreen.stats().pending > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(freed.load(Ordering::SeqCst), sent, "{round}");
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    for event in backend.events() {
        assert_eq!(event.request().user_agent.as_deref(), Some("counted/1.0"));
        assert_eq!(event.status(), Some(200));
    }
}

/// Middleware inside of a nested router, where the prefix is stripped.
#[tokio::test(flavor = "multi_thread")]
async fn inner_middleware_of_a_nested_router_tracks_the_clients_request() {
    async fn inner(sqreen: SqreenCtx, request: AxumRequest, next: Next) -> Response {
        assert_eq!(request.uri().path(), "/42");
        sqreen.track("inner");
        next.run(request).await
    }
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let products = Router::new()
        .route("/{id}", get(|| async {}))
        .layer(from_fn(inner));
    let app = Router::new()
        .nest("/products", products)
        .layer(sqreen.layer());
    let request = Request::get("/products/42").body(Body::empty()).unwrap();
    assert_eq!(app.oneshot(request).await.unwrap().status(), 200);
    assert!(sqreen.shutdown().await.is_complete());
    let event = backend.event("inner");
    let request = event.request();
    assert_eq!(request.path.as_deref(), Some("/products/42"));
    assert_eq!(request.endpoint.as_deref(), Some("/products/{id}"));
    assert_eq!(request.parameters.path["id"], "42");
}

/// Frames of a body as the handler behind a collecting layer reads them: data and trailers as
/// text, an error as its message.
async fn frames(mut body: Body) -> Vec<String> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        read.push(match frame {
            Ok(frame) if frame.is_data() => format!("{:?}", frame.into_data().unwrap()),
            Ok(frame) => format!("{:?}", frame.into_trailers().unwrap()),
            Err(error) => error.to_string(),
        });
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_passes_the_tee_frame_by_frame() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let handler = async |sqreen: SqreenCtx, request: AxumRequest| {
        sqreen.track(Event::from("posted").collect_body(true));
        let body = request.into_body();
        let hint = (body.size_hint().exact(), body.is_end_stream());
        format!("{hint:?} {:?}", frames(body).await)
    };
    let app = Router::new()
        .route("/", post(handler))
        .layer(sqreen.layer().collect_body());
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())]);
    let streamed = stream::iter([
        Ok(Frame::data(Bytes::from_static(b"one"))),
        Ok(Frame::data(Bytes::from_static(b"two"))),
        Ok::<_, std::io::Error>(Frame::trailers(trailers)),
    ]);
    let torn = stream::iter([
        Ok(Frame::data(Bytes::from_static(b"one"))),
        Err(std::io::Error::other("torn")),
    ]);
    for (body, expected) in [
        (
            Body::new(StreamBody::new(streamed)),
            r#"(None, false) ["b\"one\"", "b\"two\"", "{\"x-sum\": \"7\"}"]"#,
        ),
        (
            Body::new(StreamBody::new(torn)),
            r#"(None, false) ["b\"one\"", "torn"]"#,
        ),
        (Body::from("whole"), r#"(Some(5), false) ["b\"whole\""]"#),
        (Body::empty(), "(Some(0), true) []"),
    ] {
        let request = Request::post("/").header("content-type", "text/plain");
        let response = app.clone().oneshot(request.body(body).unwrap()).await;
        let read = response.unwrap().into_body().collect().await.unwrap();
        assert_eq!(read.to_bytes(), expected);
    }
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    let sent = events
        .iter()
        .map(|e| e.request().parameters.rawbody.as_deref());
    let sent: Vec<_> = sent.collect();
    assert_eq!(sent, [Some("onetwo"), Some("one"), Some("whole"), None]);
}
