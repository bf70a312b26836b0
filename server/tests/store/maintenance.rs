//! Retention, sealing by time, and small segments made one.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sqreen_server::store::{EmbeddedStore, EventStore, StoreOptions, StoredEvent};

use crate::{all, append_new, event, events, file, files, newest_first, open};

const DAY: i64 = 24 * 60 * 60 * 1_000_000;

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_micros()).unwrap()
}

/// An event that happened, and was received, so many days ago.
fn aged(n: u64, time: i64, received: i64) -> StoredEvent {
    let mut event = event(n);
    (event.time, event.received) = (now() - time * DAY, now() - received * DAY);
    event
}

fn numbers(store: &dyn EventStore) -> BTreeSet<u64> {
    let events = all(store);
    let numbers = events.iter().map(|event| {
        let bytes = event.id.as_bytes();
        u64::from_be_bytes(bytes[8..].try_into().unwrap())
    });
    let numbers: BTreeSet<u64> = numbers.collect();
    assert_eq!(numbers.len(), events.len(), "each once");
    numbers
}

fn sealed(store: &EmbeddedStore, events: Vec<StoredEvent>) {
    append_new(store, events);
    store.seal().unwrap();
}

#[test]
fn segments_that_are_too_old_are_deleted_whole() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().retention_age(Duration::from_secs(5 * 86_400));
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    sealed(&store, vec![aged(1, 10, 10), aged(2, 6, 6)]);
    // One young row keeps its segment.
    sealed(&store, vec![aged(3, 10, 10), aged(4, 1, 1)]);
    // The future that a client claims is as old as its receipt.
    sealed(&store, vec![aged(5, -400, 10)]);
    append_new(&store, vec![aged(6, 10, 0)]);
    store.maintain().unwrap();
    assert_eq!(numbers(&store), BTreeSet::from([3, 4, 6]));
    let stats = store.stats();
    assert_eq!((stats.expired_segments, stats.expired_events), (2, 3));
    assert_eq!(files(dir.path(), "segments", ".parquet").len(), 1);
    // What is in memory goes once it is in a segment.
    store.seal().unwrap();
    store.maintain().unwrap();
    drop(store);
    assert_eq!(numbers(&open(dir.path())), BTreeSet::from([3, 4]));
}

#[test]
fn the_oldest_segments_are_deleted_while_all_take_too_much() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for (n, days) in [(1, 2), (2, 3), (3, 1)] {
        sealed(&store, vec![aged(n, days, 0)]);
    }
    let bytes = store.stats().segment_bytes;
    store.maintain().unwrap();
    assert_eq!(numbers(&store), BTreeSet::from([1, 2, 3]), "no limit");
    drop(store);
    for (limit, left) in [
        (bytes, BTreeSet::from([1, 2, 3])),
        (bytes - 1, BTreeSet::from([1, 3])),
        (1, BTreeSet::new()),
    ] {
        let options = StoreOptions::new().retention_bytes(limit);
        let store = EmbeddedStore::open(dir.path(), options).unwrap();
        store.maintain().unwrap();
        assert_eq!(numbers(&store), left, "{limit} of {bytes} bytes");
    }
}

#[test]
fn rows_in_memory_are_sealed_when_they_are_old() {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().seal_age(Duration::from_millis(1));
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    append_new(&store, events(0..3));
    let began = Instant::now();
    while store.stats().segments == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "not sealed");
        std::thread::yield_now();
    }
    assert_eq!(store.stats().hot_rows, 0);
    assert_eq!(all(&store), newest_first(events(0..3)));
}

/// Nine segments of ten events each, closed; returns their files with their content.
fn nine_segments(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    // Too few rows to be made one before it is asked for.
    let store = EmbeddedStore::open(dir, StoreOptions::new().seal_rows(50)).unwrap();
    for n in 0..9 {
        sealed(&store, events(n * 10..n * 10 + 10));
    }
    store.close().unwrap();
    drop(store);
    let paths = files(dir, "segments", ".parquet");
    let read = |path: PathBuf| (path.clone(), fs::read(path).unwrap());
    paths.into_iter().map(read).collect()
}

fn compacted(dir: &Path) -> PathBuf {
    let store = open(dir);
    store.maintain().unwrap();
    assert_eq!(all(&store), newest_first(events(0..90)));
    assert_eq!(store.stats().segments, 1);
    drop(store);
    file(dir, "segments", ".parquet")
}

#[test]
fn small_segments_are_made_one() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(nine_segments(dir.path()).len(), 9);
    let one = compacted(dir.path());
    let name = one.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("00000001-00000009-"), "{name}");
    // Further ones have numbers of their own.
    let store = open(dir.path());
    sealed(&store, events(90..100));
    drop(store);
    assert_eq!(all(&open(dir.path())), newest_first(events(0..100)));
}

#[test]
fn an_end_while_segments_are_made_one_neither_doubles_nor_loses_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let old = nine_segments(dir.path());
    let one = compacted(dir.path());
    let put_back = |from: usize| {
        for (path, bytes) in &old[from..] {
            fs::write(path, bytes).unwrap();
        }
    };
    // The end came before the old ones were removed, or after some of them.
    for from in [0, 1, 8] {
        put_back(from);
        let store = open(dir.path());
        assert_eq!(all(&store), newest_first(events(0..90)));
        assert_eq!(store.stats().segments, 1);
        drop(store);
        assert_eq!(file(dir.path(), "segments", ".parquet"), one);
    }
    // It came while the new one was written.
    put_back(0);
    let whole = fs::read(&one).unwrap();
    fs::remove_file(&one).unwrap();
    let draft = one.with_file_name("00000001-00000009.parquet.tmp");
    fs::write(&draft, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(all(&open(dir.path())), newest_first(events(0..90)));
    assert!(!draft.exists());
    // The new one is not what was written: those that are still there serve.
    put_back(0);
    let mut damaged = whole;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&one, damaged).unwrap();
    for path in files(dir.path(), "segments", ".parquet") {
        if path != one && !old.iter().any(|(old, _)| *old == path) {
            fs::remove_file(path).unwrap();
        }
    }
    let store = open(dir.path());
    assert_eq!(all(&store), newest_first(events(0..90)));
    assert_eq!(store.stats().damaged_segments, 1);
}

#[test]
fn readers_miss_nothing_while_segments_are_made_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut before = 0;
            while !done.load(Ordering::SeqCst) {
                let now = numbers(&store).len();
                assert!(now >= before, "{now} after {before}");
                before = now;
            }
        });
        for n in 0..60 {
            sealed(&store, events(n * 5..n * 5 + 5));
            store.maintain().unwrap();
        }
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap();
    });
    assert_eq!(numbers(&store).len(), 300);
    assert!(store.stats().compactions > 3, "{:?}", store.stats());
    assert_eq!(store.stats().damaged_segments, 0);
}
