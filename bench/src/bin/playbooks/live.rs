//! A live run over the events of another store: they are sent anew, and evaluated as they are accepted.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqreen_server::playbooks::Playbook;
use sqreen_server::playbooks::engine::{Engine, Firing, Limits};
use sqreen_server::store::{
    Consumed, Consumer, EmbeddedStore, EventStore, Filter, ScanMonitor, Step, StoreOptions,
    StoredEvent, TimeRange, Verdict,
};

/// Events that are read at a time, about.
const READ: usize = 20_000;
/// Events of an append, as of the collector's.
const BATCH: usize = 1_000;
/// Far longer than it takes to hand out what was accepted.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of it.
#[derive(Default)]
pub(crate) struct Live {
    /// Events that were part of the rule.
    pub(crate) events: u64,
    pub(crate) fired: u64,
    /// Who made it fire, as text.
    pub(crate) actors: HashSet<String>,
    /// Each without its events.
    pub(crate) firings: Vec<Firing>,
}

/// Stores all events in the order of their times in a store of its own, whose consumer feeds an engine.
pub(crate) fn run(from: &EmbeddedStore, playbook: &Arc<Playbook>) -> Live {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let store = EmbeddedStore::open(dir.path(), StoreOptions::new()).expect("a store can be made");
    let mut consumer = store.consume(None).expect("the store hands out");
    let mut engine = Engine::new(Limits::default(), [7; 16]);
    engine.set(vec![Arc::clone(playbook)]);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("a runtime starts");
    let mut live = Live::default();
    for range in ranges(from) {
        let events = events(from, range);
        for batch in events.chunks(BATCH) {
            let verdicts = runtime.block_on(store.append(batch.to_vec()));
            let verdicts = verdicts.expect("the events are stored");
            assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Accepted));
        }
        take(&mut *consumer, events.len(), &mut engine, &mut live);
    }
    live.events = engine.stats().events;
    drop(consumer);
    store.close().expect("the store closes");
    live
}

/// Feeds so many events to the engine.
fn take(consumer: &mut dyn Consumer, mut events: usize, engine: &mut Engine, live: &mut Live) {
    let mut firings = Vec::new();
    while events > 0 {
        let consumed = consumer.next(PATIENCE).expect("the store hands out");
        let Some(Consumed::Events(batch)) = consumed else {
            panic!("{events} events are missing: {consumed:?}");
        };
        events -= batch.len();
        for (_, row) in batch.rows() {
            engine.feed(&*row, &mut firings);
        }
    }
    let position = consumer.position();
    consumer.release(position).expect("the disk takes it");
    live.fired += firings.len() as u64;
    for mut firing in firings {
        live.actors.insert(format!("{:?}", firing.actor));
        firing.events = Vec::new();
        live.firings.push(firing);
    }
}

/// Ranges of time, in order, of so many events each that they are read at once.
fn ranges(store: &EmbeddedStore) -> Vec<TimeRange> {
    let (mut times, mut seen) = (Vec::new(), 0_usize);
    let (all, monitor) = (Filter::default(), ScanMonitor::new());
    let scanned = store.scan_rows(&all, TimeRange::ALL, &[], &monitor, &mut |event| {
        if seen.is_multiple_of(READ) && times.last() != Some(&event.time()) {
            times.push(event.time());
        }
        seen += 1;
    });
    assert!(scanned.expect("the store can be read"), "nobody cancels");
    let ends = times.iter().skip(1).map(|time| Some(*time)).chain([None]);
    let ranges = times.iter().zip(ends);
    ranges
        .map(|(from, to)| TimeRange {
            from: Some(*from),
            to,
        })
        .collect()
}

/// The events of the range, the oldest first.
fn events(store: &EmbeddedStore, range: TimeRange) -> Vec<StoredEvent> {
    let (mut events, all, monitor) = (Vec::new(), Filter::default(), ScanMonitor::new());
    let read = store.each(&all, range, &monitor, &mut |step| {
        if let Step::Event(event) = step {
            events.push(*event);
        }
    });
    assert!(read.expect("the store can be read"), "nobody cancels");
    events.reverse();
    events
}
