//! The event that the layer tracks of responses with status 404.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, StatusCode};
use sqreen::{ConfigBuilder, PeerAddr, Sqreen, SqreenCtx};
use support::{
    Backend, Fault, On, Stored, agent, assert_balanced, assert_settled, config, patient_config,
    serve,
};
use tower::ServiceExt as _;

const NAME: &str = "sq.http.not_found";
/// Of one address, in a minute.
const MOST: u64 = 120;

/// A shop whose handlers answer 200, and 404 themselves; elsewhere it is axum that answers 404.
fn shop(sqreen: &Sqreen) -> Router {
    let gone = async |sqreen: SqreenCtx| {
        sqreen.identify([("email", "ann@example.com")]).unwrap();
        sqreen.track("page.gone");
        StatusCode::NOT_FOUND
    };
    Router::new()
        .route("/", get(async || "welcome"))
        .route("/gone/{page}", get(gone))
        .layer(sqreen.layer())
}

/// The status that a client at this address gets.
async fn status(app: &Router, ip: &str, path: &str) -> u16 {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    let ip: IpAddr = ip.parse().unwrap();
    request
        .extensions_mut()
        .insert(PeerAddr(SocketAddr::from((ip, 4711))));
    app.clone()
        .oneshot(request)
        .await
        .unwrap()
        .status()
        .as_u16()
}

async fn scan(app: &Router, ip: &str, requests: u64) {
    for number in 0..requests {
        assert_eq!(status(app, ip, &format!("/{number}.php")).await, 404);
    }
}

fn of(backend: &Backend, ip: &str) -> Vec<Stored> {
    let mut events = backend.events();
    events.retain(|event| event.name == NAME && event.record.client_ip.as_deref() == Some(ip));
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_404_tells_who_asked_for_what() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    let (address, server) = serve(shop(&sqreen)).await;
    let http = reqwest_client();
    for (path, status) in [("/", 200), ("/wp-admin/setup.php?step=1", 404)] {
        let answer = http.get(format!("http://{address}{path}")).send().await;
        assert_eq!(answer.unwrap().status(), status);
    }
    server.abort();
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let event = backend.event(NAME);
    assert_eq!(event.call, "track");
    assert_eq!(event.status(), Some(404));
    assert_eq!(event.record.client_ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(event.request().path.as_deref(), Some("/wp-admin/setup.php"));
    assert_eq!(event.request().parameters.query["step"], "1");
    assert!(event.options.properties.is_empty());
}

fn reqwest_client() -> reqwest::Client {
    // The SDK brings TLS without a provider for all; an error says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handlers_own_404_is_told_beside_its_event_and_user() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    // A layer within the layer tells nothing twice.
    let app = shop(&sqreen).layer(sqreen.layer());
    assert_eq!(status(&app, "198.51.100.7", "/gone/7").await, 404);
    assert_settled(&sqreen.shutdown().await, &backend);
    assert_eq!(backend.events().len(), 2);
    let (own, ours) = (backend.event("page.gone"), backend.event(NAME));
    assert_eq!(own.status(), Some(404));
    assert_eq!(ours.user("email"), Some("ann@example.com"));
    assert_eq!(ours.request().endpoint.as_deref(), Some("/gone/{page}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scanner_is_told_of_up_to_a_bound_and_others_as_before() {
    let backend = Backend::start().await;
    let sqreen = agent(patient_config(&backend));
    let app = shop(&sqreen);
    let start = Instant::now();
    scan(&app, "198.51.100.7", 1_000).await;
    scan(&app, "198.51.100.8", 1).await;
    // A machine so slow that the scan takes longer than a minute begins another one.
    let minutes = start.elapsed().as_secs() / 60 + 1;
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let told = of(&backend, "198.51.100.7").len() as u64;
    assert!(
        (MOST..=MOST * minutes).contains(&told),
        "{told} in {minutes} minutes"
    );
    assert_eq!(told + report.stats.suppressed_not_found, 1_000);
    assert_eq!(of(&backend, "198.51.100.8").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ipv6_scanner_gains_nothing_by_its_many_addresses() {
    let backend = Backend::start().await;
    let sqreen = agent(patient_config(&backend));
    let app = shop(&sqreen);
    for host in 0..MOST + 80 {
        scan(&app, &format!("2001:db8:0:1::{host:x}"), 1).await;
    }
    scan(&app, "2001:db8:0:2::1", 1).await;
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let told = report.stats.accepted + report.stats.suppressed_not_found;
    assert_eq!(told, MOST + 81);
    assert!(report.stats.suppressed_not_found > 0);
    assert_eq!(of(&backend, "2001:db8:0:2::1").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_turns_it_off() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend).track_not_found(false));
    scan(&shop(&sqreen), "198.51.100.7", 3).await;
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(
        (report.stats.tracked, report.stats.suppressed_not_found),
        (0, 0)
    );
}

/// A queue whose first batch hangs, and so stays as full as it gets.
fn small(config: ConfigBuilder) -> ConfigBuilder {
    config
        .queue_events(4)
        .request_timeout(Duration::from_secs(2))
        .shutdown_timeout(Duration::from_secs(20))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_costs_no_event_of_the_apps_own() {
    let backend = Backend::with_faults([(On::Login, Fault::Hang)]).await;
    let sqreen = agent(small(config(&backend)));
    let app = shop(&sqreen);
    sqreen.track("before");
    scan(&app, "198.51.100.7", 6).await;
    assert_eq!(sqreen.stats().dropped["queue_full"], 3);
    sqreen.track("after");
    sqreen.auth_track(true, [("email", "ann@example.com")]);
    scan(&app, "198.51.100.7", 1).await;
    let stats = sqreen.stats();
    assert_balanced(&stats);
    assert_eq!((stats.tracked, stats.pending), (10, 4));
    assert_settled(&sqreen.shutdown().await, &backend);
    let mut names: Vec<_> = backend.events().into_iter().map(|e| e.name).collect();
    names.sort();
    let kept = [NAME, "sq.sdk.users.login"].map(str::to_owned);
    assert_eq!(
        names,
        [vec!["after".to_owned(), "before".to_owned()], kept.to_vec()].concat()
    );
}
