//! Searches that tell of themselves, exports, and followers, of every event store.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use sqreen_server::store::{
    Dimension, EventQuery, EventStore, Field, Filter, Followed, GroupQuery, ScanMonitor, Step,
    StoreError, StoredEvent, TimeRange,
};

use crate::{T0, append_new, events, is, newest_first};

/// Runs a search, and returns its events, the number of progress steps, and the monitor.
fn searched(store: &dyn EventStore, query: &EventQuery) -> (Vec<StoredEvent>, usize, ScanMonitor) {
    let monitor = ScanMonitor::new();
    let (mut found, mut progress, mut scanned) = (Vec::new(), 0, 0);
    let end = store
        .search(query, &monitor, &mut |step| match step {
            Step::Event(event) => found.push(*event),
            Step::Progress => {
                progress += 1;
                assert!(monitor.scanned() >= scanned && monitor.scanned() <= monitor.rows());
                scanned = monitor.scanned();
            }
        })
        .unwrap();
    assert!(!end.cancelled);
    (found, progress, monitor)
}

pub(crate) fn a_search_hands_out_in_order_and_tells_of_progress(store: &dyn EventStore) {
    for start in [200, 0, 100] {
        append_new(store, events(start..start + 100));
    }
    let query = EventQuery::new(is(Dimension::Name, "event.3"), 1000);
    let (found, progress, monitor) = searched(store, &query);
    let meant = |event: &StoredEvent| event.name == "event.3";
    let expected = newest_first(events(0..300).into_iter().filter(meant).collect());
    assert_eq!(found, expected);
    assert!(progress > 0);
    assert_eq!((monitor.scanned(), monitor.rows()), (300, 300));
    // A range that leaves nothing out of reach is no scan at all.
    let mut nothing = query;
    nothing.range.to = Some(T0);
    let (found, _, monitor) = searched(store, &nothing);
    assert_eq!((found, monitor.rows()), (Vec::new(), 0));
}

pub(crate) fn a_search_that_is_cancelled_ends_and_can_go_on(store: &dyn EventStore) {
    append_new(store, events(0..300));
    let mut query = EventQuery::new(Filter::default(), 100);
    let monitor = ScanMonitor::new();
    monitor.cancel();
    let end = store
        .search(&query, &monitor, &mut |step| panic!("{step:?}"))
        .unwrap();
    assert_eq!((end.cancelled, end.next), (true, None));
    // Whatever was handed out before, the rest follows.
    let monitor = ScanMonitor::new();
    let mut found = Vec::new();
    let end = store
        .search(&query, &monitor, &mut |step| match step {
            Step::Event(event) => found.push(*event),
            Step::Progress => monitor.cancel(),
        })
        .unwrap();
    query.cursor = end.next;
    query.limit = 1000;
    found.extend(searched(store, &query).0);
    assert_eq!(found, newest_first(events(0..300)));
}

pub(crate) fn what_arrives_during_a_search_is_not_part_of_it(store: &dyn EventStore) {
    append_new(store, events(100..200));
    let mut found = Vec::new();
    let query = EventQuery::new(Filter::default(), 1000);
    store
        .search(&query, &ScanMonitor::new(), &mut |step| {
            if let Step::Event(event) = step {
                if found.is_empty() {
                    // Newer, and older than what is handed out.
                    append_new(store, events(200..250));
                    append_new(store, events(0..100));
                }
                found.push(*event);
            }
        })
        .unwrap();
    assert_eq!(found, newest_first(events(100..200)));
}

pub(crate) fn every_event_is_exported_in_bounded_steps(store: &dyn EventStore) {
    let all = events(0..2500);
    for batch in all.chunks(500) {
        append_new(store, batch.to_vec());
    }
    let export = |filter: &Filter, range, monitor: &ScanMonitor| {
        let mut found = Vec::new();
        let end = store.each(filter, range, monitor, &mut |step| match step {
            Step::Event(event) => found.push(*event),
            Step::Progress => {}
        });
        (found, end.unwrap())
    };
    let (found, to_the_end) = export(&Filter::default(), TimeRange::ALL, &ScanMonitor::new());
    assert_eq!((found, to_the_end), (newest_first(all.clone()), true));
    let range = TimeRange {
        from: Some(T0 + 500_000),
        to: Some(T0 + 2_400_000),
    };
    let (found, _) = export(&is(Dimension::App, "blog"), range, &ScanMonitor::new());
    let meant = |event: &StoredEvent| event.app == "blog" && range.contains(event.time);
    let expected = newest_first(all.into_iter().filter(meant).collect());
    assert_eq!((found.len(), found), (380, expected));
    let cancelled = ScanMonitor::new();
    cancelled.cancel();
    let late = ScanMonitor::until(Instant::now());
    for ended in [&cancelled, &late] {
        let (found, to_the_end) = export(&Filter::default(), TimeRange::ALL, ended);
        assert_eq!((found, to_the_end), (Vec::new(), false));
        let query = GroupQuery {
            filter: Filter::default(),
            range: TimeRange::ALL,
            by: Field::Dimension(Dimension::Name),
            limit: 1,
            distinct: true,
        };
        let counted = store.groups(&query, ended);
        assert!(matches!(counted, Err(StoreError::Cancelled)), "{counted:?}");
    }
    let timely = ScanMonitor::until(Instant::now() + Duration::from_secs(3_600));
    let (_, to_the_end) = export(&Filter::default(), TimeRange::ALL, &timely);
    assert!(to_the_end);
}

pub(crate) fn followers_learn_of_what_is_accepted(store: &dyn EventStore) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    append_new(store, events(0..10));
    let mut follower = store.follow();
    let mut other = store.follow();
    append_new(store, events(10..20));
    // Known already: nothing new to tell of.
    let verdicts = runtime.block_on(store.append(events(5..15))).unwrap();
    assert_eq!(verdicts.len(), 10);
    append_new(store, events(20..21));
    let next = runtime.block_on(follower.next());
    assert_eq!(next, Some(Followed::Events(events(10..20))));
    let next = runtime.block_on(follower.next());
    assert_eq!(next, Some(Followed::Events(events(20..21))));
    // One that falls behind learns how much it missed, and goes on.
    for n in 21..421 {
        append_new(store, events(n..n + 1));
    }
    let next = runtime.block_on(other.next());
    assert_eq!(next, Some(Followed::Missed(0)), "a gap from the start on");
    let (mut told, mut missed) = (0, 0);
    while told + missed < 400 {
        match runtime.block_on(follower.next()).unwrap() {
            Followed::Events(events) => told += events.len(),
            Followed::Missed(events) => missed += usize::try_from(events).unwrap(),
        }
    }
    assert!(told > 0 && missed > 0, "told {told}, missed {missed}");
    // It waits for what comes.
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| sender.send(runtime.block_on(follower.next())).unwrap());
        append_new(store, events(421..425));
        assert_eq!(
            receiver.recv().unwrap(),
            Some(Followed::Events(events(421..425)))
        );
    });
}
