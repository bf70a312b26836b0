//! The SDK beside a backend that is killed under load, and restarted, again and again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use serde_json::Value;
use sqreen::{Config, Event, Sqreen, Stats};
use tower_service::Service as _;

use super::client::{Client, INGEST};
use super::process::Process;

const ROUNDS: u64 = 4;

fn agent(url: &str) -> Sqreen {
    let config = Config::builder()
        .token(INGEST)
        .app_name("shop")
        .url(url)
        .batch_size(50)
        .queue_events(500)
        .max_staleness(Duration::from_millis(5))
        .heartbeat(Duration::from_secs(1))
        .request_timeout(Duration::from_secs(5))
        .shutdown_timeout(Duration::from_secs(120));
    Sqreen::new(config.build().unwrap()).unwrap()
}

fn numbered(name: &'static str, number: u64) -> Event {
    Event::from(name).property("number", number)
}

/// Requests to an app, one after another, until told to stop; each tracks an event, which is dropped when there is no
/// room. Returns how many there were.
async fn requests(sqreen: Sqreen, stop: Arc<AtomicBool>) -> u64 {
    let numbers = Arc::new(AtomicU64::new(0));
    let next = Arc::clone(&numbers);
    let handler = async move || {
        let number = next.fetch_add(1, Ordering::SeqCst);
        sqreen::track(numbered("requested", number));
    };
    let mut app = Router::new().route("/", get(handler)).layer(sqreen.layer());
    while !stop.load(Ordering::SeqCst) {
        let request = Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(app.call(request).await.unwrap().status(), 200);
        tokio::task::yield_now().await;
    }
    numbers.load(Ordering::SeqCst)
}

/// Imports until told to stop, which waits for room. Returns how many there were.
async fn import(sqreen: Sqreen, stop: Arc<AtomicBool>) -> u64 {
    let numbers = (0..).take_while(|_| !stop.load(Ordering::SeqCst));
    let mut numbers = numbers.map(|number| numbered("imported", number));
    let events = futures_util::stream::poll_fn(|_| std::task::Poll::Ready(numbers.next()));
    let report = sqreen.import(events).await;
    assert_eq!(report.refused, 0);
    report.queued
}

/// The numbers of the stored events of this name; each is there once.
fn numbers(events: &[Value], name: &str) -> BTreeSet<u64> {
    let events = events.iter().filter(|event| event["name"] == name);
    let events: Vec<_> = events.collect();
    let numbers = events.iter().map(|e| e["properties"]["number"].as_u64());
    let numbers: BTreeSet<_> = numbers.map(Option::unwrap).collect();
    assert_eq!(numbers.len(), events.len(), "{name}: stored once each");
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sdk_counts_as_stored_is_there_once_after_kills_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start("127.0.0.1:0", dir.path());
    let addr = process.addr.clone();
    let sqreen = agent(&process.url());
    let stop: Arc<AtomicBool> = Arc::default();
    let requests = tokio::spawn(requests(sqreen.clone(), Arc::clone(&stop)));
    let import = tokio::spawn(import(sqreen.clone(), Arc::clone(&stop)));
    for _ in 0..ROUNDS {
        let before = sqreen.stats().accepted;
        let is_enough = |stats: Stats| stats.accepted >= before + 500 && stats.pending > 0;
        while !is_enough(sqreen.stats()) {
            assert!(process.is_running(), "ended by itself: {}", process.log());
            tokio::task::yield_now().await;
        }
        process.kill();
        process = Process::start(&addr, dir.path());
    }
    stop.store(true, Ordering::SeqCst);
    let (requested, imported) = (requests.await.unwrap(), import.await.unwrap());
    let stats = sqreen.shutdown().await.stats;

    // Nothing is left or refused; only what was tracked while there was no room is dropped.
    assert_eq!(stats.tracked, requested + imported);
    assert_eq!((stats.pending, stats.pending_bytes), (0, 0));
    assert!(stats.rejected.is_empty(), "{stats:?}");
    let dropped = stats.dropped.get("queue_full").copied().unwrap_or(0);
    assert_eq!(dropped, stats.dropped.values().sum::<u64>(), "{stats:?}");
    let ended = stats.accepted + stats.duplicate;
    assert_eq!(ended + dropped, stats.tracked, "{stats:?}");

    let client = Client::new(&format!("http://{addr}"));
    let events = client.all_events().await;
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str()).collect();
    assert_eq!(ids.len(), events.len(), "stored once each");
    assert_eq!(events.len() as u64, ended, "{stats:?}");
    // An import drops nothing.
    assert!(numbers(&events, "imported").into_iter().eq(0..imported));
    let stored = numbers(&events, "requested");
    assert_eq!(stored.len() as u64, requested - dropped);
    assert!(stored.iter().all(|number| *number < requested));

    let outcomes = client.api("/api/v1/outcomes").send().await.unwrap();
    let outcomes: Value = outcomes.json().await.unwrap();
    let row = &outcomes["outcomes"][0];
    assert_eq!(outcomes["outcomes"].as_array().unwrap().len(), 1);
    assert_eq!(row["tracked"], stats.tracked);
    assert_eq!(row["accepted"], stats.accepted);
    assert_eq!(row["duplicate"], stats.duplicate);
    assert_eq!(row["pending"], 0);
    assert_eq!(row["dropped"]["queue_full"].as_u64().unwrap_or(0), dropped);
}
