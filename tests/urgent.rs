//! Logins and signups go out with their response, rather than with the next batch.

#![cfg(feature = "axum")]
#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::get;
use http::{Request, StatusCode};
use sqreen::{Sqreen, SqreenCtx};
use support::{Backend, Fault, On, agent, assert_settled, patient_config};
use tokio::sync::Notify;
use tower::ServiceExt as _;

const ANN: [(&str, &str); 1] = [("email", "ann@example.com")];
const HOUR: Duration = Duration::from_secs(3_600);

/// An agent that sends nothing within the time of a test, unless it is urgent.
fn slow_agent(backend: &Backend) -> Sqreen {
    agent(
        patient_config(backend)
            .max_staleness(HOUR)
            .heartbeat(HOUR)
            .response_wait(HOUR),
    )
}

fn request(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

/// Runs a request as far as it goes by itself.
fn begin(request: Pin<&mut impl Future>) {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(request.poll(&mut cx).is_pending());
}

async fn refuse(sqreen: SqreenCtx) -> StatusCode {
    sqreen.auth_track(false, ANN);
    StatusCode::FORBIDDEN
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_goes_out_with_its_response() {
    let backend = Backend::start().await;
    let sqreen = slow_agent(&backend);
    let app = Router::new().route("/", get(refuse)).layer(sqreen.layer());
    // Also where the agent has slept since the first one.
    for logins in 1..=3 {
        sqreen.track("custom");
        let answer = app.clone().oneshot(request("/")).await.unwrap();
        assert_eq!(answer.status(), 403);
        backend.wait_for(|seen| seen.ids.len() == 2 * logins).await;
    }
    let events = backend.events();
    let logins = events.iter().filter(|e| e.name == "sq.sdk.users.login");
    assert!(logins.clone().all(|event| event.status() == Some(403)));
    assert_eq!(logins.count(), 3);
    assert_settled(&sqreen.shutdown().await, &backend);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_waits_for_its_response_and_no_longer() {
    let backend = Backend::start().await;
    let sqreen = slow_agent(&backend);
    let (tracked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let state = (tracked.clone(), answer.clone());
    let login = async |State((tracked, answer)): State<(Arc<Notify>, Arc<Notify>)>,
                       sqreen: SqreenCtx| {
        sqreen.auth_track(true, ANN);
        tracked.notify_one();
        answer.notified().await;
    };
    let app = Router::new()
        .route("/slow", get(login))
        .with_state(state)
        .route("/", get(refuse))
        .layer(sqreen.layer());
    let slow = tokio::spawn(app.clone().oneshot(request("/slow")));
    tracked.notified().await;
    // Another login goes out; the agent has then seen that the first one has to wait.
    app.oneshot(request("/")).await.unwrap();
    backend.wait_for(|seen| seen.ids.len() == 1).await;
    assert_eq!(backend.events()[0].status(), Some(403));
    answer.notify_one();
    assert_eq!(slow.await.unwrap().unwrap().status(), 200);
    backend.wait_for(|seen| seen.ids.len() == 2).await;
    assert_eq!(backend.events()[1].status(), Some(200));
    assert_settled(&sqreen.shutdown().await, &backend);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_outside_of_a_request_or_after_it_goes_out_at_once() {
    let backend = Backend::start().await;
    let sqreen = slow_agent(&backend);
    sqreen.auth_track(true, ANN);
    backend.wait_for(|seen| seen.ids.len() == 1).await;
    sqreen.signup_track(ANN);
    backend.wait_for(|seen| seen.ids.len() == 2).await;
    let (sender, context) = tokio::sync::oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let keep = async move |sqreen: SqreenCtx| {
        let sender = sender.lock().unwrap().take().unwrap();
        assert!(sender.send(sqreen).is_ok());
    };
    let keep = Arc::new(keep);
    let handler = move |sqreen: SqreenCtx| {
        let keep = keep.clone();
        async move { keep(sqreen).await }
    };
    let app = Router::new().route("/", get(handler)).layer(sqreen.layer());
    app.oneshot(request("/")).await.unwrap();
    context.await.unwrap().signup_track(ANN);
    backend.wait_for(|seen| seen.ids.len() == 3).await;
    assert_eq!(backend.events()[2].status(), Some(200));
    assert_settled(&sqreen.shutdown().await, &backend);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_client_hangs_up_goes_out_at_once() {
    let backend = Backend::start().await;
    let sqreen = slow_agent(&backend);
    let hang = async |sqreen: SqreenCtx| {
        sqreen.auth_track(false, ANN);
        std::future::pending::<()>().await;
    };
    let app = Router::new().route("/", get(hang)).layer(sqreen.layer());
    let mut request = Box::pin(app.oneshot(request("/")));
    begin(request.as_mut());
    drop(request);
    backend.wait_for(|seen| seen.ids.len() == 1).await;
    assert_eq!(backend.events()[0].status(), None);
    assert_settled(&sqreen.shutdown().await, &backend);
}

/// Flushes are 100 ms apart, whatever else is in the queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_batched() {
    let backend = Backend::start().await;
    let sqreen = slow_agent(&backend);
    let hang = async |sqreen: SqreenCtx| {
        sqreen.track("hung");
        std::future::pending::<()>().await;
    };
    let app = Router::new()
        .route("/hang", get(hang))
        .route("/", get(refuse))
        .layer(sqreen.layer());
    let mut hanging = Box::pin(app.clone().oneshot(request("/hang")));
    begin(hanging.as_mut());
    let start = Instant::now();
    app.clone().oneshot(request("/")).await.unwrap();
    backend.wait_for(|seen| seen.ids.len() == 1).await;
    let mut logins = 1;
    while start.elapsed() < Duration::from_millis(750) {
        app.clone().oneshot(request("/")).await.unwrap();
        logins += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    backend.wait_for(|seen| seen.ids.len() == logins).await;
    let most = start.elapsed().as_millis() / 100 + 1 + logins as u128 / 512;
    let batches = backend.seen().bodies.len() as u128;
    assert!(
        (2..=most).contains(&batches),
        "{batches} for {logins} logins, at most {most}"
    );
    drop(hanging);
    assert_settled(&sqreen.shutdown().await, &backend);
}

/// More than one batch of them leaves nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn logins_that_waited_for_the_backend_all_go_out() {
    let backend = Backend::with_faults([(On::Login, Fault::Answer(503, Vec::new()))]).await;
    let sqreen = agent(
        patient_config(&backend)
            .max_staleness(HOUR)
            .heartbeat(HOUR)
            .batch_size(10),
    );
    for _ in 0..35 {
        sqreen.auth_track(false, ANN);
    }
    backend.wait_for(|seen| seen.ids.len() == 35).await;
    assert_settled(&sqreen.shutdown().await, &backend);
}
