//! Clients that send a byte now and then.

use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use serde_json::json;
use sqreen_server::IngestLimits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, Running, record, uuid};
use crate::process::Process;

/// What the program may take with a thousand connections that hold a little each.
const MAX_MEMORY: u64 = 160 << 20;

/// Begins a batch of which only a byte of the body is sent.
async fn begin(addr: &str, session: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let head = format!(
        "POST /sqreen/v0/batch HTTP/1.1\r\nhost: a\r\nx-session-key: {session}\r\ncontent-length: {length}\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_thousand_slow_connections_keep_nobody_waiting() {
    // Test and program have a descriptor for each connection.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit
        .current
        .zip(limit.maximum)
        .map(|(now, most)| now.max(most.min(4_096)));
    setrlimit(Resource::Nofile, limit).unwrap();

    let dir = tempfile::tempdir().unwrap();
    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    let session = client.login("shop").await;
    let mut slow = Vec::new();
    for n in 0..1_000 {
        // Small ones, and such that say they will be large.
        let length = if n % 2 == 0 { 100 } else { 8 << 20 };
        slow.push(begin(&process.addr, &session, length).await);
    }
    for round in 0..3 {
        for stream in &mut slow {
            stream.write_all(b" ").await.unwrap();
        }
        let mut large = record(&[(&uuid(round), "a")]);
        large["request"]["parameters"] = json!({"query": {"a": "x".repeat(200 << 10)}});
        let answer = client.batch(&session, json!([large])).await;
        assert_eq!(answer["accepted"], 1);
    }
    assert_eq!(client.events("").await.len(), 3);
    let memory = process.peak_memory();
    assert!(memory < MAX_MEMORY, "{} MiB", memory >> 20);
}

#[tokio::test]
async fn slow_bodies_are_answered_408_and_their_connections_closed() {
    let limits = IngestLimits::new().body_timeout(Duration::from_secs(1));
    let running = Running::start_with(|config| config.ingest(limits)).await;
    let client = &running.client;
    let addr = client.url.strip_prefix("http://").unwrap();
    let session = client.login("shop").await;
    let mut slow = Vec::new();
    for _ in 0..20 {
        slow.push(begin(addr, &session, 100).await);
    }
    let answer = client
        .batch(&session, json!([record(&[(&uuid(1), "a")])]))
        .await;
    assert_eq!(answer["accepted"], 1);
    for mut stream in slow {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(answer.contains("body: took longer than 1s"), "{answer}");
    }
}

#[tokio::test]
async fn whoever_has_no_session_is_not_waited_for() {
    let running = Running::start().await;
    let addr = running.client.url.strip_prefix("http://").unwrap();
    let mut stream = begin(addr, "unknown", 8 << 20).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
}
