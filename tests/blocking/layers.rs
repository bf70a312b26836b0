//! The layer among other layers and agents.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use sqreen::protocol::Action;
use sqreen::{PeerAddr, Sqreen, SqreenCtx, UserIdentifiers};
use tower::{Layer as _, ServiceExt as _};

use super::scripted::{self, block_ip, block_user};
use super::support::{Backend, agent, patient_config};
use super::until;

const MALLORY: [u8; 4] = [203, 0, 113, 7];
const GUEST: [u8; 4] = [192, 0, 2, 1];

fn ann() -> UserIdentifiers {
    UserIdentifiers::new("email", "ann@example.com")
}

/// A backend, and an agent that has its actions.
async fn start(actions: Vec<Action>) -> (Backend, Sqreen) {
    let last = block_user("last", &[("email", "last@example.com")]);
    let backend = scripted::start([actions, vec![last]].concat()).await;
    let sqreen = agent(patient_config(&backend));
    let last = UserIdentifiers::new("email", "last@example.com");
    until("the pack is there", async || sqreen.is_blocked(&last)).await;
    (backend, sqreen)
}

fn request(ip: [u8; 4], path: &str) -> Request<Body> {
    let mut request = Request::get(path).body(Body::empty()).unwrap();
    let peer = SocketAddr::from((ip, 1_024));
    request.extensions_mut().insert(PeerAddr(peer));
    request
}

/// `/` greets, `/ann` identifies a user and ignores what comes of it.
fn routes(calls: &Arc<AtomicUsize>) -> Router {
    let (home, me) = (calls.clone(), calls.clone());
    let home = async move || {
        home.fetch_add(1, Ordering::SeqCst);
        "served"
    };
    let me = async move |sqreen: SqreenCtx| {
        me.fetch_add(1, Ordering::SeqCst);
        let _ = sqreen.identify(ann());
        "served"
    };
    Router::new().route("/", get(home)).route("/ann", get(me))
}

async fn status(app: &Router, request: Request<Body>) -> u16 {
    let answer = app.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body == "served", status == 200, "{status} {body:?}");
    status
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_twice_it_stops_and_reports_once() {
    let actions = vec![
        block_ip("a-1", "203.0.113.7"),
        block_user("a-2", &[("email", "ann@example.com")]),
    ];
    let (backend, sqreen) = start(actions).await;
    let calls = Arc::default();
    let app = routes(&calls).layer(sqreen.layer()).layer(sqreen.layer());
    assert_eq!(status(&app, request(MALLORY, "/")).await, 403);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(status(&app, request(GUEST, "/ann")).await, 403);
    assert_eq!(status(&app, request(GUEST, "/")).await, 200);
    let stats = sqreen.shutdown().await.stats;
    assert_eq!((stats.accepted, stats.suppressed_reports), (2, 0));
    assert_eq!(backend.event("sq.action.block_ip").status(), Some(403));
    assert_eq!(backend.event("sq.action.block_user").status(), Some(403));
}

/// Each agent enforces its own backend's actions on addresses; users are identified to the inner.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_agents_each_enforces_its_own_actions() {
    let on_ann = block_user("o-2", &[("email", "ann@example.com")]);
    let (outer_backend, outer) = start(vec![block_ip("o-1", "203.0.113.7"), on_ann]).await;
    let (inner_backend, inner) = start(vec![block_ip("i-1", "203.0.113.8")]).await;
    let calls = Arc::default();
    let app = routes(&calls).layer(inner.layer()).layer(outer.layer());
    assert_eq!(status(&app, request(MALLORY, "/")).await, 403);
    assert_eq!(status(&app, request([203, 0, 113, 8], "/")).await, 403);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(status(&app, request(GUEST, "/ann")).await, 200);
    inner_backend
        .wait_for(|seen| seen.actions.stream.is_some())
        .await;
    let on_ann = block_user("i-2", &[("email", "ann@example.com")]);
    inner_backend.line(&scripted::change(1, vec![on_ann], &[]));
    until("ann is blocked", async || inner.is_blocked(&ann())).await;
    assert_eq!(status(&app, request(GUEST, "/ann")).await, 403);
    assert!(outer.shutdown().await.is_complete() && inner.shutdown().await.is_complete());
    let ids = |backend: &Backend| {
        let events = backend.events().into_iter();
        let mut ids: Vec<_> = events
            .map(|event| event.options.properties["action_id"].clone())
            .collect();
        ids.sort_by_key(ToString::to_string);
        ids
    };
    assert_eq!(ids(&outer_backend), ["o-1"]);
    assert_eq!(ids(&inner_backend), ["i-1", "i-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_layer_that_collects_bodies_stops_alike() {
    let actions = vec![
        block_ip("a-1", "203.0.113.7"),
        block_user("a-2", &[("email", "ann@example.com")]),
    ];
    let (_backend, sqreen) = start(actions).await;
    let calls = Arc::default();
    let app = routes(&calls).layer(sqreen.layer().collect_body());
    assert_eq!(status(&app, request(MALLORY, "/")).await, 403);
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    assert_eq!(status(&app, request(GUEST, "/ann")).await, 403);
    assert_eq!(status(&app, request(GUEST, "/")).await, 200);
}

/// An outer layer may answer with what an error says.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_after_a_blocked_user_was_identified_is_stopped_too() {
    let actions = vec![block_user("a-1", &[("email", "ann@example.com")])];
    let (backend, sqreen) = start(actions).await;
    let fails = tower::service_fn(async |request: Request<Body>| {
        if request.uri().path() == "/ann" {
            let _ = sqreen::current().unwrap().identify(ann());
        }
        Err::<Response<Body>, _>("the handler's own words")
    });
    let app = sqreen.layer().layer(fails);
    let answer = app.clone().oneshot(request(GUEST, "/ann")).await;
    assert_eq!(answer.unwrap().status(), 403);
    let error = app.oneshot(request(GUEST, "/")).await.unwrap_err();
    assert_eq!(error, "the handler's own words");
    assert!(sqreen.shutdown().await.is_complete());
    assert_eq!(backend.event("sq.action.block_user").status(), Some(403));
}

/// A blocked client does not use up what the app keeps for the others.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_inside_of_the_layer_is_not_called_for_a_blocked_address() {
    let (_backend, sqreen) = start(vec![block_ip("a-1", "203.0.113.7")]).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let inner = tower::service_fn(move |_: Request<Body>| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Infallible>(Response::new(Body::from("served"))) }
    });
    let app = sqreen.layer().layer(inner);
    for _ in 0..10 {
        let answer = app.clone().oneshot(request(MALLORY, "/")).await.unwrap();
        assert_eq!(answer.status(), 403);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    let answer = app.oneshot(request(GUEST, "/")).await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), calls.load(Ordering::SeqCst)),
        (200, 1)
    );
}
