//! Files that are not as they were written: what is whole serves.

use std::fs::{self, OpenOptions};

use sqreen_server::store::{
    Dimension, EmbeddedStore, EventStore, HistogramQuery, ScanMonitor, StoreOptions, Verdict,
};

use crate::{T0, all, append, append_new, events, file, files, is, newest_first, open};

/// A store with three frames of ten events each, closed; returns where each frame ends.
fn three_frames(dir: &std::path::Path) -> Vec<u64> {
    let store = open(dir);
    (0..3)
        .map(|n| {
            append_new(&store, events(n * 10..n * 10 + 10));
            store.stats().journal_bytes
        })
        .collect()
}

#[test]
fn a_torn_tail_is_cut_off() {
    for torn in [1, 15, 16, 17, 100] {
        let dir = tempfile::tempdir().unwrap();
        let ends = three_frames(dir.path());
        let journal = file(dir.path(), "journal", ".journal");
        OpenOptions::new()
            .write(true)
            .open(&journal)
            .unwrap()
            .set_len(ends[1] + torn)
            .unwrap();
        let store = open(dir.path());
        assert_eq!(all(&store), newest_first(events(0..20)), "torn at {torn}");
        assert_eq!(
            (store.stats().torn_bytes, store.stats().damaged_frames),
            (torn, 0)
        );
        assert_eq!(fs::metadata(&journal).unwrap().len(), ends[1]);
        // What was cut off was never acknowledged, so it is new.
        append_new(&store, events(20..40));
        drop(store);
        assert_eq!(all(&open(dir.path())), newest_first(events(0..40)));
    }
}

#[test]
fn zeros_behind_the_last_frame_are_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let ends = three_frames(dir.path());
    let journal = file(dir.path(), "journal", ".journal");
    OpenOptions::new()
        .write(true)
        .open(&journal)
        .unwrap()
        .set_len(ends[2] + 4096)
        .unwrap();
    let store = open(dir.path());
    assert_eq!(all(&store), newest_first(events(0..30)));
    assert_eq!(store.stats().torn_bytes, 4096);
}

#[test]
fn a_flipped_byte_mid_journal_costs_its_own_frame_alone() {
    let dir = tempfile::tempdir().unwrap();
    let ends = three_frames(dir.path());
    let journal = file(dir.path(), "journal", ".journal");
    let mut bytes = fs::read(&journal).unwrap();
    bytes[usize::try_from(ends[0]).unwrap() + 40] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    let kept = || newest_first([events(0..10), events(20..30)].concat());
    let store = open(dir.path());
    assert_eq!(all(&store), kept());
    assert_eq!(
        (store.stats().damaged_frames, store.stats().torn_bytes),
        (1, 0)
    );
    // The damaged file can be looked at, after the journal is gone.
    store.seal().unwrap();
    assert!(!journal.exists());
    assert_eq!(
        fs::read(file(dir.path(), "journal", ".damaged")).unwrap(),
        bytes
    );
    assert_eq!(all(&store), kept());
    // The lost events may come again; the kept ones may not.
    let verdicts = append(&store, events(0..30)).unwrap();
    assert_eq!(
        verdicts
            .iter()
            .filter(|verdict| **verdict == Verdict::Accepted)
            .count(),
        10
    );
    drop(store);
    assert_eq!(all(&open(dir.path())), newest_first(events(0..30)));
}

#[test]
fn a_journal_of_garbage_stops_nobody() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("journal")).unwrap();
    fs::create_dir_all(dir.path().join("segments")).unwrap();
    fs::write(dir.path().join("journal/00000007.journal"), [0xf5; 5000]).unwrap();
    fs::write(dir.path().join("journal/notes.txt"), "mine").unwrap();
    fs::write(dir.path().join("segments/other.parquet"), "mine").unwrap();
    fs::write(
        dir.path().join("segments/00000003-0badcafe.parquet"),
        "PAR1 no PAR1",
    )
    .unwrap();
    let store = open(dir.path());
    assert_eq!(store.stats().damaged_segments, 1);
    append_new(&store, events(0..10));
    assert_eq!(all(&store), newest_first(events(0..10)));
    assert!(dir.path().join("journal/notes.txt").exists());
    assert!(dir.path().join("segments/other.parquet").exists());
    assert!(
        dir.path()
            .join("segments/00000003-0badcafe.parquet.damaged")
            .exists()
    );
}

/// A store with two segments, of events 0 to 100 and 100 to 200, closed.
fn two_segments(dir: &std::path::Path) {
    let store = open(dir);
    append_new(&store, events(0..100));
    store.seal().unwrap();
    append_new(&store, events(100..200));
    store.seal().unwrap();
}

#[test]
fn a_truncated_segment_is_set_aside_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    two_segments(dir.path());
    let segment = files(dir.path(), "segments", ".parquet").remove(0);
    let len = fs::metadata(&segment).unwrap().len();
    OpenOptions::new()
        .write(true)
        .open(&segment)
        .unwrap()
        .set_len(len / 2)
        .unwrap();
    let store = open(dir.path());
    assert_eq!(store.stats().damaged_segments, 1);
    assert_eq!(all(&store), newest_first(events(100..200)));
    assert_eq!(
        file(dir.path(), "segments", ".damaged").with_extension(""),
        segment
    );
    drop(store);
    let store = open(dir.path());
    assert_eq!(
        (store.stats().segments, store.stats().damaged_segments),
        (1, 0)
    );
}

#[test]
fn a_flipped_byte_anywhere_in_a_segment_is_never_served() {
    let dir = tempfile::tempdir().unwrap();
    two_segments(dir.path());
    let segment = files(dir.path(), "segments", ".parquet").remove(1);
    let good = fs::read(&segment).unwrap();
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        fs::write(&segment, bytes).unwrap();
        let store = open(dir.path());
        assert_eq!(all(&store), newest_first(events(0..100)), "flip at {at}");
        let shop = is(Dimension::App, "shop");
        let count = HistogramQuery::new(shop, T0, T0 + 1_000_000_000, 1_000_000_000);
        assert_eq!(
            store.histogram(&count, &ScanMonitor::new()).unwrap().counts,
            [80]
        );
        assert_eq!(store.stats().damaged_segments, 1);
        drop(store);
        fs::remove_file(file(dir.path(), "segments", ".damaged")).unwrap();
    }
    fs::write(&segment, good).unwrap();
    assert_eq!(all(&open(dir.path())), newest_first(events(0..200)));
}

#[test]
fn a_segment_of_a_later_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    two_segments(dir.path());
    let segment = files(dir.path(), "segments", ".parquet").remove(0);
    let bytes = fs::read(&segment).unwrap();
    // The footer holds the key, a type byte, the length of the version, and the version.
    let key = b"sqreen.schema_version";
    let at = bytes
        .windows(key.len())
        .position(|window| window == key)
        .unwrap()
        + key.len()
        + 2;
    let mut later = bytes;
    assert_eq!(later[at], b'3');
    later[at] = b'9';
    fs::write(&segment, later).unwrap();
    let error = EmbeddedStore::open(dir.path(), StoreOptions::new()).unwrap_err();
    assert!(error.to_string().contains("schema version 9"), "{error}");
    assert!(segment.exists());
}
