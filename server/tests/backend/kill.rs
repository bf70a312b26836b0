//! What was acknowledged outlives `kill -9`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::client::{API, Client, INGEST, block, record, uuid};

pub(crate) fn spawn(addr: &str, dir: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sqreen-server"))
        .args(["--addr", addr, "--data-dir"])
        .arg(dir)
        .env("SQREEN_SERVER_INGEST_TOKEN", INGEST)
        .env("SQREEN_SERVER_API_TOKEN", API)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .next()
        .expect("the server says where it listens")
        .unwrap();
    let addr = line
        .strip_prefix("explorer=http://")
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    (child, addr.to_owned())
}

/// Sends batches until the server is gone; returns the ids that were acknowledged. The last batch, whose answer did
/// not come, is sent again in the next round.
async fn load(
    client: Client,
    from: u64,
    acknowledged: std::sync::Arc<std::sync::atomic::AtomicU64>,
) -> Vec<String> {
    let session = client.login("shop").await;
    let mut ids = Vec::new();
    for batch in 0.. {
        let batch: Vec<_> = (0..20).map(|n| uuid(from + batch * 20 + n)).collect();
        let events: Vec<_> = batch.iter().map(|id| (id.as_str(), "load")).collect();
        let body = json!({"verdicts": true, "batch": [record(&events)]});
        let request = client
            .post("/sqreen/v0/batch")
            .header("x-session-key", &session);
        let Ok(answer) = request.json(&body).send().await else {
            break;
        };
        let Ok(answer) = answer.json::<Value>().await else {
            break;
        };
        assert_eq!(answer["status"], true);
        ids.extend(batch);
        acknowledged.fetch_add(20, std::sync::atomic::Ordering::SeqCst);
    }
    ids
}

#[tokio::test]
async fn an_action_that_was_answered_survives() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, addr) = spawn("127.0.0.1:0", dir.path());
    let client = Client::new(&format!("http://{addr}"));
    let action = client.act(&block(&["203.0.113.7"])).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let (mut child, _) = spawn(&addr, dir.path());
    let client = Client::new(&client.url);
    assert_eq!(client.actions("").await, [action]);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_event_is_there_once() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, addr) = spawn("127.0.0.1:0", dir.path());
    let client = Client::new(&format!("http://{addr}"));
    let mut acknowledged = Vec::new();
    for round in 0..3_u64 {
        let count = std::sync::Arc::default();
        let loads: Vec<_> = (0..2_u64)
            .map(|n| {
                let from = round * 200_000 + n * 100_000;
                tokio::spawn(load(client.clone(), from, std::sync::Arc::clone(&count)))
            })
            .collect();
        while count.load(std::sync::atomic::Ordering::SeqCst) < 400 {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the server ended by itself"
            );
            tokio::task::yield_now().await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for load in loads {
            acknowledged.extend(load.await.unwrap());
        }
        child = spawn(&addr, dir.path()).0;
        // Half of the acknowledged events are sent again, as by an agent that did not get the answer.
        let session = client.login("shop").await;
        let again: Vec<_> = acknowledged.iter().take(acknowledged.len() / 2).collect();
        let events: Vec<_> = again.iter().map(|id| (id.as_str(), "load")).collect();
        let answer = client.batch(&session, json!([record(&events)])).await;
        assert_eq!(answer["accepted"], 0);

        let mut stored: HashMap<String, u32> = HashMap::new();
        let mut path = "/api/v1/events?limit=1000".to_owned();
        loop {
            let page: Value = client
                .api(&path)
                .send()
                .await
                .unwrap()
                .json()
                .await
                .unwrap();
            for event in page["events"].as_array().unwrap() {
                *stored
                    .entry(event["id"].as_str().unwrap().to_owned())
                    .or_default() += 1;
            }
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("/api/v1/events?limit=1000&cursor={next}");
        }
        assert!(stored.values().all(|count| *count == 1));
        assert!(acknowledged.iter().all(|id| stored.contains_key(id)));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
