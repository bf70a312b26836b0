//! The layer in servers on real sockets, beside backends that come and go.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use sqreen::SqreenCtx;
use support::{Backend, Fault, On, agent, assert_balanced, assert_settled, config, serve};
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
