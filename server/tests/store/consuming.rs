//! Consumers: every accepted event once, in one order, from a position on.

use std::path::Path;
use std::time::Duration;

use sqreen_server::store::{
    Consumed, Consumer, EmbeddedStore, EventId, EventStore, Position, StoreError, StoreOptions,
    StoredEvent, Verdict,
};

use crate::durability::incompressible;
use crate::{append, append_new, event, events};

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// What comes next, each event with the position behind it.
pub(crate) fn take(consumer: &mut dyn Consumer, timeout: Duration) -> Vec<(StoredEvent, Position)> {
    match consumer.next(timeout).unwrap() {
        Some(Consumed::Events(batch)) => {
            assert!(!batch.is_empty());
            assert_eq!(batch.rows().count(), batch.len());
            let rows = batch.rows();
            rows.map(|(at, row)| (row.event().unwrap(), at)).collect()
        }
        Some(Consumed::Missed(events)) => panic!("{events} events were missed"),
        None => Vec::new(),
    }
}

/// So many events, and no more than that.
pub(crate) fn take_all(consumer: &mut dyn Consumer, count: usize) -> Vec<(StoredEvent, Position)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let more = take(consumer, LONG);
        assert!(!more.is_empty(), "{} of {count} events came", taken.len());
        taken.extend(more);
    }
    assert_eq!(taken.len(), count);
    taken
}

pub(crate) fn ids(taken: &[(StoredEvent, Position)]) -> Vec<EventId> {
    taken.iter().map(|(event, _)| event.id).collect()
}

pub(crate) fn ids_of(range: std::ops::Range<u64>) -> Vec<EventId> {
    range.map(crate::id).collect()
}

pub(crate) fn every_accepted_event_is_handed_out_once_in_order(store: &dyn EventStore) {
    append_new(store, events(0..10));
    let mut consumer = store.consume(None).unwrap();
    let begin = consumer.position();
    append_new(store, events(10..40));
    assert_eq!(
        append(store, events(30..50)).unwrap()[10..],
        [Verdict::Accepted; 10]
    );
    for n in 50..80 {
        append_new(store, vec![event(n)]);
    }
    let taken = take_all(&mut *consumer, 70);
    let expected: Vec<_> = events(10..80);
    let events: Vec<_> = taken.iter().map(|(event, _)| event.clone()).collect();
    assert_eq!(events, expected);
    assert!(begin < taken[0].1);
    assert!(taken.windows(2).all(|pair| pair[0].1 < pair[1].1));
    assert!(taken[69].1 <= consumer.position());
    assert!(consumer.next(Duration::ZERO).unwrap().is_none());
}

pub(crate) fn a_consumer_goes_on_behind_any_event(store: &dyn EventStore) {
    let mut consumer = store.consume(None).unwrap();
    let begin = consumer.position();
    for pair in [0, 20, 23, 60, 90].windows(2) {
        append_new(store, events(pair[0]..pair[1]));
    }
    let taken = take_all(&mut *consumer, 90);
    let mut next = 90;
    for at in [0, 1, 19, 20, 22, 23, 59, 89] {
        // As text, as a checkpoint holds it.
        let text = taken[at].1.to_string();
        let mut consumer = store.consume(Some(text.parse().unwrap())).unwrap();
        append_new(store, events(next..next + 3));
        next += 3;
        let left = next - at as u64 - 1;
        let rest = take_all(&mut *consumer, left as usize);
        assert_eq!(ids(&rest), ids_of(at as u64 + 1..next), "behind event {at}");
    }
    // Nothing was released yet but what is before the last position that was asked for.
    let mut consumer = store.consume(Some(taken[89].1)).unwrap();
    assert_eq!(
        ids(&take_all(&mut *consumer, (next - 90) as usize)),
        ids_of(90..next)
    );
    assert!(begin < taken[0].1);
}

pub(crate) fn a_consumer_is_woken_replaced_and_ended(store: &dyn EventStore) {
    let mut first = store.consume(None).unwrap();
    first.waker().wake();
    assert!(first.next(LONG).unwrap().is_none());
    let waker = first.waker();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| first.next(LONG).unwrap().is_none());
        waker.wake_by_ref();
        assert!(waiting.join().unwrap());
    });
    let mut second = store.consume(None).unwrap();
    append_new(store, events(0..5));
    assert!(matches!(first.next(LONG), Err(StoreError::Closed)));
    assert!(matches!(
        first.release(first.position()),
        Err(StoreError::Closed)
    ));
    assert_eq!(ids(&take_all(&mut *second, 5)), ids_of(0..5));
    append_new(store, events(5..8));
    store.close().unwrap();
    // What was accepted before the end is still handed out.
    assert_eq!(ids(&take_all(&mut *second, 3)), ids_of(5..8));
    assert!(matches!(second.next(LONG), Err(StoreError::Closed)));
}

pub(crate) fn open(dir: &Path) -> EmbeddedStore {
    EmbeddedStore::open(dir, StoreOptions::new().seal_rows(40)).unwrap()
}

#[test]
fn a_slow_consumer_misses_nothing() {
    // In one journal, and over several.
    for seal_rows in [1_000, 10] {
        let dir = tempfile::tempdir().unwrap();
        let options = StoreOptions::new().seal_rows(seal_rows);
        let store = EmbeddedStore::open(dir.path(), options).unwrap();
        let mut consumer = store.consume(None).unwrap();
        for start in [0, 30, 60] {
            append_new(&store, events(start..start + 4));
            assert_eq!(ids(&take_all(&mut *consumer, 4)), ids_of(start..start + 4));
            // It is in step now; then comes more than waits for it in memory.
            for n in start + 4..start + 30 {
                append_new(&store, vec![incompressible(n, 700_000)]);
            }
            let taken = take_all(&mut *consumer, 26);
            assert_eq!(ids(&taken), ids_of(start + 4..start + 30));
        }
    }
}

#[test]
fn a_position_beyond_the_end_means_from_now_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..10));
    let mut consumer = store.consume(Some("7.123.4".parse().unwrap())).unwrap();
    append_new(&store, events(10..20));
    assert_eq!(ids(&take_all(&mut *consumer, 10)), ids_of(10..20));
}
