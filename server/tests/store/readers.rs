//! What other readers of Parquet need to find: `readers.py` compares it with what they read.

use std::fs;
use std::path::Path;

use serde_json::json;
use sqreen_server::store::{
    Dimension, EventStore, Field, Filter, GroupQuery, JsonField, ScanMonitor, StoredEvent,
    TimeRange,
};

use crate::{append_new, events, files, open};

/// Leaves segments and the store's own answers about them behind.
#[test]
fn segments_are_left_for_other_readers() {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readers");
    if dir.exists() {
        fs::remove_dir_all(&dir).unwrap();
    }
    let store = open(&dir);
    let of_country = |mut event: StoredEvent, n: usize| {
        let properties = event.properties.get_or_insert_default();
        if !n.is_multiple_of(4) {
            properties.insert("country".to_owned(), json!(["FR", "DE", "é \"x\""][n % 3]));
        }
        event.country = Some(["FR", "DE"][n % 2].to_owned()).filter(|_| !n.is_multiple_of(5));
        event.asn = Some(u32::MAX - (n % 3) as u32).filter(|_| !n.is_multiple_of(5));
        event.network = ["tor", "vpn"][..n % 3]
            .iter()
            .map(|name| (*name).to_owned())
            .collect();
        event
    };
    let all = events(0..3000).into_iter().zip(0..);
    let all: Vec<StoredEvent> = all.map(|(event, n)| of_country(event, n)).collect();
    for half in all.chunks(1500) {
        append_new(&store, half.to_vec());
        store.seal().unwrap();
    }
    assert_eq!(files(&dir, "segments", ".parquet").len(), 2);
    let groups = |by| {
        let query = GroupQuery {
            filter: Filter::default(),
            range: TimeRange::ALL,
            by,
            limit: 1000,
            distinct: true,
        };
        let rows = store
            .groups(&query, &ScanMonitor::new())
            .unwrap()
            .rows
            .into_iter();
        let rows =
            rows.map(|row| json!([row.value, row.events, row.ips.count, row.first, row.last]));
        rows.collect::<Vec<_>>()
    };
    let expected = json!({
        "rows": store.stats().sealed_rows,
        "amount": all.iter().filter_map(|event| event.properties.as_ref()?["amount"].as_u64()).sum::<u64>(),
        "names": groups(Field::Dimension(Dimension::Name)),
        "country": groups(Field::Dimension(Dimension::Country)),
        "asn": groups(Field::Dimension(Dimension::Asn)),
        "network": groups(Field::Json(JsonField::Network, Vec::new())),
        "countries": groups(Field::Json(JsonField::Properties, vec!["country".to_owned()])),
    });
    assert_eq!(expected["names"].as_array().unwrap().len(), 7);
    assert_eq!(expected["countries"].as_array().unwrap().len(), 3);
    fs::write(dir.join("expected.json"), expected.to_string()).unwrap();
}
