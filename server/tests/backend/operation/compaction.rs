//! `kill -9` while small segments are made one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{field, printed};
use crate::client::{Client, record, uuid};
use crate::process::{Process, command};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_neither_double_nor_lose_a_row() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    // Segments of ten rows while events come; then, with larger ones allowed, they are made one at the first look.
    for round in 0..6_u64 {
        let rows = if round % 2 == 0 { "10" } else { "100000" };
        let mut serve = command();
        serve.args(["--addr", "127.0.0.1:0", "--seal-rows", rows, "--data-dir"]);
        serve.arg(dir.path());
        let mut process = Process::run(serve);
        let client = Client::new(&process.url());
        let session = client.login("shop").await;
        if round % 2 == 0 {
            for batch in 0..24 {
                let ids = (0..10).map(|n| uuid(round * 1_000 + batch * 10 + n));
                let ids: Vec<String> = ids.collect();
                let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "a")).collect();
                client.batch(&session, json!([record(&events)])).await;
                acknowledged.extend(ids);
            }
        } else {
            // At the draft, between the two names, or a little later: whenever the first sign of it is seen.
            let segments = dir.path().join("events/segments");
            let began = Instant::now();
            loop {
                let names = std::fs::read_dir(&segments).unwrap();
                let names = names.map(|entry| entry.unwrap().file_name());
                let mut names = names.map(|name| name.into_string().unwrap());
                if names.any(|name| name.matches('-').count() == 2 || name.ends_with(".tmp")) {
                    break;
                }
                assert!(
                    began.elapsed() < Duration::from_secs(60),
                    "{}",
                    process.log()
                );
            }
        }
        process.kill();
        let told = printed(dir.path(), &["check"]);
        assert_eq!(
            field(&told, "events"),
            acknowledged.len().to_string(),
            "{told}"
        );
    }
    let process = Process::start("127.0.0.1:0", dir.path());
    let events = Client::new(&process.url()).all_events().await;
    assert_eq!(events.len(), acknowledged.len());
    let stored: BTreeSet<_> = events
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stored, acknowledged);
}
