//! The guide "Track custom events", sentence by sentence: what it says of the SDK holds here.
//!
//! Each test quotes its sentence. These are shown elsewhere:
//!
//! - "Every minute, it flushes": `the_heartbeat_is_a_minute_unless_the_server_or_the_app_says_otherwise`
//!   in `src/agent/session.rs`.
//! - "When your app exits, it flushes any remaining tracked events":
//!   `dropping_the_last_handle_sends_what_is_left` in `queue.rs`, `sigterm_loses_no_event` in
//!   `quickstart.rs`.
//! - "By default, the Sqreen SDK scrubs sensitive data from these properties":
//!   `no_secret_leaves_the_app` in `calls.rs`.
//! - "`collect_body` … collects the value in req.body", "does not collect the requests HTTP body by
//!   default": `a_collected_body_is_read_and_scrubbed_by_its_kind` and
//!   `axums_body_extractors_work_behind_a_collecting_layer` in `calls.rs`.
//! - "Sqreen should automatically populate this field with the current request. If it cannot find
//!   it, you must add it manually": `the_current_request_is_found_where_it_is_polled` in
//!   `calls.rs`.
//! - "Providing track with user identifiers overrides the identify value for the context of this
//!   event": `an_events_own_user_beats_the_identified_one` in `calls.rs`.
//! - "To block users you must implement the identify method": `identify` answers `Blocked`, and
//!   the extractor stops the request; no backend of today blocks anybody.
//! - "to prevent Sqreen memory overhead growing and impacting your application's performance":
//!   `memory_stays_within_the_bound` in `queue.rs`, `the_app_serves_while_the_backend_hangs` in
//!   `serving.rs`.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod explorer;
#[path = "../support/mod.rs"]
mod support;

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::routing::{get, post};
use futures_util::future;
use http::Request;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;
use sqreen::{Event, Mistake, SqreenCtx, UserIdentifiers};
use support::{Backend, Fault, On, agent, assert_settled, config, serve};
use tower::ServiceExt as _;

fn request(uri: &str) -> Request<Body> {
    Request::get(uri).body(Body::empty()).unwrap()
}

fn http() -> reqwest::Client {
    // The SDK brings TLS without a provider for all; an error says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// "The Sqreen SDK stores events locally in a queue until the next heartbeat."
#[tokio::test(flavor = "multi_thread")]
async fn events_are_stored_in_a_queue_until_the_next_heartbeat() {
    let backend = Backend::start().await;
    let sqreen = agent(
        config(&backend)
            .heartbeat(Duration::from_secs(1))
            // Nothing but the heartbeat flushes.
            .max_staleness(Duration::from_secs(3_600)),
    );
    for _ in 0..3 {
        sqreen.track("tick");
    }
    assert_eq!(sqreen.stats().pending, 3);
    backend.wait_for(|seen| seen.ids.len() == 3).await;
    assert!(!backend.seen().beats.is_empty(), "not before the heartbeat");
    assert!(sqreen.shutdown().await.is_complete());
}

/// "To track a custom event, you need to name it." "options … This parameter is optional."
#[tokio::test(flavor = "multi_thread")]
async fn an_event_needs_a_name_and_nothing_else() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    assert_eq!(Event::new(""), Err(Mistake::EmptyName));
    sqreen.track("");
    sqreen.track("foobar");
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.dropped["invalid_name"], 1);
    let options = backend.event("foobar").options;
    assert!(options.properties.is_empty() && options.user_identifiers.is_none());
    assert!(options.timestamp.is_none() && !options.collect_body);
}

/// "properties: an object with arbitrary parameters to record custom event dimensions."
#[tokio::test(flavor = "multi_thread")]
async fn properties_are_of_any_kind() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    sqreen.track(
        Event::from("foobar")
            .property("foo", "bar")
            .property("count", 42_u64)
            .property("delta", -1)
            .property("ratio", 0.5)
            .property("done", true)
            .property("none", None::<&str>)
            .property("tree", json!({"list": [1, "two", {"three": null}]})),
    );
    assert!(sqreen.shutdown().await.is_complete());
    let expected = json!({
        "foo": "bar", "count": 42, "delta": -1, "ratio": 0.5, "done": true, "none": null,
        "tree": {"list": [1, "two", {"three": null}]},
    });
    assert_eq!(
        Value::Object(backend.event("foobar").options.properties),
        expected
    );
}

