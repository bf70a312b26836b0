//! The SDK's calls within a request: who an event belongs to, the current request, bodies,
//! secrets and limits.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use sqreen::{Event, Identify, Sqreen, SqreenCtx, Traits, UserIdentifiers};
use support::{Backend, agent, assert_settled, config};
use tower::ServiceExt as _;

fn request(uri: &str) -> Request<Body> {
    Request::builder().uri(uri).body(Body::empty()).unwrap()
}

async fn setup() -> (Backend, Sqreen) {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    (backend, sqreen)
}

fn email(name: &'static str) -> [(&'static str, &'static str); 1] {
    [("email", name)]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_events_own_user_beats_the_identified_one() {
    let (backend, sqreen) = setup().await;
    let handler = async |sqreen: SqreenCtx| {
        sqreen.track("before");
        sqreen
            .identify_with(email("first"), Traits::from([("plan", "gold")]))
            .unwrap();
        sqreen.track("between");
        sqreen.identify(email("second")).unwrap();
        sqreen.track("after");
        sqreen.track(Event::from("own").user(email("own")));
    };
    let app = Router::new().route("/", get(handler)).layer(sqreen.layer());
    app.oneshot(request("/")).await.unwrap();
    assert!(sqreen.shutdown().await.is_complete());
    for (event, user) in [
        ("before", "first"),
        ("between", "first"),
        ("after", "second"),
        ("own", "own"),
    ] {
        assert_eq!(backend.event(event).user("email"), Some(user), "{event}");
    }
    let record = &backend.seen().records[0];
    let mut identify = record.observed.sdk.iter().filter(|e| e.name == "identify");
    let first = identify.next().unwrap();
    assert_eq!(
        first.args,
        [json!({"email": "first"}), json!({"plan": "gold"})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_identified_means_no_user() {
    let (backend, sqreen) = setup().await;
    let handler = async |sqreen: SqreenCtx| sqreen.track("hit");
    let app = Router::new().route("/", get(handler)).layer(sqreen.layer());
    app.oneshot(request("/")).await.unwrap();
    assert!(sqreen.shutdown().await.is_complete());
    assert_eq!(backend.event("hit").options.user_identifiers, None);
}

struct Session(String);

impl From<&Session> for UserIdentifiers {
    fn from(session: &Session) -> Self {
        Self::new("email", session.0.clone())
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let user = parts
            .headers
            .get("x-demo-user")
            .ok_or(StatusCode::UNAUTHORIZED)?;
        Ok(Self(user.to_str().unwrap().to_owned()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_identify_extractor_says_who_it_was() {
    let (backend, sqreen) = setup().await;
    let handler = async |Identify(session): Identify<Session>, sqreen: SqreenCtx| {
        sqreen.track("hit");
        session.0
    };
    let routes = Router::new().route("/", get(handler));
    let app = routes.clone().layer(sqreen.layer());
    let known = || {
        let request = Request::get("/").header("x-demo-user", "ann@example.com");
        request.body(Body::empty()).unwrap()
    };
    let response = app.clone().oneshot(known()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let response = app.oneshot(request("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let response = routes.oneshot(known()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(sqreen.shutdown().await.is_complete());
    assert_eq!(backend.event("hit").user("email"), Some("ann@example.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_and_signups_have_their_wire_names_and_identify() {
    let (backend, sqreen) = setup().await;
    let handler = async |sqreen: SqreenCtx| {
        sqreen.auth_track(false, email("eve"));
        sqreen.track("failed");
        sqreen.auth_track(true, email("ann"));
        sqreen.track("in");
        sqreen.signup_track(email("bob"));
        StatusCode::CREATED
    };
    let app = Router::new().route("/", get(handler)).layer(sqreen.layer());
    app.oneshot(request("/")).await.unwrap();
    assert!(sqreen.shutdown().await.is_complete());
    let events = backend.events();
    let logins = events.iter().filter(|event| event.call == "auth_track");
    let logins: Vec<_> = logins
        .map(|event| {
            let success = event.options.properties["success"].as_bool().unwrap();
            assert_eq!(event.request().path.as_deref(), Some("/"));
            (event.name.as_str(), success, event.user("email").unwrap())
        })
        .collect();
    let name = "sq.sdk.users.login";
    assert_eq!(logins, [(name, false, "eve"), (name, true, "ann")]);
    let signup = backend.event("sq.sdk.users.signup");
    assert_eq!(
        (signup.call.as_str(), signup.user("email")),
        ("signup_track", Some("bob"))
    );
    assert_eq!(signup.status(), Some(201));
    assert_eq!(backend.event("in").user("email"), Some("ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_request_is_found_where_it_is_polled() {
    let (backend, sqreen) = setup().await;
    assert!(sqreen::current().is_none());
    let (moved, mut handles) = tokio::sync::mpsc::channel(1);
    let handler = move |sqreen: SqreenCtx| async move {
        sqreen::track("ambient");
        tokio::task::yield_now().await;
        sqreen::track("ambient.later");
        let scoped = sqreen.scope(async { sqreen::track("scoped") });
        tokio::spawn(scoped).await.unwrap();
        let alone = tokio::spawn(async { sqreen::current().is_none() });
        assert!(alone.await.unwrap(), "a spawned task has no request");
        moved.send(sqreen).await.unwrap();
        StatusCode::ACCEPTED
    };
    let app = Router::new()
        .route("/job", get(handler))
        .layer(sqreen.layer());
    app.oneshot(request("/job")).await.unwrap();
    assert!(sqreen::current().is_none());
    handles.recv().await.unwrap().track("after");
    assert!(sqreen.shutdown().await.is_complete());
    for name in ["ambient", "ambient.later", "scoped", "after"] {
        let event = backend.event(name);
        assert_eq!(event.request().path.as_deref(), Some("/job"), "{name}");
        assert_eq!(event.status(), Some(202), "{name}");
    }
}

/// Posts a body to a handler that reads all of it, and returns what was sent of it.
async fn collected(kind: &str, body: impl Into<Bytes>) -> sqreen::protocol::Parameters {
    let (backend, sqreen) = setup().await;
    let handler = async |sqreen: SqreenCtx, body: Bytes| {
        sqreen.track(Event::from("posted").collect_body(true));
        body
    };
    let layer = sqreen.layer().collect_body();
    let app = Router::new().route("/", post(handler)).layer(layer);
    let body = body.into();
    let request = Request::post("/").header("content-type", kind);
    let response = app
        .oneshot(request.body(Body::from(body.clone())).unwrap())
        .await
        .unwrap();
    let echo = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(echo, body, "the handler sees the body unchanged");
    let report = sqreen.shutdown().await;
    assert!(
        report.is_complete() && report.stats.corrected.is_empty(),
        "{report:?}"
    );
    backend.event("posted").request().parameters.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collected_body_is_read_and_scrubbed_by_its_kind() {
    let sent = collected("application/json", r#"{"sku":"a1","password":"topsecret"}"#).await;
    let redacted = "<Redacted by Sqreen>";
    assert_eq!(sent.json, Some(json!({"sku": "a1", "password": redacted})));
    let sent = collected(
        "application/x-www-form-urlencoded",
        "sku=a1&password=topsecret",
    )
    .await;
    assert_eq!(
        (&sent.form["sku"], &sent.form["password"]),
        (&json!("a1"), &json!(redacted))
    );
    let sent = collected("text/plain", "just text").await;
    assert_eq!(sent.rawbody.as_deref(), Some("just text"));
    let sent = collected("application/octet-stream", "binary").await;
    assert!(sent.is_empty());
    let sent = collected("text/plain", "x".repeat(100_000)).await;
    assert_eq!(sent.rawbody, Some("x".repeat(16 * 1_024)));
    let long = format!(
        r#"{{"password":"topsecret","text":"{}"}}"#,
        "x".repeat(100_000)
    );
    let sent = collected("application/json", long).await;
    let raw = sent.rawbody.unwrap();
    assert!(raw.len() <= 16 * 1_024 + redacted.len() && !raw.contains("topsecret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn axums_body_extractors_work_behind_a_collecting_layer() {
    let (backend, sqreen) = setup().await;
    let json = async |sqreen: SqreenCtx, Json(body): Json<serde_json::Value>| {
        sqreen.track(Event::from("json").collect_body(true));
        Json(body)
    };
    let form = async |sqreen: SqreenCtx, Form(_): Form<Vec<(String, String)>>| {
        sqreen.track("form");
    };
    let app = Router::new()
        .route("/json", post(json))
        .route("/form", post(form))
        .layer(sqreen.layer().collect_body());
    let call = Request::post("/json").header("content-type", "application/json");
    app.clone()
        .oneshot(call.body(Body::from("[1]")).unwrap())
        .await
        .unwrap();
    let call = Request::post("/form").header("content-type", "application/x-www-form-urlencoded");
    app.oneshot(call.body(Body::from("a=1")).unwrap())
        .await
        .unwrap();
    assert!(sqreen.shutdown().await.is_complete());
    assert_eq!(
        backend.event("json").request().parameters.json,
        Some(json!([1]))
    );
    let form = backend.event("form");
    assert!(
        form.request().parameters.is_empty(),
        "it did not ask for the body"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn asking_for_a_body_that_is_not_collected_is_counted() {
    let (backend, sqreen) = setup().await;
    let handler = async |sqreen: SqreenCtx, _: String| {
        sqreen.track(Event::from("posted").collect_body(true));
    };
    let app = Router::new()
        .route("/", post(handler))
        .layer(sqreen.layer());
    app.oneshot(Request::post("/").body(Body::from("text")).unwrap())
        .await
        .unwrap();
    let report = sqreen.shutdown().await;
    assert_eq!(report.stats.corrected["body_not_collected"], 1);
    assert!(backend.event("posted").request().parameters.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_leaves_the_app() {
    let (backend, sqreen) = setup().await;
    let handler = async |sqreen: SqreenCtx, _: Bytes| {
        let event = Event::from("everything")
            .property("password", "topsecret-property")
            .property("nested", json!({"api_key": ["topsecret-nested"]}))
            .property("url", "/pay?token=topsecret-url&page=2")
            .property("card", "4111111111111111")
            .collect_body(true);
        sqreen
            .identify_with(email("ann"), Traits::from([("secret", "topsecret-trait")]))
            .unwrap();
        sqreen.track(event);
    };
    let app = Router::new()
        .route("/{card}", post(handler))
        .layer(sqreen.layer().collect_body());
    let call =
        Request::post("/4111111111111111?password=topsecret-query&a%5Btoken%5D=topsecret-key")
            .header("host", "shop.example")
            .header("cookie", "sid=topsecret-cookie")
            .header("authorization", "Basic topsecret-authorization")
            .header("proxy-authorization", "Basic topsecret-proxy")
            .header("x-api-key", "topsecret-header")
            .header(
                "referer",
                "https://ann:topsecret-pw@shop.example/?apikey=topsecret-referer",
            )
            .header("user-agent", "curl/8 (?password=topsecret-agent)")
            .header("x-request-id", "?token=topsecret-id")
            .header("content-type", "application/json; charset=utf-8")
            .body(Body::from(
                r#"{"user":{"Password":"topsecret-body"},"url":"?token=topsecret-text"}"#,
            ));
    assert_eq!(
        app.oneshot(call.unwrap()).await.unwrap().status(),
        StatusCode::OK
    );
    assert!(sqreen.shutdown().await.is_complete());
    assert_eq!(
        backend.event("everything").request().verb.as_deref(),
        Some("POST")
    );
    for body in &backend.seen().bodies {
        assert!(!body.contains("topsecret"), "{body}");
        assert!(!body.contains("4111111111111111"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn corrections_keep_what_is_valid_and_are_counted() {
    let (backend, sqreen) = setup().await;
    let many = (0..17).map(|number| (format!("key{number}"), number));
    sqreen.track(Event::from("many").properties(many));
    sqreen.track(Event::from("long").property("text", "é".repeat(5_000)));
    sqreen.track("n".repeat(300));
    sqreen.track("");
    sqreen.track("sq.custom");
    sqreen.auth_track(true, UserIdentifiers::default());
    let report = sqreen.shutdown().await;
    let stats = &report.stats;
    for mistake in [
        "too_many_properties",
        "long_value",
        "long_name",
        "empty_name",
        "reserved_name",
        "no_identifiers",
    ] {
        assert_eq!(stats.corrected[mistake], 1, "{mistake}");
    }
    assert_eq!(stats.dropped["invalid_name"], 2);
    assert_eq!(stats.accepted, 4);
    assert_eq!(backend.event("many").options.properties.len(), 16);
    let text = &backend.event("long").options.properties["text"];
    assert_eq!(*text, "é".repeat(4_096));
    assert_eq!(backend.event(&"n".repeat(256)).call, "track");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_scrubbed_is_dropped_and_not_sent() {
    let (backend, sqreen) = setup().await;
    let handler = async |sqreen: SqreenCtx, _: Bytes| {
        sqreen.track(Event::from("posted").collect_body(true));
    };
    let app = Router::new()
        .route("/", post(handler))
        .layer(sqreen.layer().collect_body());
    // Deeper than the scrubber goes.
    let deep = format!("{}\"topsecret\"{}", "[".repeat(100), "]".repeat(100));
    for body in [deep, "[1]".to_owned()] {
        let call = Request::post("/").header("content-type", "application/json");
        let response = app
            .clone()
            .oneshot(call.body(Body::from(body)).unwrap())
            .await;
        assert_eq!(response.unwrap().status(), StatusCode::OK);
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.dropped["scrub_failed"], 1);
    let sent = backend.event("posted").request().parameters.json.clone();
    assert_eq!(sent, Some(json!([1])));
    let bodies = &backend.seen().bodies;
    assert!(!bodies.iter().any(|body| body.contains("topsecret")));
}
