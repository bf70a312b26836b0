//! `/api/v1/events` and what is below it.

mod counts;
mod export;
mod hung_up;

mod live;
mod pages;
mod search;
mod watching;

use std::collections::VecDeque;

use reqwest::Response;
use serde_json::{Value, json};
use sqreen_server::store::{EmbeddedStore, EventId, EventStore, StoreOptions, StoredEvent};

use super::client::Running;

/// 2026-11-23T10:00:00Z, in microseconds since the Unix epoch.
const T0: i64 = 1_795_428_000_000_000;
const SECOND: i64 = 1_000_000;

/// The `n`th event, `n` seconds after the first.
fn event(n: u64, name: &str) -> StoredEvent {
    let id = EventId::from_bytes(u128::from(n).to_be_bytes());
    let time = T0 + i64::try_from(n).unwrap() * SECOND;
    StoredEvent::new(id, time, time, "shop", name)
}

/// An event of some 500 kB.
fn large(n: u64) -> StoredEvent {
    let mut event = event(n, "large");
    event.body = Some(json!("x".repeat(500_000)));
    event
}

/// A server that has these events.
async fn stocked(events: Vec<StoredEvent>) -> (Running, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path().join("events"), StoreOptions::new()).unwrap();
    // In pieces that a store takes at once.
    let mut events = VecDeque::from(events);
    while !events.is_empty() {
        let piece = events.drain(..events.len().min(10)).collect();
        store.append(piece).await.unwrap();
    }
    store.close().unwrap();
    drop(store);
    (Running::at(dir.path()).await, dir)
}

/// A value as it stands in a URL.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The numbers of events.
fn numbers(events: &[Value]) -> Vec<u64> {
    let number = |event: &Value| {
        let id = event["id"].as_str().unwrap().rsplit('-').next().unwrap();
        u64::from_str_radix(id, 16).unwrap()
    };
    events.iter().map(number).collect()
}

/// Calls the API; the answer is a problem of this status and field.
async fn refused(running: &Running, path: &str, status: u16, field: &str) -> Value {
    let answer = running.client.api(path).send().await.unwrap();
    assert_eq!(answer.status(), status, "{path}");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["field"], field, "{path}: {problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.starts_with(&format!("{field}: ")), "{problem}");
    problem
}

/// Reads server-sent events.
pub(crate) struct Events {
    answer: Response,
    text: String,
}

impl Events {
    async fn open(running: &Running, path: &str) -> Self {
        let answer = running.client.api(path).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        Self::of(answer)
    }

    pub(crate) fn of(answer: Response) -> Self {
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            answer,
            text: String::new(),
        }
    }

    /// The next event's name and data; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines();
                    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                    value.map(str::to_owned)
                };
                let read = field("event").zip(field("data"));
                self.text = rest.to_owned();
                match read {
                    Some((name, data)) => return Some((name, data.parse().unwrap())),
                    // A comment.
                    None => continue,
                }
            }
            let chunk = self.answer.chunk().await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