/// "You can provide up to 16 properties per event."
#[tokio::test(flavor = "multi_thread")]
async fn an_event_takes_up_to_16_properties() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let keys = |count| (0..count).map(|n| format!("key{n:02}"));
    let event = |name, count| Event::from(name).properties(keys(count).map(|key| (key, 1)));
    let refused = event("sixteen", 16).try_property("one.more", 1);
    assert_eq!(refused, Err(Mistake::TooManyProperties));
    sqreen.track(event("sixteen", 16));
    let early = sqreen.stats().corrected;
    sqreen.track(event("seventeen", 17));
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert!(early.is_empty(), "{early:?}");
    assert_eq!(report.stats.corrected["too_many_properties"], 1);
    for name in ["sixteen", "seventeen"] {
        let properties = backend.event(name).options.properties;
        assert!(properties.keys().cloned().eq(keys(16)), "{name}");
    }
}

/// "Out of the box, the Sqreen library collects …: Client IP. User agent. Path requested. Request
/// HTTP verb. HTTP parameters."
#[tokio::test(flavor = "multi_thread")]
async fn an_event_says_from_where_and_on_what() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let handler = async |sqreen: SqreenCtx, Path(_): Path<u32>, _: Bytes| {
        sqreen.track("plain");
        sqreen.track(Event::from("posted").collect_body(true));
    };
    let app = Router::new()
        .route("/orders/{id}", post(handler))
        .layer(sqreen.layer().collect_body());
    let (address, server) = serve(app).await;
    let call = |body: reqwest::RequestBuilder| body.header("user-agent", "seed/1.0").send();
    let url = format!("http://{address}/orders/7?page=2&tag=a&tag=b");
    call(http().post(&url).form(&[("sku", "a1")]))
        .await
        .unwrap();
    call(http().post(&url).json(&json!({"sku": "a1"})))
        .await
        .unwrap();
    server.abort();
    assert!(sqreen.shutdown().await.is_complete());
    let mut forms = 0;
    let events = backend.events();
    assert_eq!(events.len(), 4);
    for event in events {
        let request = event.request();
        assert_eq!(event.record.client_ip.as_deref(), Some("127.0.0.1"));
        assert_eq!(request.user_agent.as_deref(), Some("seed/1.0"));
        assert_eq!(request.path.as_deref(), Some("/orders/7"));
        assert_eq!(request.verb.as_deref(), Some("POST"));
        let parameters = &request.parameters;
        assert_eq!(parameters.query["page"], "2");
        assert_eq!(parameters.query["tag"], json!(["a", "b"]));
        assert_eq!(parameters.path["id"], "7");
        match &parameters.json {
            Some(json) => assert_eq!(*json, json!({"sku": "a1"})),
            None => {
                assert_eq!(parameters.form["sku"], "a1");
                forms += 1;
            }
        }
    }
    assert_eq!(forms, 2);
}

/// "`user_identifiers` … should be the same object provided to `Sqreen.identify`, `Sqreen.auth_track`
/// or `Sqreen.signup_track`."
#[tokio::test(flavor = "multi_thread")]
async fn one_user_object_serves_every_call() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let user = UserIdentifiers::from([("tenant", "t1"), ("id", "7")]);
    let handler = {
        let user = user.clone();
        async move |sqreen: SqreenCtx| {
            sqreen.signup_track(&user);
            sqreen.auth_track(true, &user);
            sqreen.track(Event::from("own").user(&user));
            sqreen.identify(&user).unwrap();
            sqreen.track("identified");
        }
    };
    let app = Router::new().route("/", get(handler)).layer(sqreen.layer());
    app.oneshot(request("/")).await.unwrap();
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    assert_eq!(events.len(), 4);
    for event in events {
        let sent = event.options.user_identifiers.map(Value::Object);
        assert_eq!(
            sent,
            Some(json!({"id": "7", "tenant": "t1"})),
            "{}",
            event.name
        );
    }
    assert_eq!(UserIdentifiers::from([("id", "7"), ("tenant", "t1")]), user);
}

