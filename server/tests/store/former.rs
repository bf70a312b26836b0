//! A store of the version before country, autonomous system and network: a segment of 20 events, and a journal of 10.
//! Its files are in `former`.

use std::fs;
use std::path::Path;

use sqreen_server::store::{
    Dimension, EventStore, Field, Filter, GroupQuery, JsonField, ScanMonitor, StoredEvent,
    TimeRange,
};

use crate::{all, append_new, event, events, is, newest_first, open, pages};

/// Copies the files, so that the test may change them.
fn former(dir: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/former");
    for folder in ["segments", "journal"] {
        fs::create_dir(dir.join(folder)).unwrap();
        for entry in fs::read_dir(from.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, dir.join(folder).join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn enriched(n: u64) -> StoredEvent {
    let mut event = event(n);
    event.country = Some(["FR", "DE"][(n % 2) as usize].to_owned());
    event.asn = Some(64_496 + (n % 3) as u32);
    event.network = ["tor", "vpn"][..(n % 3) as usize]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    event
}

fn groups(store: &dyn EventStore, by: Field) -> (Vec<(String, u64)>, u64) {
    let query = GroupQuery {
        filter: Filter::default(),
        range: TimeRange::ALL,
        by,
        limit: 10,
        distinct: false,
    };
    let groups = store.groups(&query, &ScanMonitor::default()).unwrap();
    let rows = groups.rows.into_iter().map(|row| (row.value, row.events));
    (rows.collect(), groups.absent)
}

/// Asks for what the former version did not have, of 30 events of it and 12 of this one.
fn check(store: &dyn EventStore, expected: &[StoredEvent]) {
    assert_eq!(all(store), expected);
    let found = |filter: &str| pages(store, filter.parse::<Filter>().unwrap(), 10).len();
    for (filter, count) in [
        ("country:fr", 6),
        ("-has:country", 30),
        ("asn:64497,64498", 8),
        ("asn>=64497 asn<64498", 4),
        ("network:tor", 8),
        ("network:vpn", 4),
        ("has:network", 8),
        ("-network:vpn", 38),
        ("network~to", 8),
        // Members have columns where the new ones are now.
        ("user.id:1", 7),
        ("properties.amount:7", 1),
    ] {
        assert_eq!(found(filter), count, "{filter}");
    }
    let text = |value: &str, count| (value.to_owned(), count);
    assert_eq!(
        groups(store, Field::Dimension(Dimension::Country)),
        (vec![text("DE", 6), text("FR", 6)], 30)
    );
    let (asns, absent) = groups(store, Field::Dimension(Dimension::Asn));
    let expected = ["64496", "64497", "64498"].map(|asn| text(asn, 4));
    assert_eq!((asns, absent), (expected.to_vec(), 30));
    let (_, absent) = groups(store, Field::Json(JsonField::Network, Vec::new()));
    assert_eq!(absent, 34);
}

#[test]
fn a_store_of_the_former_version_is_read_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    former(dir.path());
    let store = open(dir.path());
    assert_eq!(all(&store), newest_first(events(0..30)));
    assert!(pages(&store, is(Dimension::Country, "FR"), 10).is_empty());
    store.seal().unwrap();
    let added: Vec<StoredEvent> = (30..42).map(enriched).collect();
    for event in &added[..5] {
        append_new(&store, vec![event.clone()]);
        store.seal().unwrap();
    }
    append_new(&store, added[5..].to_vec());
    let expected = newest_first([events(0..30), added].concat());
    check(&store, &expected);
    store.seal().unwrap();
    assert_eq!(store.stats().segments, 8);
    check(&store, &expected);
    // Made one segment of this version.
    store.maintain().unwrap();
    assert_eq!(store.stats().segments, 1);
    check(&store, &expected);
    assert_eq!(store.stats().damaged_segments, 0);
}
