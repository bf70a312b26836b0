//! What was acknowledged outlives `kill -9`.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::client::{Client, block, record};
use super::process::Process;

#[tokio::test]
async fn an_action_that_was_answered_survives() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&server.url());
    let action = client.act(&block(&["203.0.113.7"])).await;
    server.kill();
    let server = Process::start(&server.addr, dir.path());
    let client = Client::new(&server.url());
    assert_eq!(client.actions("").await, [action]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start("127.0.0.1:0", dir.path());
    let addr = process.addr.clone();
    let client = Client::new(&process.url());
    let mut acknowledged = Vec::new();
    for round in 0..3_u64 {
        let count: Arc<AtomicU64> = Arc::default();
        let loads: Vec<_> = (0..2_u64)
            .map(|n| {
                let from = round * 200_000 + n * 100_000;
                tokio::spawn(client.clone().load(from, Arc::clone(&count)))
            })
            .collect();
        while count.load(Ordering::SeqCst) < 400 {
            assert!(process.is_running(), "ended by itself: {}", process.log());
            tokio::task::yield_now().await;
        }
        process.kill();
        for load in loads {
            acknowledged.extend(load.await.unwrap());
        }
        process = Process::start(&addr, dir.path());
        // Half of the acknowledged events are sent again, as by an agent that did not get the answer.
        let session = client.login("shop").await;
        let again: Vec<_> = acknowledged.iter().take(acknowledged.len() / 2).collect();
        let events: Vec<_> = again.iter().map(|id| (id.as_str(), "load")).collect();
        let answer = client.batch(&session, json!([record(&events)])).await;
        assert_eq!(answer["accepted"], 0);

        let mut stored: HashMap<String, u32> = HashMap::new();
        for event in client.all_events().await {
            let id = event["id"].as_str().unwrap().to_owned();
            *stored.entry(id).or_default() += 1;
        }
        assert!(stored.values().all(|count| *count == 1));
        assert!(acknowledged.iter().all(|id| stored.contains_key(id)));
    }
}