/// "rely on the identify method to set it in the context of the current HTTP request"
#[tokio::test(flavor = "multi_thread")]
async fn identify_holds_for_its_request_alone() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    // All requests are under way together when they track.
    let together = std::sync::Arc::new(tokio::sync::Barrier::new(3));
    let handler = async move |Path(name): Path<String>, sqreen: SqreenCtx| {
        if name != "nobody" {
            sqreen.identify([("name", name)]).unwrap();
        }
        together.wait().await;
        sqreen::track("hit");
    };
    let app = Router::new()
        .route("/{name}", get(handler))
        .layer(sqreen.layer());
    let names = ["/ann", "/bob", "/nobody"];
    let calls = names.map(|name| app.clone().oneshot(request(name)));
    for response in future::join_all(calls).await {
        assert_eq!(response.unwrap().status(), 200);
    }
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    assert_eq!(events.len(), 3);
    for event in events {
        let path = event.request().path.as_deref().unwrap();
        let expected = path.strip_prefix('/').filter(|name| *name != "nobody");
        assert_eq!(event.user("name"), expected);
    }
}

/// "timestamp: … if you want to manually set the event's timestamp. By default, the SDK used the
/// current server time."
#[tokio::test(flavor = "multi_thread")]
async fn an_event_happens_now_unless_it_says_when() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let past: Timestamp = "2018-04-15T14:42:00Z".parse().unwrap();
    let before = Timestamp::now();
    sqreen.track("now");
    let after = Timestamp::now();
    let time = SystemTime::UNIX_EPOCH + Duration::from_micros(past.as_micros().unsigned_abs());
    sqreen.track(Event::from("then").timestamp(time));
    assert!(sqreen.shutdown().await.is_complete());
    let time = |name| backend.event(name).record.observed.sdk[0].time.unwrap();
    // The wire's clock is read when the event is sent, so that the two may differ a little.
    let slack = 1_000_000;
    assert!(time("now").as_micros() >= before.as_micros() - slack);
    assert!(time("now").as_micros() <= after.as_micros() + slack);
    assert_eq!(backend.event("now").options.timestamp, None);
    assert_eq!(time("then"), past);
    assert_eq!(backend.event("then").options.timestamp, Some(past));
}

/// `app.get('/path/:parameter', (req, res, next) => { req.sqreen.track('foobar', …`
#[tokio::test(flavor = "multi_thread")]
async fn a_handler_tracks_by_the_extension_of_its_request() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let handler = async |req: axum::extract::Request| {
        let event = Event::from("foobar")
            .property("prop1", "value1")
            .property("prop2", "value2");
        req.extensions().get::<SqreenCtx>().unwrap().track(event);
        "rest of the code"
    };
    let app = Router::new()
        .route("/path/{parameter}", get(handler))
        .layer(sqreen.layer());
    let response = app.oneshot(request("/path/42")).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(sqreen.shutdown().await.is_complete());
    let event = backend.event("foobar");
    let expected = json!({"prop1": "value1", "prop2": "value2"});
    assert_eq!(Value::Object(event.options.properties.clone()), expected);
    assert_eq!(event.request().path.as_deref(), Some("/path/42"));
    assert_eq!(
        event.request().endpoint.as_deref(),
        Some("/path/{parameter}")
    );
    assert_eq!(event.request().parameters.path["parameter"], "42");
    assert_eq!(event.status(), Some(200));
}

/// "If the Sqreen agent does not manage to flush events …, it keeps retrying. After some time, it
/// drops the events."
#[tokio::test(flavor = "multi_thread")]
async fn keeps_retrying_and_after_some_time_drops() {
    let down = |times| std::iter::repeat_n((On::Batch, Fault::Answer(503, vec![])), times);
    let backend = Backend::with_faults(down(3)).await;
    let sqreen = agent(config(&backend).shutdown_timeout(Duration::from_secs(60)));
    sqreen.track("retried");
    backend.wait_for(|seen| seen.ids.len() == 1).await;
    assert_settled(&sqreen.shutdown().await, &backend);

    let backend = Backend::with_faults(down(1_000)).await;
    let sqreen = agent(config(&backend).max_event_age(Duration::from_millis(500)));
    sqreen.track("given.up");
    let dropped = async {
        while sqreen.stats().pending > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), dropped)
        .await
        .unwrap();
    let stats = sqreen.stats();
    assert_eq!((stats.dropped["expired"], stats.pending_bytes), (1, 0));
    // It lives on, and delivers once the backend is back.
    backend.recover();
    let delivered = async {
        while sqreen.stats().accepted == 0 {
            sqreen.track("later");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), delivered)
        .await
        .unwrap();
    assert_settled(&sqreen.shutdown().await, &backend);
    assert!(backend.events().iter().all(|event| event.name == "later"));
}
