//! Bodies that are large, deep, broken, or much larger than they look.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::client::{Client, Running, old, record, uuid};
use crate::process::Process;

/// The most memory that the program may have taken at any time, whatever came.
const MAX_MEMORY: u64 = 640 << 20;
const MIB: usize = 1 << 20;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A frame that claims to need this much memory to be read.
fn zstd_with_window(log: u32, bytes: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(log).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A batch with an element of so many levels.
fn nested(levels: usize) -> String {
    format!(
        "{{\"batch\":[{}{}]}}",
        "[".repeat(levels),
        "]".repeat(levels)
    )
}

/// Sends a body to `path`; returns the status and the answer.
async fn post(
    client: &Client,
    session: &str,
    path: &str,
    encoding: &str,
    body: Vec<u8>,
) -> (u16, Value) {
    let request = client.post(path).header("x-session-key", session);
    let request = request.header("content-encoding", encoding).body(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn ignored(client: &Client) -> Value {
    let (_, answer) = client.call("GET", "/api/v1/outcomes", &Value::Null).await;
    answer["ignored"].clone()
}

#[tokio::test]
async fn broken_bodies_have_the_status_that_fits() {
    let running = Running::start().await;
    let client = &running.client;
    let ours = client.login("shop").await;
    let answer = client.login_as("shop", &old("nodejs")).await;
    let theirs = answer["session_id"].as_str().unwrap();
    let batch = json!({"batch": [record(&[(&uuid(1), "a")])]}).to_string();
    let batch = batch.as_bytes();
    let cut = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    for (what, encoding, body, status, reason) in [
        ("nested", "", nested(128).into_bytes(), 400, "127 levels"),
        ("cut off", "", cut(batch), 400, "body: not the JSON"),
        (
            "cut off gzip",
            "gzip",
            cut(&gzip(batch)),
            400,
            "body: not gzip",
        ),
        (
            "cut off zstd",
            "zstd",
            cut(&zstd(batch)),
            400,
            "body: not zstd",
        ),
        (
            "large window",
            "zstd",
            zstd_with_window(27, &[b' '; 64 << 10]),
            400,
            "body: not zstd",
        ),
        (
            "no UTF-8",
            "",
            b"{\"batch\":[\"\xff\"]}".to_vec(),
            400,
            "body: not the JSON",
        ),
        ("NUL", "", vec![0; 10], 400, "body: not the JSON"),
        (
            "other JSON",
            "",
            b"\"batch\"".to_vec(),
            400,
            "body: not the JSON",
        ),
        ("encoding", "br", batch.to_vec(), 415, "content-encoding"),
        ("large", "", vec![b' '; 8 * MIB + 1], 413, "8388608 bytes"),
    ] {
        for session in [&ours[..], theirs] {
            let (got, answer) =
                post(client, session, "/sqreen/v0/batch", encoding, body.clone()).await;
            if session == theirs && status == 413 {
                // It would send it again for ever.
                assert_eq!((got, answer), (200, json!({"status": true})), "{what}");
                continue;
            }
            assert_eq!(got, status, "{what} {answer}");
            assert_eq!(answer["status"], false, "{what}");
            let error = answer["error"].as_str().unwrap();
            assert!(error.contains(reason), "{what}: {error}");
        }
    }
    let row = |kind, count| json!({"app": "shop", "agent": "nodejs", "kind": kind, "count": count});
    assert_eq!(
        ignored(client).await,
        json!([row("body:too_large", 1), row("body:unreadable", 9)])
    );
    // All of the deepest nesting is read, counted from each element, and half a surrogate pair spoils nothing.
    let (status, _) = post(
        client,
        &ours,
        "/sqreen/v0/batch",
        "",
        nested(127).into_bytes(),
    )
    .await;
    assert_eq!(status, 200);
    let halved = String::from_utf8(batch.to_vec()).unwrap();
    let halved = halved.replacen("\"UA\"", "\"\\ud800UA\"", 1);
    let (status, _) = post(client, &ours, "/sqreen/v0/batch", "", halved.into_bytes()).await;
    assert_eq!(status, 200);
    assert_eq!(client.events("").await[0]["user_agent"], "\u{fffd}UA");
}

#[tokio::test]
async fn many_property_names_are_kept() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let all: serde_json::Map<_, _> = (0..10_000).map(|n| (format!("p{n}"), json!(n))).collect();
    let mut one = record(&[(&uuid(0), "all")]);
    one["observed"]["sdk"][0]["args"][1] = json!({"properties": all});
    let each = all.iter().zip(1..).map(|((name, value), n)| {
        let options = json!({"properties": {name: value}});
        json!({"id": uuid(n), "name": "track", "args": ["each", options]})
    });
    let mut many = record(&[]);
    many["observed"]["sdk"] = each.collect();
    let answer = client.batch(&session, json!([one, many])).await;
    assert_eq!(answer, json!({"status": true, "accepted": 10_001}));
    let found = client.events("filter=name:all").await;
    assert_eq!(found[0]["properties"], Value::Object(all));
    assert_eq!(client.all_events().await.len(), 10_001);
}

#[tokio::test]
async fn more_events_than_a_batch_may_have_are_rejected_alone() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let ids: Vec<_> = (0..20_001).map(uuid).collect();
    let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "a")).collect();
    let answer = client.batch(&session, json!([record(&events)])).await;
    assert_eq!(answer["accepted"], 20_000);
    let reason = "batch: more than 20000 events";
    let verdict = json!({"id": uuid(20_000), "verdict": "rejected", "reason": reason});
    assert_eq!(answer["verdicts"], json!([verdict]));
}

