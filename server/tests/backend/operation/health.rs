//! `/healthz`, `/readyz`, `/metrics`, and the log.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::until;
use crate::client::{Client, Running, record, uuid};
use crate::process::{Process, command};

/// The series of `/metrics`, each line checked for its form.
pub(crate) async fn metrics(client: &Client) -> HashMap<String, f64> {
    let answer = client.api("/metrics").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4"
    );
    let text = answer.text().await.unwrap();
    let mut kinds = HashMap::new();
    let mut series = HashMap::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(kinds.insert(name, kind).is_none(), "{name}: told twice");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let base = name.split('{').next().unwrap();
            let known = ["", "_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|end| base.strip_suffix(end))
                .any(|base| kinds.contains_key(base));
            assert!(known, "{name}: no type");
            series.insert(name.to_owned(), value.parse().unwrap());
        }
    }
    series
}

#[tokio::test]
async fn metrics_count_requests_and_events() {
    let running = Running::start().await;
    let client = &running.client;
    assert_eq!(client.get("/metrics").send().await.unwrap().status(), 401);
    let session = client.login("shop").await;
    let (one, two) = (uuid(1), uuid(2));
    let records = json!([record(&[(&one, "a"), (&two, "b")])]);
    client.batch(&session, records.clone()).await;
    client.batch(&session, records).await;
    let series = metrics(client).await;
    for (name, value) in [
        ("sqreen_events_total{outcome=\"stored\"}", 2.0),
        ("sqreen_events_total{outcome=\"duplicate\"}", 2.0),
        ("sqreen_events_total{outcome=\"rejected\"}", 0.0),
        ("sqreen_store_hot_rows", 2.0),
        ("sqreen_store_dedupe_ids", 2.0),
        ("sqreen_store_sync_duration_seconds_count", 1.0),
        ("sqreen_sessions", 1.0),
        ("sqreen_action_streams", 0.0),
        (
            "sqreen_http_requests_total{class=\"ingest\",status=\"2xx\"}",
            3.0,
        ),
        (
            "sqreen_http_requests_total{class=\"operation\",status=\"4xx\"}",
            1.0,
        ),
        (
            "sqreen_http_request_duration_seconds_count{class=\"ingest\"}",
            3.0,
        ),
    ] {
        assert_eq!(series.get(name), Some(&value), "{name}: {series:?}");
    }
    if cfg!(target_os = "linux") {
        assert!(series["process_resident_memory_bytes"] > 1e6);
    }
    running.stop().await;
}

#[tokio::test]
async fn retention_is_set_by_a_flag_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command();
    command
        .args([
            "--addr",
            "127.0.0.1:0",
            "--seal-age",
            "1s",
            "--retention-age",
            "1s",
        ])
        .arg("--data-dir")
        .arg(dir.path());
    let process = Process::run(command);
    let client = Client::new(&process.url());
    let session = client.login("shop").await;
    client
        .batch(&session, json!([record(&[(&uuid(1), "a")])]))
        .await;
    until("the event is deleted", async || {
        metrics(&client).await["sqreen_store_expired_events_total"] == 1.0
    })
    .await;
    assert_eq!(client.events("").await.len(), 0);
    assert!(process.log().contains("segment deleted by retention"));
}

#[tokio::test]
async fn the_server_is_ready_until_it_drains_and_serves_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command();
    command
        .args([
            "--addr",
            "127.0.0.1:0",
            "--drain-delay",
            "1h",
            "--log-format",
            "json",
        ])
        .arg("--data-dir")
        .arg(dir.path());
    let mut process = Process::run(command);
    let client = Client::new(&process.url());
    let ready = async || {
        let answer = client.get("/readyz").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap())
    };
    assert_eq!(ready().await, (200, json!({"status": "ready"})));
    process.signal("TERM");
    until("the server announces its stop", async || {
        ready().await.0 == 503
    })
    .await;
    assert_eq!(
        ready().await.1["reasons"],
        json!(["the server is stopping"])
    );
    assert_eq!(client.get("/healthz").send().await.unwrap().status(), 200);
    let session = client.login("shop").await;
    client
        .batch(&session, json!([record(&[(&uuid(1), "a")])]))
        .await;
    // A second signal ends the wait.
    process.signal("TERM");
    assert!(process.wait().success());
    let log = process.log();
    let mut told = Vec::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(
            line["timestamp"].is_string() && line["level"].is_string(),
            "{line}"
        );
        told.push(line["message"].as_str().unwrap().to_owned());
    }
    assert!(
        told.contains(&"stopping".to_owned()) && told.contains(&"stopped".to_owned()),
        "{log}"
    );
}
