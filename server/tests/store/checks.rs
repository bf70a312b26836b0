//! The checks that every event store passes, each on a store of its own.

use serde_json::{Value, json};
use sqreen_server::store::{
    Cursor, Dimension, EventQuery, EventStore, Filter, HistogramQuery, JsonField, QueryError,
    ScanMonitor, StoreError, StoredEvent, TimeRange, Verdict,
};

use crate::{T0, all, append, append_new, event, events, has, id, is, newest_first, pages};

pub(crate) fn verdicts_tell_new_from_known(store: &dyn EventStore) {
    use Verdict::{Accepted, Duplicate};
    assert_eq!(append(store, Vec::new()).unwrap(), []);
    let first = vec![event(1), event(2), event(1), event(3)];
    assert_eq!(
        append(store, first).unwrap(),
        [Accepted, Accepted, Duplicate, Accepted]
    );
    let second = vec![event(3), event(4), event(1)];
    assert_eq!(
        append(store, second).unwrap(),
        [Duplicate, Accepted, Duplicate]
    );
    assert_eq!(append(store, vec![event(2)]).unwrap(), [Duplicate]);
    // It is the id that counts: the first of it stays.
    let mut other = event(2);
    other.name = "other".to_owned();
    assert_eq!(append(store, vec![other]).unwrap(), [Duplicate]);
    assert_eq!(all(store), newest_first(events(1..5)));
}

pub(crate) fn one_of_many_concurrent_copies_is_accepted(store: &dyn EventStore) {
    let accepted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..20)
                        .flat_map(|batch| {
                            append(store, events(batch * 10..batch * 10 + 10)).unwrap()
                        })
                        .filter(|verdict| *verdict == Verdict::Accepted)
                        .count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(accepted, 200);
    assert_eq!(all(store), newest_first(events(0..200)));
}

pub(crate) fn pages_hold_every_event_once(store: &dyn EventStore) {
    // Many share a time; they arrive in no order, and neither do their ids.
    let stored: Vec<StoredEvent> = (0..60)
        .map(|n| {
            let mut event = event(n * 37 % 60);
            event.time = T0 + (n as i64 * 37 % 60) / 20;
            event
        })
        .collect();
    for batch in stored.chunks(11) {
        append_new(store, batch.to_vec());
    }
    let expected = newest_first(stored);
    for limit in [1, 7, 20, 59, 60, 61, 1000] {
        assert_eq!(
            pages(store, Filter::default(), limit),
            expected,
            "limit {limit}"
        );
    }
}

pub(crate) fn pages_stay_stable_while_events_arrive(store: &dyn EventStore) {
    append_new(store, events(10..30));
    let first = store
        .query(&EventQuery::new(Filter::default(), 10), &ScanMonitor::new())
        .unwrap();
    append_new(store, events(30..50));
    append_new(store, events(0..10));
    let next = EventQuery {
        cursor: first.next,
        ..EventQuery::new(Filter::default(), 1000)
    };
    let second = store.query(&next, &ScanMonitor::new()).unwrap();
    assert_eq!(
        [first.events, second.events].concat(),
        newest_first(events(0..30))
    );
    let after_the_last = EventQuery {
        cursor: Some(Cursor::of(&event(0))),
        ..next
    };
    assert_eq!(
        store
            .query(&after_the_last, &ScanMonitor::new())
            .unwrap()
            .events,
        []
    );
}

pub(crate) fn odd_values_come_back_as_they_were(store: &dyn EventStore) {
    let texts = [
        "",
        " ",
        "ä€😀",
        "a\"b\\c\n\t\u{0}\u{7f}",
        "\u{2028}",
        "null",
        "{}",
        "\u{fffd}",
    ];
    let values = [
        Value::Null,
        json!(true),
        json!(""),
        json!("a\"b\\c\n\u{0}"),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(f64::MAX),
        json!(f64::MIN_POSITIVE),
        json!(-0.0),
        json!(0.1 + 0.2),
        json!(1e-7),
        json!([]),
        json!({}),
        json!({"": {"": [null, [[]], {"b": 1, "a": 2}]}}),
        json!("x".repeat(100_000)),
    ];
    let times = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let mut stored = Vec::new();
    for n in 0..60_usize {
        let (text, value) = (texts[n % texts.len()], &values[n % values.len()]);
        let mut event = StoredEvent::new(
            id(n as u64),
            times[n % times.len()],
            times[(n + 3) % times.len()],
            text,
            text,
        );
        event.ip = Some(
            ["::1", "::ffff:192.0.2.1", "192.0.2.1", "2001:db8::"][n % 4]
                .parse()
                .unwrap(),
        );
        event.user = Some([(text.to_owned(), value.clone()), ("k".to_owned(), json!(n))].into());
        let fields = [
            &mut event.method,
            &mut event.path,
            &mut event.route,
            &mut event.host,
            &mut event.scheme,
            &mut event.user_agent,
            &mut event.referer,
            &mut event.request_id,
            &mut event.agent,
            &mut event.hostname,
            &mut event.environment,
        ];
        for (at, field) in fields.into_iter().enumerate() {
            *field = (at != n % 10).then(|| texts[(n + at) % texts.len()].to_owned());
        }
        event.status = [None, Some(0), Some(u16::MAX)][n % 3];
        event.params = Some(value.clone());
        event.body = (n % 2 == 0).then(|| value.clone());
        event.properties = Some([(text.to_owned(), value.clone())].into_iter().collect());
        event.traits = [None, Some(serde_json::Map::new())][n % 2].clone();
        event.headers = Some(json!([["accept", text]]));
        event.aggregated = n % 2 == 1;
        stored.push(event);
    }
    append_new(store, stored.clone());
    let stored = newest_first(stored);
    assert_eq!(all(store), stored);
    for text in texts {
        let filter = is(Dimension::Name, text);
        let expected: Vec<StoredEvent> = stored
            .iter()
            .filter(|event| event.name == text)
            .cloned()
            .collect();
        assert_eq!(pages(store, filter, 3), expected, "name {text:?}");
        let filter = has(JsonField::User, &[], text);
        let expected: Vec<StoredEvent> = stored
            .iter()
            .filter(|event| filter.matches(*event))
            .cloned()
            .collect();
        assert_eq!(pages(store, filter, 3), expected, "user {text:?}");
    }
    let everything = HistogramQuery::new(Filter::default(), i64::MIN, i64::MAX, i64::MAX);
    let counts = store
        .histogram(&everything, &ScanMonitor::new())
        .unwrap()
        .counts;
    let expected = |range: std::ops::Range<i64>| {
        stored
            .iter()
            .filter(|event| range.contains(&event.time))
            .count() as u64
    };
    assert_eq!(
        counts,
        [
            expected(i64::MIN..-1),
            expected(-1..i64::MAX - 1),
            expected(i64::MAX - 1..i64::MAX)
        ]
    );
}

