//! The event store: what every implementation must do, and what the embedded one does when things go wrong.

mod checks;
mod conformance;
mod consuming;
mod damage;
mod durability;
mod former;
mod grouping;
mod kept;
mod language;
mod maintenance;
mod naive;
mod oracle;
mod readers;
mod rows;
mod sealing;
mod search;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sqreen_server::store::{
    Check, Dimension, EmbeddedStore, EventId, EventQuery, EventStore, Field, Filter, JsonField,
    ScanMonitor, StoreError, StoreOptions, StoredEvent, Test, TimeRange, Verdict,
};

/// A time in 2026, in microseconds since the Unix epoch.
const T0: i64 = 1_790_000_000_000_000;

fn id(n: u64) -> EventId {
    EventId::from_bytes(u128::from(n).to_be_bytes())
}

/// The `n`th of many events that differ in everything.
fn event(n: u64) -> StoredEvent {
    let mut event = StoredEvent::new(
        id(n),
        T0 + i64::try_from(n).unwrap() * 1000,
        T0,
        ["shop", "blog"][usize::from(n.is_multiple_of(5))],
        format!("event.{}", n % 7),
    );
    event.ip = (!n.is_multiple_of(4)).then(|| IpAddr::from([192, 0, 2, (n % 9) as u8]));
    event.user = (!n.is_multiple_of(3)).then(|| {
        BTreeMap::from([
            ("email".to_owned(), json!(format!("u{}@b.example", n % 6))),
            ("id".to_owned(), json!(n % 6)),
        ])
    });
    event.method = Some("GET".to_owned());
    event.path = Some(format!("/products/{n}"));
    event.status = Some(200 + (n % 3) as u16);
    event.user_agent = n.is_multiple_of(2).then(|| "curl/8.0".to_owned());
    event.params = Some(json!({"query": {"q": n, "text": "ä \"quoted\""}}));
    event.properties = Map::from_iter([("amount".to_owned(), Value::from(n))]).into();
    event
}

fn events(range: std::ops::Range<u64>) -> Vec<StoredEvent> {
    range.map(event).collect()
}

fn append(store: &dyn EventStore, events: Vec<StoredEvent>) -> Result<Vec<Verdict>, StoreError> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(store.append(events))
}

fn append_new(store: &dyn EventStore, events: Vec<StoredEvent>) {
    let count = events.len();
    assert_eq!(
        append(store, events).unwrap(),
        vec![Verdict::Accepted; count]
    );
}

/// Events that are asked for.
#[derive(Clone, Debug, Default)]
struct Wanted {
    filter: Filter,
    range: TimeRange,
}

impl Wanted {
    fn matches(&self, event: &StoredEvent) -> bool {
        self.range.contains(event.time) && self.filter.matches(event)
    }
}

impl From<Filter> for Wanted {
    fn from(filter: Filter) -> Self {
        let range = TimeRange::ALL;
        Self { filter, range }
    }
}

/// The events whose dimension has the value.
fn is(dimension: Dimension, value: impl Into<String>) -> Filter {
    Filter::Is(Test {
        field: Field::Dimension(dimension),
        check: Check::Equals(vec![value.into()]),
    })
}

/// The events whose field of JSON has the value, or one of its values is it.
fn has(field: JsonField, path: &[&str], value: impl Into<String>) -> Filter {
    let path = path.iter().map(|name| (*name).to_owned()).collect();
    Filter::Is(Test {
        field: Field::Json(field, path),
        check: Check::Equals(vec![value.into()]),
    })
}

/// Every event that is wanted, by pages of `limit`.
fn pages(store: &dyn EventStore, wanted: impl Into<Wanted>, limit: usize) -> Vec<StoredEvent> {
    let Wanted { filter, range } = wanted.into();
    let mut query = EventQuery::new(filter, limit);
    query.range = range;
    let mut events = Vec::new();
    loop {
        let page = store.query(&query, &ScanMonitor::new()).unwrap();
        assert!(page.events.len() <= limit);
        assert!(
            page.next.is_none() || page.events.len() == limit,
            "a short page is the last one"
        );
        events.extend(page.events);
        match page.next {
            // A client hands the cursor back as text.
            Some(next) => query.cursor = Some(next.to_string().parse().unwrap()),
            None => return events,
        }
    }
}

fn all(store: &dyn EventStore) -> Vec<StoredEvent> {
    pages(store, Filter::default(), 1000)
}

/// The order of pages.
fn newest_first(mut events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    events.sort_by_key(|event| std::cmp::Reverse((event.time, event.id)));
    events
}

fn open(dir: &Path) -> EmbeddedStore {
    EmbeddedStore::open(dir, StoreOptions::new()).unwrap()
}

/// The files of a folder of the store whose names end so.
fn files(dir: &Path, folder: &str, suffix: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(suffix))
        .collect();
    files.sort();
    files
}

/// The one such file.
fn file(dir: &Path, folder: &str, suffix: &str) -> PathBuf {
    let mut files = files(dir, folder, suffix);
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

/// A small generator of numbers that look random and are the same in every run.
struct Lcg(u64);

impl Lcg {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| make(self))
    }
}
