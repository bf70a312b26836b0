//! A plain hyper service, without a framework and its features.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sqreen::{PeerAddr, UserIdentifiers};
use tower::{Layer as _, ServiceExt as _};

use super::scripted::{self, block_ip, block_user};
use super::support::{agent, patient_config};
use super::{http, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_hyper_service_is_protected() {
    let ann = UserIdentifiers::new("email", "ann@example.com");
    let actions = vec![
        block_ip("a-1", "203.0.113.7"),
        block_user("a-2", &[("email", "ann@example.com")]),
    ];
    let backend = scripted::start(actions).await;
    let sqreen = agent(patient_config(&backend).trusted_proxies(["127.0.0.1"]));
    let calls = Arc::new(AtomicUsize::new(0));
    let (user, counter) = (ann.clone(), calls.clone());
    let app = sqreen
        .layer()
        .layer(tower::service_fn(move |request: Request<Incoming>| {
            counter.fetch_add(1, Ordering::SeqCst);
            if request.uri().path() == "/me" {
                let _ = sqreen::current().unwrap().identify(user.clone());
            }
            async { Ok::<_, Infallible>(Response::new("served".to_owned())) }
        }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (stream, peer) = listener.accept().await.unwrap();
            let app = app.clone();
            let service = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(PeerAddr(peer));
                app.clone().oneshot(request)
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    until("blocked", async || sqreen.is_blocked(&ann)).await;
    let http = http();
    for (ip, path, status, body) in [
        ("203.0.113.8", "/", 200, "served"),
        ("203.0.113.7", "/", 403, "Access denied. "),
        ("203.0.113.8", "/me", 403, "Access denied. "),
    ] {
        let request = http.get(format!("http://{address}{path}"));
        let answer = request.header("x-forwarded-for", ip).send().await.unwrap();
        assert_eq!(answer.status(), status, "{ip} {path}");
        assert!(
            answer.text().await.unwrap().starts_with(body),
            "{ip} {path}"
        );
    }
    assert_eq!(
        calls.load(Ordering::SeqCst),
        2,
        "not for the blocked address"
    );
    server.abort();
    assert!(sqreen.shutdown().await.is_complete());
    assert_eq!(backend.event("sq.action.block_ip").status(), Some(403));
    assert_eq!(backend.event("sq.action.block_user").status(), Some(403));
}
