//! What is kept for the consumer: through ends, kills and damage each event is handed out once, within limits.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::time::Duration;

use sqreen_server::store::{
    Consumed, EmbeddedStore, EventId, EventStore, Position, StoreOptions, StoredEvent,
};

use crate::consuming::{LONG, ids, ids_of, open, take, take_all};
use crate::durability::{CHILD, child, incompressible};
use crate::{Lcg, append_new, events};

#[test]
fn nothing_is_kept_without_a_consumer_nor_after_the_release() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    append_new(&store, events(0..10));
    store.seal().unwrap();
    assert!(crate::files(dir.path(), "journal", ".kept").is_empty());
    let mut consumer = store.consume(Some("1.0.0".parse().unwrap())).unwrap();
    // How many they were is not known.
    let missed = consumer.next(LONG).unwrap();
    assert!(matches!(missed, Some(Consumed::Missed(0))), "{missed:?}");
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
        let test = "kept::killed_at_any_moment_it_hands_out_each_event_once";
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
