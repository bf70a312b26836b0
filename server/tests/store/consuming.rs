//! Consumers: every accepted event once, in one order, from a position on.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use sqreen_server::store::{
    Consumed, Consumer, EmbeddedStore, EventId, EventStore, Position, StoreError, StoreOptions,
    StoredEvent, Verdict,
};

use crate::durability::{CHILD, child, incompressible};
use crate::{Lcg, append, append_new, event, events};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

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
fn take_all(consumer: &mut dyn Consumer, count: usize) -> Vec<(StoredEvent, Position)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let more = take(consumer, LONG);
        assert!(!more.is_empty(), "{} of {count} events came", taken.len());
        taken.extend(more);
    }
    assert_eq!(taken.len(), count);
    taken
}

fn ids(taken: &[(StoredEvent, Position)]) -> Vec<EventId> {
    taken.iter().map(|(event, _)| event.id).collect()
}

fn ids_of(range: std::ops::Range<u64>) -> Vec<EventId> {
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

fn open(dir: &Path) -> EmbeddedStore {
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
fn nothing_is_kept_without_a_consumer_nor_after_the_release() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..10));
    store.seal().unwrap();
    assert!(crate::files(dir.path(), "journal", ".kept").is_empty());
    let mut consumer = store.consume(None).unwrap();
    for start in (10..50).step_by(10) {
        append_new(&store, events(start..start + 10));
        store.seal().unwrap();
    }
    let kept = crate::files(dir.path(), "journal", ".kept");
    assert_eq!((kept.len(), store.stats().kept_journals), (4, 4));
    let bytes: u64 = kept.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(store.stats().kept_bytes, bytes);
    let taken = take_all(&mut *consumer, 40);
    // Within the second of them.
    consumer.release(taken[15].1).unwrap();
    assert_eq!(crate::files(dir.path(), "journal", ".kept"), kept[1..]);
    // What it has not been handed yet cannot be released.
    consumer.release("900.0.0".parse().unwrap()).unwrap();
    assert!(consumer.next(Duration::ZERO).unwrap().is_none());
    consumer.release(consumer.position()).unwrap();
    assert!(crate::files(dir.path(), "journal", ".kept").is_empty());
    assert_eq!(store.stats().kept_bytes, 0);
    store.seal().unwrap();
    assert!(crate::files(dir.path(), "journal", ".kept").is_empty());
}

#[test]
fn beyond_the_limit_the_oldest_is_dropped_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    // Each journal takes some 40 kB.
    let options = StoreOptions::new().seal_rows(1_000_000).kept_bytes(100_000);
    let store = EmbeddedStore::open(dir.path(), options.clone()).unwrap();
    let consumer = store.consume(None).unwrap();
    let begin = consumer.position();
    drop(consumer);
    for n in 0..6 {
        append_new(&store, events(n * 11..n * 11 + 10));
        append_new(&store, vec![incompressible(n * 11 + 10, 50_000)]);
        store.seal().unwrap();
    }
    let kept = store.stats().kept_journals;
    assert!((1..6).contains(&kept) && store.stats().kept_bytes <= 100_000);
    assert_eq!(store.stats().unconsumed_events, (6 - kept) * 11);
    for _ in 0..2 {
        let mut consumer = store.consume(Some(begin)).unwrap();
        assert!(matches!(
            consumer.next(LONG).unwrap(),
            Some(Consumed::Missed(events)) if events == (6 - kept) * 11
        ));
        let taken = take_all(&mut *consumer, kept as usize * 11);
        assert_eq!(ids(&taken), ids_of((6 - kept) * 11..66));
    }
    drop(store);
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    let mut consumer = store.consume(Some(begin)).unwrap();
    let missed = consumer.next(LONG).unwrap();
    assert!(matches!(missed, Some(Consumed::Missed(events)) if events == (6 - kept) * 11));
    take_all(&mut *consumer, kept as usize * 11);
    assert!(consumer.next(Duration::ZERO).unwrap().is_none());
    consumer.release(consumer.position()).unwrap();
    assert_eq!(store.stats().unconsumed_events, 0);
    // What was released is not to be had again, and it says so.
    let mut consumer = store.consume(Some(begin)).unwrap();
    assert!(matches!(
        consumer.next(LONG).unwrap(),
        Some(Consumed::Missed(0))
    ));
}

