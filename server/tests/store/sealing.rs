//! Journals become segments: where the rows are makes no difference.

use std::time::{Duration, Instant};
use std::{fs, thread};

use sqreen_server::store::{Dimension, EmbeddedStore, EventStore, Filter, StoreOptions, Verdict};

use crate::{all, append, append_new, event, events, file, files, is, newest_first, open, pages};

#[test]
fn rows_are_found_in_memory_and_in_segments_alike() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..400));
    store.seal().unwrap();
    append_new(&store, events(600..1000));
    store.seal().unwrap();
    // Late events: older than what is sealed already, and between.
    append_new(&store, events(400..600));
    let stats = store.stats();
    assert_eq!(
        (stats.segments, stats.sealed_rows, stats.hot_rows),
        (2, 800, 200)
    );
    assert_eq!(
        pages(&store, Filter::default(), 37),
        newest_first(events(0..1000))
    );
    assert_eq!(files(dir.path(), "journal", ".journal").len(), 1);
    assert_eq!(files(dir.path(), "segments", "").len(), 2);
    drop(store);
    let store = open(dir.path());
    assert_eq!(
        pages(&store, Filter::default(), 37),
        newest_first(events(0..1000))
    );
    assert_eq!(store.stats().segments, 2);
}

#[test]
fn a_segment_of_many_row_groups_pages_and_prunes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let range = 0..70_000;
    for start in range.clone().step_by(5000) {
        append_new(&store, events(start..start + 5000));
    }
    store.seal().unwrap();
    assert_eq!(
        (store.stats().segments, store.stats().sealed_rows),
        (1, 70_000)
    );
    let filter = Filter::All(vec![
        is(Dimension::Name, "event.3"),
        is(Dimension::Ip, "192.0.2.5"),
    ]);
    let expected = newest_first(
        range
            .map(event)
            .filter(|event| filter.matches(event))
            .collect(),
    );
    assert!(expected.len() > 500);
    assert_eq!(pages(&store, filter, 400), expected);
}

#[test]
fn nothing_hot_seals_to_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.seal().unwrap();
    append_new(&store, events(0..3));
    store.seal().unwrap();
    store.seal().unwrap();
    assert_eq!(store.stats().segments, 1);
    assert_eq!(store.stats().journal_bytes, 0);
}

#[test]
fn bytes_start_a_seal_as_rows_do() {
    for options in [
        StoreOptions::new().seal_bytes(10_000),
        StoreOptions::new().seal_rows(50),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = EmbeddedStore::open(dir.path(), options).unwrap();
        for n in 0..20 {
            append_new(&store, events(n * 10..n * 10 + 10));
        }
        store.close().unwrap();
        let stats = store.stats();
        assert!(stats.segments >= 1, "{stats:?}");
        assert_eq!(stats.hot_rows + stats.sealed_rows, 200);
        assert_eq!(all(&store), newest_first(events(0..200)));
    }
}

#[test]
fn duplicates_are_known_across_a_seal_and_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    // Ids of segments are remembered by when they were received.
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_micros() as i64;
    let recent = |range| {
        let mut events = events(range);
        events.iter_mut().for_each(|event| event.received = now);
        events
    };
    {
        let store = open(dir.path());
        append_new(&store, recent(0..100));
        store.seal().unwrap();
        assert_eq!(
            append(&store, recent(0..100)).unwrap(),
            [Verdict::Duplicate; 100]
        );
        append_new(&store, recent(100..150));
        store.close().unwrap();
    }
    let store = open(dir.path());
    assert_eq!(store.stats().dedupe_ids, 150);
    assert_eq!(
        append(&store, recent(0..150)).unwrap(),
        [Verdict::Duplicate; 150]
    );
    assert_eq!(all(&store), newest_first(recent(0..150)));
}

/// Makes what a crash leaves between naming the segment and removing the journal: both.
fn both_journal_and_segment() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..100));
    let journal = file(dir.path(), "journal", ".journal");
    let copy = fs::read(&journal).unwrap();
    store.seal().unwrap();
    append_new(&store, events(100..120));
    store.close().unwrap();
    assert!(!journal.exists());
    fs::write(journal, copy).unwrap();
    dir
}

#[test]
fn a_crash_between_segment_and_removal_of_the_journal_doubles_nothing() {
    let dir = both_journal_and_segment();
    let store = open(dir.path());
    assert_eq!(all(&store), newest_first(events(0..120)));
    assert_eq!((store.stats().segments, store.stats().hot_rows), (1, 20));
    assert_eq!(files(dir.path(), "journal", ".journal").len(), 1);
}

#[test]
fn a_damaged_segment_whose_journal_is_there_loses_nothing() {
    let dir = both_journal_and_segment();
    let segment = file(dir.path(), "segments", ".parquet");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let store = open(dir.path());
    assert_eq!(store.stats().damaged_segments, 1);
    store.close().unwrap();
    assert_eq!(all(&store), newest_first(events(0..120)));
    assert_eq!(
        (store.stats().sealed_rows, store.stats().hot_rows),
        (100, 20)
    );
}

#[test]
fn a_crash_while_a_segment_is_written_leaves_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..100));
    drop(store);
    let draft = dir.path().join("segments/00000001.parquet.tmp");
    fs::write(&draft, b"PAR1 and then no more").unwrap();
    let store = open(dir.path());
    assert!(!draft.exists());
    assert_eq!(all(&store), newest_first(events(0..100)));
}

#[test]
fn a_crash_after_the_next_journal_was_started_seals_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..100));
    drop(store);
    fs::write(dir.path().join("journal/00000002.journal"), b"").unwrap();
    let store = open(dir.path());
    append_new(&store, events(100..110));
    store.close().unwrap();
    assert_eq!(
        (store.stats().sealed_rows, store.stats().hot_rows),
        (100, 10)
    );
    assert_eq!(all(&store), newest_first(events(0..110)));
}

#[test]
fn a_failed_seal_keeps_the_rows_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..100));
    // A folder stands where the segment is to be written.
    let obstacle = dir.path().join("segments/00000001.parquet.tmp");
    fs::create_dir(&obstacle).unwrap();
    store.seal().unwrap_err();
    assert_eq!(all(&store), newest_first(events(0..100)));
    assert!(store.stats().failed_seals >= 1);
    fs::remove_dir(obstacle).unwrap();
    append_new(&store, events(100..110));
    store.seal().unwrap();
    assert_eq!((store.stats().segments, store.stats().hot_rows), (2, 0));
    assert_eq!(all(&store), newest_first(events(0..110)));
}

#[test]
fn rows_that_became_enough_during_a_seal_are_sealed_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(dir.path(), StoreOptions::new().seal_rows(50)).unwrap();
    // A folder stands where the segment is to be written.
    let obstacle = dir.path().join("segments/00000001.parquet.tmp");
    fs::create_dir(&obstacle).unwrap();
    append_new(&store, events(0..50));
    append_new(&store, events(50..100));
    assert_eq!((store.stats().segments, store.stats().hot_rows), (0, 100));
    fs::remove_dir(obstacle).unwrap();
    let began = Instant::now();
    while store.stats().segments < 2 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "{:?}",
            store.stats()
        );
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(store.stats().hot_rows, 0);
    assert_eq!(all(&store), newest_first(events(0..100)));
}
