//! Rows read field by field: of a consumer's batches, and of scans from the oldest on.

use std::time::Duration;

use sqreen_server::store::{
    Consumed, Dimension, EventFields, EventStore, Field, Filter, JsonField, ScanMonitor,
    StoreError, StoredEvent, TimeRange,
};

use crate::{Lcg, T0, append_new, event, events};

/// Filters of every kind; each takes some of the events below, or none.
const FILTERS: [&str; 16] = [
    "",
    "name:event.1",
    "name:event.2 or name:event.5",
    "ip:192.0.2.0/24",
    "user.id:3",
    "user.id>3",
    "properties.a.b:1.50",
    "properties.t>1",
    "headers.x-id:2",
    "headers.X-ID:a",
    "status>=201 -user.email^u2",
    "properties~amount",
    "has:properties.a.c",
    "params.query.text~QUOTED",
    "path:/products/4 or aggregated:true",
    "name:none",
];

/// Values to look at.
const FIELDS: [&str; 9] = [
    "status",
    "properties.a.b",
    "properties.t",
    "user",
    "user.email",
    "headers.x-id",
    "ip",
    "body",
    "params.query.q",
];

/// An event with odd values.
fn odd(n: u64) -> StoredEvent {
    let mut odd = event(n);
    odd.headers = Some(serde_json::json!([["X-Id", "a"], ["x-id", 2]]));
    odd.ip = "::ffff:192.0.2.1".parse().ok();
    odd.properties = serde_json::json!({"a": {"b": 1.5}, "t": "1.5", "": null})
        .as_object()
        .cloned();
    odd
}

fn filters() -> Vec<Filter> {
    let parsed = FILTERS.iter().map(|text| match *text {
        "" => Filter::default(),
        text => text.parse().unwrap(),
    });
    parsed.collect()
}

/// Compares what two tell of every field, and by every filter.
fn assert_same(row: &dyn EventFields, event: &dyn EventFields) {
    assert_eq!((row.id(), row.time()), (event.id(), event.time()));
    assert_eq!(row.status(), event.status());
    let ip = |of: &dyn EventFields| of.ip().map(|ip| ip.to_canonical());
    assert_eq!(ip(row), ip(event));
    assert_eq!((row.app(), row.name()), (event.app(), event.name()));
    for dimension in Dimension::ALL {
        assert_eq!(row.text(dimension), event.text(dimension), "{dimension:?}");
    }
    for json in JsonField::ALL {
        assert_eq!(row.json(json), event.json(json), "{json:?}");
    }
    for field in FIELDS {
        let field: Field = field.parse().unwrap();
        assert_eq!(row.value(&field), event.value(&field), "{field}");
        assert_eq!(row.number(&field), event.number(&field), "{field}");
    }
    for filter in filters() {
        assert_eq!(row.matches(&filter), event.matches(&filter), "{filter}");
    }
}

pub(crate) fn rows_of_a_batch_tell_each_field_as_the_event_does(store: &dyn EventStore) {
    let mut consumer = store.consume(None).unwrap();
    let given = [vec![odd(1)], events(2..30)].concat();
    append_new(store, given.clone());
    let mut given = given.iter();
    while given.len() > 0 {
        let Some(Consumed::Events(batch)) = consumer.next(Duration::from_secs(30)).unwrap() else {
            panic!("events are missing");
        };
        for (_, row) in batch.rows() {
            let expected = given.next().unwrap();
            assert_same(&*row, expected);
            assert_eq!((row.ip(), row.received()), (expected.ip, expected.received));
            assert_eq!(&row.event().unwrap(), expected);
        }
    }
}

pub(crate) fn a_scan_hands_out_what_is_meant_oldest_first(store: &dyn EventStore) {
    let mut random = Lcg(5);
    let mut given: Vec<StoredEvent> = (0..400)
        .map(|n| if n % 10 == 0 { odd(n) } else { event(n) })
        .collect();
    for event in &mut given {
        // Many of one time, and appended in any order.
        event.time = T0 + random.below(90) as i64 / 2 * 1_000;
    }
    for part in given.chunks(23) {
        append_new(store, part.to_vec());
    }
    given.sort_by_key(|event| (event.time, event.id));
    let dimensions = Dimension::ALL.map(Field::Dimension);
    let json = JsonField::ALL.map(|field| Field::Json(field, Vec::new()));
    let fields: Vec<Field> = dimensions.into_iter().chain(json).collect();
    let late = TimeRange {
        from: Some(T0 + 10_000),
        to: Some(T0 + 30_000),
    };
    for range in [TimeRange::ALL, late] {
        for filter in filters() {
            let meant = |event: &&StoredEvent| range.contains(event.time) && filter.matches(*event);
            let mut expected = given.iter().filter(meant);
            let monitor = ScanMonitor::new();
            let ended = store.scan_rows(&filter, range, &fields, &monitor, &mut |row| {
                assert_same(row, expected.next().unwrap());
            });
            assert!(ended.unwrap());
            assert!(expected.next().is_none(), "{filter}");
            assert_eq!(monitor.scanned(), monitor.rows());
        }
    }
}

pub(crate) fn a_scan_reads_what_is_asked_for_alone(store: &dyn EventStore) {
    append_new(store, vec![odd(1)]);
    let fields = ["user.email", "headers.x-id", "name"].map(|name| name.parse::<Field>().unwrap());
    let monitor = ScanMonitor::new();
    let filter: Filter = "ip:192.0.2.1".parse().unwrap();
    let mut seen = 0;
    let mut look = |row: &dyn EventFields| {
        seen += 1;
        for field in &fields {
            assert_eq!(row.value(field), (&odd(1) as &dyn EventFields).value(field));
        }
        assert_eq!((row.ip(), row.status(), &*row.app()), (None, None, ""));
        assert_eq!(row.json(JsonField::User), None);
        assert!(matches!(row.event(), Err(StoreError::Internal(_))));
        assert_eq!(row.received(), row.time());
    };
    let all = TimeRange::ALL;
    assert!(
        store
            .scan_rows(&filter, all, &fields, &monitor, &mut look)
            .unwrap()
    );
    assert_eq!(seen, 1);
    monitor.cancel();
    assert!(
        !store
            .scan_rows(&filter, all, &fields, &monitor, &mut |_| panic!())
            .unwrap()
    );
}

#[test]
fn a_scan_that_meets_damage_goes_on_without_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = crate::open(dir.path());
    for start in [0, 50, 100] {
        append_new(&store, events(start..start + 50));
        store.seal().unwrap();
    }
    drop(store);
    let second = &crate::files(dir.path(), "segments", ".parquet")[1];
    let mut bytes = std::fs::read(second).unwrap();
    bytes[100] ^= 1;
    std::fs::write(second, bytes).unwrap();
    let store = crate::open(dir.path());
    let (monitor, mut ids) = (ScanMonitor::new(), Vec::new());
    let filter = Filter::default();
    let mut take = |row: &dyn EventFields| ids.push(row.id());
    let ended = store.scan_rows(&filter, TimeRange::ALL, &[], &monitor, &mut take);
    assert!(ended.unwrap());
    let left = (0..50).chain(100..150).map(crate::id);
    assert_eq!(ids, left.collect::<Vec<_>>());
    assert_eq!(store.stats().damaged_segments, 1);
}