#[test]
fn what_is_kept_is_no_older_than_events_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let hour = Duration::from_secs(3600);
    let options = StoreOptions::new().retention_age(hour);
    let store = EmbeddedStore::open(dir.path(), options.clone()).unwrap();
    let begin = store.consume(None).unwrap().position();
    append_new(&store, events(0..10));
    store.seal().unwrap();
    store.maintain().unwrap();
    assert_eq!(store.stats().kept_journals, 1);
    drop(store);
    let kept = crate::file(dir.path(), "journal", ".kept");
    let file = std::fs::File::options().write(true).open(kept).unwrap();
    file.set_modified(std::time::SystemTime::now() - 2 * hour)
        .unwrap();
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    store.maintain().unwrap();
    assert_eq!(store.stats().kept_journals, 0);
    let mut consumer = store.consume(Some(begin)).unwrap();
    let missed = consumer.next(LONG).unwrap();
    assert!(matches!(missed, Some(Consumed::Missed(10))), "{missed:?}");
}

#[test]
fn damage_before_a_position_shifts_nothing_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let mut consumer = store.consume(None).unwrap();
    for start in (0..30).step_by(3) {
        append_new(&store, events(start..start + 3));
    }
    let taken = take_all(&mut *consumer, 30);
    drop((consumer, store));
    let journal = crate::file(dir.path(), "journal", ".journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    let store = open(dir.path());
    assert_eq!(store.stats().damaged_frames, 1);
    let mut consumer = store.consume(Some(taken[15].1)).unwrap();
    append_new(&store, events(30..33));
    assert_eq!(ids(&take_all(&mut *consumer, 17)), ids_of(16..33));
    // What is lost is passed over.
    let mut consumer = store.consume(Some(taken[0].1)).unwrap();
    assert_eq!(ids(&take_all(&mut *consumer, 30)), ids_of(3..33));
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

/// Random appends, imports, seals, releases and ends: what comes after a checkpoint is each event once.
#[test]
fn random_lives_hand_out_each_event_once() {
    for seed in 0..25 {
        let mut random = Lcg(seed);
        let dir = tempfile::tempdir().unwrap();
        let mut accepted: Vec<EventId> = Vec::new();
        // The number of events handed out before the checkpoint, and its position.
        let mut checkpoint: Option<(usize, Position)> = None;
        let mut next = 0;
        for _ in 0..6 {
            let store = EmbeddedStore::open(
                dir.path(),
                StoreOptions::new().seal_rows(5 + random.below(60) as usize),
            )
            .unwrap();
            let mut consumer = store.consume(checkpoint.map(|(_, at)| at)).unwrap();
            let (mut handed, _) = *checkpoint.get_or_insert((0, consumer.position()));
            for _ in 0..random.below(25) {
                match random.below(8) {
                    0..3 => {
                        let count = 1 + random.below(20);
                        append_new(&store, events(next..next + count));
                        accepted.extend(ids_of(next..next + count));
                        next += count;
                    }
                    3 => {
                        let runtime = tokio::runtime::Builder::new_current_thread()
                            .build()
                            .unwrap();
                        runtime
                            .block_on(store.import(events(next..next + 5)))
                            .unwrap();
                        next += 5;
                    }
                    4 => store.seal().unwrap(),
                    _ => {
                        for (event, at) in take(&mut *consumer, Duration::ZERO) {
                            assert_eq!(event.id, accepted[handed], "seed {seed}");
                            handed += 1;
                            if random.below(10) == 0 {
                                checkpoint = Some((handed, at));
                            }
                        }
                        if random.below(3) == 0 {
                            let (_, at) = checkpoint.unwrap();
                            consumer.release(at).unwrap();
                        }
                    }
                }
            }
            if random.below(2) == 0 {
                store.close().unwrap();
            }
        }
        let store = open(dir.path());
        let (handed, at) = checkpoint.unwrap();
        let mut consumer = store.consume(Some(at)).unwrap();
        let rest = take_all(&mut *consumer, accepted.len() - handed);
        assert_eq!(ids(&rest), accepted[handed..], "seed {seed}");
        assert!(consumer.next(Duration::ZERO).unwrap().is_none());
        let once: BTreeSet<_> = accepted.iter().collect();
        assert_eq!(once.len(), accepted.len());
    }
}

/// The numbers of the events that are in the log, and the last position; what was cut off by a kill is left out.
fn read_log(path: &Path) -> (Vec<u64>, Position) {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    std::fs::write(path, whole).unwrap();
    let lines = whole.lines().map(|line| line.split_once(' ').unwrap());
    let (_, last) = lines.clone().next_back().unwrap();
    let numbers = lines
        .filter_map(|(number, _)| number.parse().ok())
        .collect();
    (numbers, last.parse().unwrap())
}

/// Appends and consumes until killed; what was consumed, and where it goes on, is in a log.
fn consume_until_killed(dir: &Path) {
    let log = dir.join("log");
    let store = EmbeddedStore::open(dir.join("store"), StoreOptions::new().seal_rows(300)).unwrap();
    let from = log.exists().then(|| read_log(&log).1);
    let mut consumer = store.consume(from).unwrap();
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log)
        .unwrap();
    if from.is_none() {
        writeln!(file, "begin {}", consumer.position()).unwrap();
    }
    let first = 1_000_000 * (1 + crate::all(&store).len() as u64);
    let next = std::sync::atomic::AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(20, std::sync::atomic::Ordering::Relaxed);
                    append_new(&store, events(start..start + 20));
                    println!("acknowledged {start}");
                }
            });
        }
        let mut random = Lcg(first);
        loop {
            let mut lines = String::new();
            for (event, at) in take(&mut *consumer, LONG) {
                let number = u128::from_be_bytes(*event.id.as_bytes());
                lines.push_str(&format!("{number} {at}\n"));
            }
            file.write_all(lines.as_bytes()).unwrap();
            if random.below(20) == 0 {
                consumer.release(consumer.position()).unwrap();
            }
            // At times it is behind, and reads journals.
            if random.below(50) == 0 {
                store.seal().unwrap();
            }
        }
    });
}

