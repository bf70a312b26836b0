//! Actions on client IPs, decided at a real backend.

use std::net::SocketAddr;
use std::time::Instant;

use axum::body::Body;
use http::Request;
use http::header::LOCATION;
use serde_json::json;
use sqreen::PeerAddr;
use tower::ServiceExt as _;

use super::real::Real;
use super::shop::{GUEST, Shop, status, stopped};

const MALLORY: &str = "203.0.113.7";
const NEIGHBOUR: &str = "203.0.113.8";

#[tokio::test(flavor = "multi_thread")]
async fn block_ip_stops_a_request_before_its_handler() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend.block_ip(MALLORY).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by("email=ann@example.com", 200).await;
    shop.until_from(MALLORY, 403).await;
    let calls = shop.calls();
    for path in ["/", "/ignored", "/no-such-page"] {
        let (status, ..) = stopped(shop.from(MALLORY, path)).await;
        assert_eq!(status, 403, "{path}");
    }
    assert_eq!(shop.calls(), calls, "no handler ran");
    assert_eq!(shop.status_from(NEIGHBOUR).await, 200);
    assert_eq!(shop.calls(), calls + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_ip_answers_303_before_the_handler() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let url = "https://help.example/why?from=shop";
    let action = json!({"action": "redirect_ip", "ip_cidr": [MALLORY], "url": url});
    backend.act(action).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_from(MALLORY, 303).await;
    let calls = shop.calls();
    let (status, headers, body) = stopped(shop.from(MALLORY, "/ignored")).await;
    assert_eq!((status, &headers[LOCATION]), (303, &url.parse().unwrap()));
    assert_eq!((body.as_str(), shop.calls()), ("", calls));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lifted_action_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let shop = Shop::open(backend.config()).await;
    for _ in 0..3 {
        let id = backend.block_ip(MALLORY).await;
        shop.until_from(MALLORY, 403).await;
        backend.lift(&id).await;
        shop.until_from(MALLORY, 200).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_expires_and_never_before_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let shop = Shop::open(backend.config()).await;
    let start = Instant::now();
    let action = json!({"action": "block_ip", "ip_cidr": [MALLORY], "duration_s": 1.5});
    backend.act(action).await;
    shop.until_from(MALLORY, 403).await;
    shop.until_from(MALLORY, 200).await;
    assert!(
        start.elapsed().as_secs_f64() >= 1.5,
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_of_overlapping_prefixes_wins() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend.block_ip("203.0.113.0/24").await;
    let url = "https://help.example/";
    let narrow = json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.7/32"], "url": url});
    let narrow = backend.act(narrow).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_from(NEIGHBOUR, 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 303);
    backend.lift(&narrow).await;
    shop.until_from(MALLORY, 403).await;
    assert_eq!(shop.status_from("203.0.114.7").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_network_is_blocked_and_a_mapped_address_is_its_ipv4_address() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend.block_ip("2001:db8::/32").await;
    backend.block_ip(MALLORY).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_from(MALLORY, 403).await;
    for (ip, status) in [
        ("2001:db8::1", 403),
        ("2001:0DB8:0:0:0:0:0:7", 403),
        ("2001:db9::1", 200),
        ("::ffff:203.0.113.7", 403),
        ("::ffff:cb00:7107", 403),
        ("::ffff:203.0.113.8", 200),
    ] {
        assert_eq!(shop.status_from(ip).await, status, "{ip}");
    }
    // The same of the connection itself, as a dual-stack socket tells it.
    let peer = SocketAddr::from(([0, 0, 0, 0, 0, 0xffff, 0xcb00, 0x7107], 1));
    let mut request = Request::new(Body::empty());
    request.extensions_mut().insert(PeerAddr(peer));
    let answer = shop.router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn allowed_addresses_and_paths_win_over_every_action() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let ann = "email=ann@example.com";
    backend.block_ip("203.0.113.0/24").await;
    backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    let shop = Shop::open(backend.config()).await;
    shop.until_from(MALLORY, 403).await;
    assert_eq!(shop.status_by(ann).await, 403);

    let ips = backend.allow(json!({"ips": [MALLORY, GUEST]})).await;
    shop.until_from(MALLORY, 200).await;
    assert_eq!(
        shop.status_by(ann).await,
        200,
        "the user is at an allowed address"
    );
    assert_eq!(shop.status_from(NEIGHBOUR).await, 403);
    backend.disallow(&ips).await;
    shop.until_from(MALLORY, 403).await;
    assert_eq!(shop.status_by(ann).await, 403);

    let paths = backend.allow(json!({"paths": ["/hea", "/question"]})).await;
    shop.until_by(ann, 200).await;
    assert_eq!(status(shop.from(MALLORY, "/health")).await, 200);
    assert_eq!(status(shop.by(ann, "/ignored")).await, 403);
    assert_eq!(shop.status_from(MALLORY).await, 403, "of `/`");
    backend.disallow(&paths).await;
    shop.until_by(ann, 403).await;
    assert_eq!(status(shop.from(MALLORY, "/health")).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoofed_header_neither_blocks_nor_unblocks() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend.block_ip(MALLORY).await;
    let shop = Shop::exposed(backend.config()).await;
    let behind = Shop::open(backend.config()).await;
    let spoof = async |ip: &str| {
        let mut statuses = Vec::new();
        for header in ["x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip"] {
            let value = if header == "forwarded" {
                format!("for={ip}")
            } else {
                ip.to_owned()
            };
            let request = shop.request(http::Method::GET, "/").header(header, value);
            statuses.push(status(request).await);
        }
        statuses
    };
    behind.until_from(MALLORY, 403).await;
    // What the other app has, this one has, once a later action arrived.
    backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    shop.until_by("email=ann@example.com", 403).await;
    assert_eq!(spoof(MALLORY).await, [200; 4]);

    let loopback = json!({"action": "block_ip", "ip_cidr": ["127.0.0.1"], "allow_critical": true});
    backend.act(loopback).await;
    shop.until_from(GUEST, 403).await;
    assert_eq!(spoof(GUEST).await, [403; 4]);
    assert_eq!(
        behind.status_from(GUEST).await,
        200,
        "the proxy is not the client"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_unknown_address_is_never_blocked_by_address() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let all = json!({"action": "block_ip", "ip_cidr": ["0.0.0.0/0", "::/0"],
        "allow_critical": true});
    backend.act(all).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_from(GUEST, 403).await;
    for forwarded in [None, Some(MALLORY)] {
        let mut request = Request::new(Body::empty());
        if let Some(ip) = forwarded {
            let headers = request.headers_mut();
            headers.insert("x-forwarded-for", ip.parse().unwrap());
        }
        let answer = shop.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200, "{forwarded:?}");
    }
}
