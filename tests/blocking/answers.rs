//! What a stopped client gets.

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Method, Response, StatusCode};

use super::scripted::{self, block_ip, block_user, redirect_ip};
use super::shop::{SECRET, Shop, stopped};
use super::support::{Stored, assert_settled, patient_config};

const MALLORY: &str = "203.0.113.7";

/// The reference in a plain page.
fn reference(page: &str) -> &str {
    let reference = page.strip_prefix("Access denied. Reference: ").unwrap();
    reference.trim_end()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_of_the_form_that_the_client_accepts() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(patient_config(&backend)).await;
    shop.until_from(MALLORY, 403).await;
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (accept, kind, start) in [
        (browser, "text/html; charset=utf-8", "<!doctype html>"),
        (
            "application/json",
            "application/json",
            "{\"error\":\"access_denied\",",
        ),
        ("*/*", "text/plain; charset=utf-8", "Access denied. "),
        ("image/png", "text/plain; charset=utf-8", "Access denied. "),
        ("text/html;q=0.1, application/json", "application/json", "{"),
    ] {
        let request = shop.from(MALLORY, "/").header(ACCEPT, accept);
        let (status, headers, body) = stopped(request).await;
        assert_eq!(status, 403, "{accept}");
        assert_eq!(headers[CONTENT_TYPE], kind, "{accept}");
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{accept}");
        assert!(body.starts_with(start), "{accept}: {body}");
        assert!(!body.contains("a-1") && !body.contains(MALLORY), "{body}");
    }
    assert_eq!(shop.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_gets_the_head_of_the_page() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(patient_config(&backend)).await;
    shop.until_from(MALLORY, 403).await;
    let (_, get, page) = stopped(shop.from(MALLORY, "/")).await;
    let head = shop.request(Method::HEAD, "/");
    let (status, head, body) = stopped(head.header("x-forwarded-for", MALLORY)).await;
    assert_eq!((status, body.as_str()), (403, ""));
    assert_eq!(head[CONTENT_LENGTH], page.len().to_string());
    assert_eq!(head[CONTENT_TYPE], get[CONTENT_TYPE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_and_body_is_stopped_alike() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(patient_config(&backend)).await;
    shop.until_from(MALLORY, 403).await;
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        // It comes with the head: of a longer body that nobody reads, the end of the connection may
        // reach the client before the answer does.
        let request = shop.request(method.clone(), "/").body(vec![b'x'; 1_000]);
        let (status, ..) = stopped(request.header("x-forwarded-for", MALLORY)).await;
        assert_eq!(status, 403, "{method}");
    }
    assert_eq!(shop.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_on_the_page_is_that_of_the_reported_event() {
    let user = block_user("a-2", &[("email", "ann@example.com")]);
    let backend = scripted::start(vec![block_ip("a-1", MALLORY), user]).await;
    let shop = Shop::open(patient_config(&backend)).await;
    super::until("blocked", async || {
        shop.sqreen
            .is_blocked(&sqreen::UserIdentifiers::new("email", "ann@example.com"))
    })
    .await;
    let (_, _, by_ip) = stopped(shop.from(MALLORY, "/")).await;
    let (_, _, by_user) = stopped(shop.by("email=ann@example.com", "/ignored")).await;
    assert!(shop.sqreen.shutdown().await.is_complete());
    for (name, page) in [("block_ip", by_ip), ("block_user", by_user)] {
        let event = backend.event(&format!("sq.action.{name}"));
        assert_eq!(event.options.properties["reference"], reference(&page));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_app_replaces_status_body_and_headers() {
    let user = block_user("a-2", &[("email", "ann@example.com")]);
    let redirect = redirect_ip("a-3", "203.0.113.8", "https://help.example/");
    let backend = scripted::start(vec![block_ip("a-1", MALLORY), user, redirect]).await;
    let config = patient_config(&backend).block_answer(|blocked| {
        let (method, path) = (blocked.method(), blocked.path());
        let ip = blocked.client_ip().unwrap();
        let accept = blocked.accept().unwrap_or_default();
        let url = blocked.redirect_url().unwrap_or("nowhere");
        let text = format!(
            "{method} {path} {ip} {accept} {url} {}",
            blocked.reference()
        );
        let mut answer = Response::new(Bytes::from(text));
        *answer.status_mut() = StatusCode::IM_A_TEAPOT;
        let headers = answer.headers_mut();
        headers.insert("x-own", "yes".parse().unwrap());
        answer
    });
    let shop = Shop::open(config).await;
    shop.until_from(MALLORY, 418).await;
    for (request, start) in [
        (
            shop.from(MALLORY, "/a?b=c"),
            "GET /a 203.0.113.7 */* nowhere ",
        ),
        (
            shop.from("203.0.113.8", "/"),
            "GET / 203.0.113.8 */* https://help.example/ ",
        ),
        (
            shop.by("email=ann@example.com", "/ignored"),
            "GET /ignored 192.0.2.1 */* nowhere ",
        ),
    ] {
        let answer = request.header(ACCEPT, "*/*").send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-own"]),
            (418, &"yes".parse().unwrap())
        );
        assert!(!format!("{:?}", answer.headers()).contains(SECRET));
        let body = answer.text().await.unwrap();
        let reference = body.strip_prefix(start).unwrap();
        assert_eq!(reference.len(), 32, "{body}");
    }
    assert!(shop.sqreen.shutdown().await.is_complete());
    assert_eq!(backend.event("sq.action.block_user").status(), Some(418));
}

/// Whatever the app's answer lacks, the client gets nothing of the handler.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_can_change_the_default_answer() {
    let redirect = redirect_ip("a-1", MALLORY, "https://help.example/");
    let backend = scripted::start(vec![redirect, block_ip("a-2", "203.0.113.8")]).await;
    let config = patient_config(&backend).block_answer(|blocked| {
        let mut answer = blocked.default_answer();
        if blocked.redirect_url().is_none() {
            *answer.status_mut() = StatusCode::NOT_FOUND;
            *answer.body_mut() = Bytes::new();
        }
        answer
    });
    let shop = Shop::open(config).await;
    shop.until_from(MALLORY, 303).await;
    let answer = shop.from("203.0.113.8", "/").send().await.unwrap();
    assert_eq!(answer.status(), 404);
    assert_eq!(answer.bytes().await.unwrap(), "");
    // It is told as a block, and as nothing else.
    assert_settled(&shop.sqreen.shutdown().await, &backend);
    assert_eq!(backend.event("sq.action.block_ip").status(), Some(404));
    let other = |event: &Stored| !event.name.starts_with("sq.action.");
    assert!(!backend.events().iter().any(other));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_gets_permission_denied() {
    let redirect = redirect_ip("a-2", "203.0.113.8", "https://help.example/");
    let backend = scripted::start(vec![block_ip("a-1", MALLORY), redirect]).await;
    let shop = Shop::open(patient_config(&backend)).await;
    shop.until_from(MALLORY, 403).await;
    let call = async |ip: &str, kind: &str| -> (u16, HeaderMap) {
        let request = shop.request(Method::POST, "/").header(CONTENT_TYPE, kind);
        let answer = request.header("x-forwarded-for", ip).send().await.unwrap();
        let head = (answer.status().as_u16(), answer.headers().clone());
        assert_eq!(answer.bytes().await.unwrap(), "", "{ip} {kind}");
        head
    };
    for kind in ["application/grpc", "application/grpc+proto"] {
        for ip in [MALLORY, "203.0.113.8"] {
            let (status, headers) = call(ip, kind).await;
            assert_eq!(
                (status, &headers["grpc-status"]),
                (200, &"7".parse().unwrap())
            );
            let message = headers["grpc-message"].to_str().unwrap();
            assert!(
                message.starts_with("access denied, reference "),
                "{message}"
            );
            assert_eq!(headers[CONTENT_TYPE], "application/grpc");
            assert!(!headers.contains_key(LOCATION));
        }
    }
}
