//! The layer in servers on real sockets, beside backends that come and go.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, get};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sqreen::SqreenCtx;
use support::{
    Backend, Fault, On, agent, assert_balanced, assert_settled, config, patient_config, serve,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

async fn hit(sqreen: SqreenCtx) -> &'static str {
    sqreen.track("hit");
    "served"
}

/// Sends raw bytes and reads the answer to its end.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_connection_tells_its_peer() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let app = Router::new().route("/a", get(hit)).layer(sqreen.layer());
    let (address, server) = serve(app).await;
    for target in ["/a?x=1", "http://shop.example/a?x=1"] {
        let head = "Host: shop.example\r\nConnection: close\r\n\r\n";
        let answer = exchange(address, &format!("GET {target} HTTP/1.1\r\n{head}")).await;
        assert!(answer.ends_with("served"), "{answer}");
    }
    server.abort();
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(event.record.client_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(event.request().host.as_deref(), Some("shop.example"));
        assert_eq!(event.request().path.as_deref(), Some("/a"));
        assert_eq!(event.request().parameters.query["x"], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_leaves_its_event() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let (started, mut waits) = tokio::sync::mpsc::channel(1);
    let hang = move |sqreen: SqreenCtx| async move {
        sqreen.track("hung.up");
        started.send(()).await.unwrap();
        std::future::pending::<()>().await;
    };
    let app = Router::new().route("/", get(hang)).layer(sqreen.layer());
    let (address, server) = serve(app).await;
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    socket
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    waits.recv().await.unwrap();
    drop(socket);
    backend.wait_for(|seen| seen.ids.len() == 1).await;
    assert_eq!(backend.event("hung.up").status(), None);
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_serves_while_the_backend_hangs() {
    const REQUESTS: u64 = 50;
    let hangs = std::iter::repeat_n((On::Login, Fault::Hang), 1_000);
    let backend = Backend::with_faults(hangs).await;
    let sqreen = agent(
        config(&backend)
            .queue_events(10)
            .request_timeout(Duration::from_secs(60))
            .shutdown_timeout(Duration::from_millis(100)),
    );
    let app = Router::new().route("/", get(hit)).layer(sqreen.layer());
    let (address, server) = serve(app).await;
    for _ in 0..REQUESTS {
        let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        assert!(exchange(address, request).await.starts_with("HTTP/1.1 200"));
        assert_balanced(&sqreen.stats());
    }
    server.abort();
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.dropped["queue_full"], REQUESTS - 10);
    assert_eq!(report.stats.dropped["shutdown"], 10);
}

#[test]
fn a_backend_restarts_on_its_port_and_the_agent_goes_on() {
    let [before, after] = [(); 2].map(|()| tokio::runtime::Runtime::new().unwrap());
    let first = before.block_on(Backend::start());
    let sqreen = agent(config(&first).shutdown_timeout(Duration::from_secs(30)));
    sqreen.track("before");
    before.block_on(first.wait_for(|seen| seen.ids.len() == 1));
    // The listener and all connections go with the runtime.
    drop(before);
    for _ in 0..10 {
        sqreen.track("between");
    }
    let report = after.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(first.address).unwrap();
        let faults = [(On::Batch, Fault::Answer(401, Vec::new()))];
        let second = Backend::on(socket.listen(16).unwrap(), faults);
        sqreen.track("after");
        let report = sqreen.shutdown().await;
        assert_eq!(second.seen().logins, 1, "it did not know the session");
        assert!(second.events().len() >= 11);
        report
    });
    // The first one may have stored its event without having answered: then both have it.
    assert_balanced(&report.stats);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(report.stats.accepted, 12);
}

/// Takes the connection over, and says what the client says.
async fn echo(sqreen: SqreenCtx, mut request: Request<Body>) -> Response<Body> {
    sqreen.track("upgrade.asked");
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let mut connection = TokioIo::new(upgrade.await.unwrap());
        let mut said = [0; 4];
        connection.read_exact(&mut said).await.unwrap();
        // Before the client can know that it was heard.
        sqreen.track("upgraded.said");
        connection.write_all(&said).await.unwrap();
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
    let response = response.header("connection", "upgrade");
    response
        .header("upgrade", "echo")
        .body(Body::empty())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_passes_through_and_loses_no_event() {
    let backend = Backend::start().await;
    let sqreen = agent(patient_config(&backend));
    let routes = || Router::new().route("/echo", get(echo));
    let apps = [
        routes().layer(sqreen.layer()),
        routes().layer(sqreen.layer().collect_body()),
    ];
    for app in apps {
        let (address, server) = serve(app).await;
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request =
            "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(socket.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"));
        socket.write_all(b"ping").await.unwrap();
        let mut heard = Vec::new();
        socket.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"ping");
        server.abort();
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, 4);
    for event in backend.events() {
        assert_eq!(event.status(), Some(101), "{}", event.name);
        assert_eq!(event.request().path.as_deref(), Some("/echo"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_over_http2_are_told_apart_and_have_their_authority() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    // All streams of the connection are under way together when they track.
    let together = std::sync::Arc::new(tokio::sync::Barrier::new(3));
    let handler = async move |sqreen: SqreenCtx| {
        together.wait().await;
        sqreen.track("hit");
        "served"
    };
    let app = Router::new()
        .route("/streams/{id}", get(handler))
        .layer(sqreen.layer());
    let (address, server) = serve(app).await;
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let (client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .unwrap();
    tokio::spawn(connection);
    let calls = (0..3).map(|id| {
        let uri = format!("http://shop.example:8443/streams/{id}?x={id}");
        let request = Request::get(uri).body(Empty::<Bytes>::new()).unwrap();
        let mut client = client.clone();
        async move { client.send_request(request).await.unwrap() }
    });
    for response in futures_util::future::join_all(calls).await {
        assert_eq!(response.version(), http::Version::HTTP_2);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "served");
    }
    server.abort();
    assert!(sqreen.shutdown().await.is_complete());
    let mut events = backend.events();
    events.sort_by_key(|event| event.request().path.clone());
    assert_eq!(events.len(), 3);
    for (event, id) in events.iter().zip(["0", "1", "2"]) {
        let request = event.request();
        assert_eq!(request.host.as_deref(), Some("shop.example:8443"));
        assert_eq!(request.port, Some(8443));
        assert_eq!(request.scheme.as_deref(), Some("http"));
        assert_eq!(request.parameters.path["id"], id);
        assert_eq!(request.parameters.query["x"], id);
        assert_eq!(request.endpoint.as_deref(), Some("/streams/{id}"));
        assert_eq!(event.record.client_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(event.status(), Some(200));
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn on_a_unix_socket_the_client_is_unknown() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend).trusted_proxies(["0.0.0.0/0", "::/0"]));
    let app = Router::new().fallback(any(hit)).layer(sqreen.layer());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    for (target, host) in [("/a", "shop.example"), ("*", "star.example")] {
        let mut socket = tokio::net::UnixStream::connect(&path).await.unwrap();
        let head = format!("Host: {host}\r\nX-Forwarded-For: 8.8.8.8\r\nConnection: close\r\n");
        let request = format!("OPTIONS {target} HTTP/1.1\r\n{head}\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("served"), "{answer}");
    }
    server.abort();
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(event.record.client_ip, None);
        let request = event.request();
        assert_eq!(request.remote_ip, None);
        let expected = match request.host.as_deref() {
            Some("shop.example") => "/a",
            _ => "*",
        };
        assert_eq!(request.path.as_deref(), Some(expected));
    }
}
