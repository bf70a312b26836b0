//! Arbitrary input: nothing panics, and every limit holds.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing;
use http::{HeaderName, HeaderValue, Request, Uri};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, TestRunner};
use sqreen::{Event, PeerAddr, SqreenCtx, UserIdentifiers, limits};
use support::{Backend, agent, assert_settled, config};
use tower::ServiceExt as _;

const HEADERS: [&str; 10] = [
    "content-type",
    "forwarded",
    "host",
    "referer",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "cookie",
];

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

fn kinds() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "",
    ])
}

#[test]
fn arbitrary_requests_neither_panic_nor_lose_an_event() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let backend = runtime.block_on(Backend::start());
    let sqreen = agent(config(&backend).trusted_proxies(["127.0.0.0/8"]));
    let handler = async |sqreen: SqreenCtx, body: Bytes| {
        sqreen.track(
            Event::from("any")
                .property("size", body.len())
                .collect_body(true),
        );
    };
    let app = Router::new()
        .route("/{a}/{*b}", routing::any(handler))
        .fallback(routing::any(handler))
        .layer(sqreen.layer().collect_body());
    let headers = vec((proptest::sample::select(&HEADERS[..]), bytes(64)), 0..8);
    let inputs = (bytes(64), headers, kinds(), bytes(256));
    let sent = std::cell::Cell::new(0);
    TestRunner::new(Runs::with_cases(300))
        .run(&inputs, |(target, headers, kind, body)| {
            let mut target = target;
            target.insert(0, b'/');
            let uri = Uri::try_from(target).unwrap_or_default();
            let mut request = Request::new(Body::from(body));
            *request.method_mut() = http::Method::POST;
            *request.uri_mut() = uri;
            request
                .extensions_mut()
                .insert(PeerAddr("127.0.0.1:1".parse().unwrap()));
            request
                .headers_mut()
                .insert("content-type", HeaderValue::from_static(kind));
            for (name, value) in headers {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    request
                        .headers_mut()
                        .append(HeaderName::from_static(name), value);
                }
            }
            let response = runtime.block_on(app.clone().oneshot(request)).unwrap();
            prop_assert_eq!(response.status(), 200);
            sent.set(sent.get() + 1);
            Ok(())
        })
        .unwrap();
    let report = runtime.block_on(sqreen.shutdown());
    assert_settled(&report, &backend);
    assert_eq!(
        (report.stats.tracked, report.stats.accepted),
        (sent.get(), sent.get())
    );
}

fn texts() -> impl Strategy<Value = String> {
    // Around the limits of keys and values, with characters of several bytes.
    let around = |limit: usize| ("[a-zé€𝄞]", limit - 3..limit + 3).prop_map(|(c, n)| c.repeat(n));
    prop_oneof![
        4 => ".{0,40}",
        1 => around(limits::MAX_KEY_BYTES),
        1 => around(limits::MAX_NAME_BYTES),
        1 => around(limits::MAX_VALUE_BYTES),
    ]
}

#[test]
fn the_limits_of_events_hold_for_any_input() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let backend = runtime.block_on(Backend::start());
    let sqreen = agent(config(&backend).queue_bytes(64 * 1_024 * 1_024));
    let inputs = (texts(), vec((texts(), texts()), 0..20));
    TestRunner::new(Runs::with_cases(100))
        .run(&inputs, |(name, pairs)| {
            let user: UserIdentifiers = pairs.iter().cloned().collect();
            sqreen.track(Event::from(name).properties(pairs).user(user));
            Ok(())
        })
        .unwrap();
    let report = runtime.block_on(sqreen.shutdown());
    assert_settled(&report, &backend);
    for event in backend.events() {
        assert!((1..=limits::MAX_NAME_BYTES).contains(&event.name.len()));
        assert!(event.options.properties.len() <= limits::MAX_PROPERTIES);
        for (key, value) in &event.options.properties {
            assert!((1..=limits::MAX_KEY_BYTES).contains(&key.len()));
            assert!(value.as_str().unwrap().len() <= limits::MAX_VALUE_BYTES);
        }
    }
}

proptest! {
    #![proptest_config(Runs::with_cases(100))]

    #[test]
    fn the_limits_of_users_hold_for_any_input(pairs in vec((texts(), texts()), 0..20)) {
        let corrected: UserIdentifiers = pairs.iter().cloned().collect();
        prop_assert!(corrected.iter().count() <= limits::MAX_USER_IDENTIFIERS);
        for (key, value) in corrected.iter() {
            prop_assert!((1..=limits::MAX_KEY_BYTES).contains(&key.len()));
            prop_assert!(value.len() <= limits::MAX_VALUE_BYTES);
            prop_assert_eq!(corrected.get(key), Some(value));
        }
        let checked = pairs.into_iter().try_fold(UserIdentifiers::default(), |user, (key, value)| {
            user.try_with(key, value)
        });
        if let Ok(checked) = checked {
            prop_assert_eq!(checked, corrected);
        }
    }

    #[test]
    fn a_checked_name_is_within_the_limits(name in texts()) {
        let is_valid = !name.is_empty()
            && name.len() <= limits::MAX_NAME_BYTES
            && !name.starts_with("sq.");
        prop_assert_eq!(Event::new(name).is_ok(), is_valid);
    }
}