#[test]
fn killed_at_any_moment_it_hands_out_each_event_once() {
    if let Some(dir) = std::env::var_os(CHILD) {
        consume_until_killed(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut random = Lcg(11);
    let mut acknowledged = Vec::new();
    for _ in 0..6 {
        let test = "consuming::killed_at_any_moment_it_hands_out_each_event_once";
        let mut child = child(test, dir.path(), None);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let start = |line: &str| line.rsplit_once("acknowledged ")?.1.parse::<u64>().ok();
        for _ in 0..20 + random.below(150) {
            let line = lines.next().expect("the child appends until it is killed");
            acknowledged.extend(start(&line.unwrap()));
        }
        child.kill().unwrap();
        acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| start(&line)));
        child.wait().unwrap();
    }
    let (mut numbers, last) = read_log(&dir.path().join("log"));
    assert!(!numbers.is_empty());
    let store = open(&dir.path().join("store"));
    let stored = crate::all(&store).len();
    let mut consumer = store.consume(Some(last)).unwrap();
    let rest = take_all(&mut *consumer, stored - numbers.len());
    let number =
        |(event, _): &(StoredEvent, Position)| u128::from_be_bytes(*event.id.as_bytes()) as u64;
    numbers.extend(rest.iter().map(number));
    let once: BTreeSet<u64> = numbers.iter().copied().collect();
    assert_eq!(once.len(), numbers.len(), "an event was handed out twice");
    for start in acknowledged {
        assert!(
            (start..start + 20).all(|n| once.contains(&n)),
            "{start} was not handed out"
        );
    }
    assert_eq!(store.stats().unconsumed_events, 0);
}