/// Sends each body as often as this at the same time, while another client sends what it always does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_body_takes_more_memory_than_there_is_and_others_are_served() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    let session = client.login("shop").await;
    // A gigabyte each, in frames.
    let gigabyte = |frame: &[u8]| frame.repeat(16);
    let spaces = vec![b' '; 64 * MIB];
    let objects = |room: usize| {
        let object = "{\"a\":0},";
        format!("{{\"batch\":[{}0]}}", object.repeat(room / object.len()))
    };
    let arrays = format!("{{\"batch\":[{}0]}}", "[0],".repeat(2 * MIB - 10));
    let bombs = [
        ("gzip", "gzip", gigabyte(&gzip(&spaces)), 413),
        (
            "zstd",
            "zstd",
            gigabyte(&zstd::encode_all(&spaces[..], 1).unwrap()),
            413,
        ),
        ("objects", "", objects(8 * MIB - 100).into_bytes(), 413),
        ("arrays", "", arrays.into_bytes(), 413),
        (
            "compressed objects",
            "zstd",
            zstd::encode_all(objects(60 * MIB).as_bytes(), 1).unwrap(),
            413,
        ),
        // As many as may be.
        ("fewer objects", "", objects(2 * MIB).into_bytes(), 200),
        ("large", "", vec![b' '; 8 * MIB], 200),
    ];
    drop(spaces);
    let sent = bombs
        .into_iter()
        .flat_map(|bomb| std::iter::repeat_n(bomb, 4));
    let sent: Vec<_> = sent
        .map(|(what, encoding, body, status)| {
            let (client, session) = (client.clone(), session.clone());
            tokio::spawn(async move {
                let (got, answer) =
                    post(&client, &session, "/sqreen/v0/batch", encoding, body).await;
                assert_eq!(got, status, "{what} {answer}");
            })
        })
        .collect();
    let mut others = 0;
    while sent.iter().any(|sent| !sent.is_finished()) || others == 0 {
        let batch = json!([record(&[(&uuid(others), "a")])]);
        let answer = client.batch(&session, batch).await;
        assert_eq!(answer["accepted"], 1);
        others += 1;
    }
    for sent in sent {
        sent.await.unwrap();
    }
    assert_eq!(client.all_events().await.len() as u64, others);
    let memory = process.peak_memory();
    assert!(memory < MAX_MEMORY, "{} MiB", memory >> 20);
}
