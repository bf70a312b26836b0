//! `backup`, while events come in.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use sqreen_server::store::{Consumed, EmbeddedStore, EventStore, Position, StoreOptions};

use super::{field, printed, refused, until};
use crate::client::{Client, Running, block, record, uuid};
use crate::process::{Process, command};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_holds_all_that_was_acknowledged_before() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let begin = consumed(&data, None).1;
    let mut serve = command();
    // Journals and segments come and go all the time.
    serve
        .args(["--addr", "127.0.0.1:0", "--seal-rows", "100", "--data-dir"])
        .arg(&data);
    let mut process = Process::run(serve);
    let client = Client::new(&process.url());
    let action = client.act(&block(&["203.0.113.7"])).await;
    let session = client.login("shop").await;
    let ids: Vec<String> = (0..40).map(|n| uuid(5_000_000 + n)).collect();
    for ids in ids.chunks(20) {
        let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "before")).collect();
        client.batch(&session, json!([record(&events)])).await;
    }
    let count: Arc<AtomicU64> = Arc::default();
    let load = tokio::spawn(client.clone().load(0, Arc::clone(&count)));
    let mut copies = Vec::new();
    for n in 1..=3 {
        until("events come in", async || {
            count.load(Ordering::SeqCst) >= n * 400
        })
        .await;
        let acknowledged = count.load(Ordering::SeqCst);
        let copy = dir.path().join(format!("backup-{n}"));
        let args = ["backup", copy.to_str().unwrap()].map(str::to_owned);
        let from = data.clone();
        let told = tokio::task::spawn_blocking(move || printed(&from, &[&args[0], &args[1]]));
        let events: u64 = field(&told.await.unwrap(), "events").parse().unwrap();
        assert!(events >= acknowledged + 40, "{events} of {acknowledged}");
        copies.push((copy, events));
    }
    process.kill();
    load.await.unwrap();
    for (copy, events) in copies {
        // Each is there for the consumer that had begun before; a server lets go of what it has seen.
        let handed = consumed(&copy, Some(begin)).0;
        let running = Running::at(&copy).await;
        let stored = running.client.all_events().await;
        assert_eq!(stored.len() as u64, events);
        let stored: BTreeSet<_> = stored.iter().map(|e| e["id"].as_str().unwrap()).collect();
        assert_eq!(stored.len() as u64, events, "each once");
        assert!(ids.iter().all(|id| stored.contains(id.as_str())));
        assert_eq!(
            running.client.actions("").await,
            std::slice::from_ref(&action)
        );
        running.stop().await;
        let once: BTreeSet<&str> = handed.iter().map(String::as_str).collect();
        assert_eq!(handed.len(), once.len());
        assert_eq!(once, stored);
    }
}

/// The ids of the events that a consumer is handed, and where it is then.
pub(super) fn consumed(data: &Path, from: Option<Position>) -> (Vec<String>, Position) {
    let store = EmbeddedStore::open(data.join("events"), StoreOptions::new()).unwrap();
    let mut consumer = store.consume(from).unwrap();
    let mut ids = Vec::new();
    while let Some(next) = consumer.next(Duration::ZERO).unwrap() {
        match next {
            Consumed::Events(batch) => {
                ids.extend(batch.rows().map(|(_, row)| row.id().to_string()));
            }
            Consumed::Missed(events) => panic!("{events} events were missed"),
        }
    }
    (ids, consumer.position())
}

#[tokio::test]
async fn nothing_is_overwritten_and_no_half_backup_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    Running::at(&data).await.stop().await;
    let copy = dir.path().join("copy");
    let copy = copy.to_str().unwrap();
    assert_eq!(field(&printed(&data, &["backup", copy]), "events"), "0");
    let again = refused(&data, &["backup", copy]);
    assert!(again.contains("is there already"), "{again}");
    let absent = refused(&dir.path().join("absent"), &["backup", "x"]);
    assert!(absent.contains("no data directory"), "{absent}");
    // A copy that is not good is not kept.
    std::fs::write(data.join("outcomes.json"), "{").unwrap();
    let other = dir.path().join("other");
    let damaged = refused(&data, &["backup", other.to_str().unwrap()]);
    assert!(damaged.contains("outcomes.json"), "{damaged}");
    let left = std::fs::read_dir(dir.path()).unwrap();
    let left: BTreeSet<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, BTreeSet::from(["copy".into(), "data".into()]));
}