pub(crate) fn wrong_queries_are_refused(store: &dyn EventStore) {
    for limit in [0, 1001, usize::MAX] {
        let error = store
            .query(
                &EventQuery::new(Filter::default(), limit),
                &ScanMonitor::new(),
            )
            .unwrap_err();
        assert!(
            matches!(error, StoreError::Query(QueryError::Limit { given }) if given == limit),
            "{error}"
        );
    }
    for cursor in [
        "",
        "x",
        &"0".repeat(47),
        &"g".repeat(48),
        &"+".repeat(48),
        &"ä".repeat(24),
        &"0".repeat(49),
    ] {
        assert_eq!(
            cursor.parse::<Cursor>(),
            Err(QueryError::Cursor),
            "{cursor}"
        );
    }
    let histogram = |from, to, bucket| match store
        .histogram(
            &HistogramQuery::new(Filter::default(), from, to, bucket),
            &ScanMonitor::new(),
        )
        .unwrap_err()
    {
        StoreError::Query(error) => error,
        other => panic!("{other}"),
    };
    assert_eq!(histogram(5, 5, 1), QueryError::Range);
    assert_eq!(histogram(6, 5, 1), QueryError::Range);
    assert_eq!(histogram(0, 5, 0), QueryError::BucketWidth { given: 0 });
    assert_eq!(
        histogram(0, 5, i64::MIN),
        QueryError::BucketWidth { given: i64::MIN }
    );
    assert_eq!(
        histogram(0, 10_001, 1),
        QueryError::TooManyBuckets { given: 10_001 }
    );
    assert_eq!(
        histogram(i64::MIN, i64::MAX, 1),
        QueryError::TooManyBuckets { given: u64::MAX }
    );
    let mut backwards = EventQuery::new(Filter::default(), 1);
    backwards.range = TimeRange {
        from: Some(5),
        to: Some(1),
    };
    assert_eq!(
        store.query(&backwards, &ScanMonitor::new()).unwrap().events,
        []
    );
}

pub(crate) fn what_is_too_large_is_refused_whole(store: &dyn EventStore) {
    let mut large = event(2);
    large.body = Some(json!("x".repeat(2 << 20)));
    let error = append(store, vec![event(1), large]).unwrap_err();
    assert!(
        matches!(error, StoreError::EventTooLarge { index: 1, .. }),
        "{error}"
    );
    let mut deep = event(2);
    for _ in 0..101 {
        deep.body = Some(json!([deep.body]));
    }
    let error = append(store, vec![deep.clone()]).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::EventTooDeep {
                index: 0,
                field: "body",
                ..
            }
        ),
        "{error}"
    );
    let many: Vec<StoredEvent> = (0..40)
        .map(|n| {
            let mut event = event(n);
            event.body = Some(json!("x".repeat(1_000_000)));
            event
        })
        .collect();
    let error = append(store, many).unwrap_err();
    assert!(
        matches!(error, StoreError::AppendTooLarge { .. }),
        "{error}"
    );
    assert_eq!(all(store), []);
    // One level less is stored, and read back.
    deep.body = deep
        .body
        .and_then(|body| body.as_array().map(|body| body[0].clone()));
    append_new(store, vec![deep.clone(), event(1)]);
    assert_eq!(all(store), [deep, event(1)]);
}

pub(crate) fn a_closed_store_answers_queries_alone(store: &dyn EventStore) {
    append_new(store, events(0..10));
    store.close().unwrap();
    store.close().unwrap();
    assert!(matches!(
        append(store, vec![event(11)]),
        Err(StoreError::Closed)
    ));
    assert_eq!(all(store), newest_first(events(0..10)));
}
