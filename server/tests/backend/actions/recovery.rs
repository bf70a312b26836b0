//! Streams whose reader, server or database was not there in between.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::client::{Client, Running, block, sdk};
use super::super::process::Process;
use super::stream::{Lines, PATIENCE, login, position};

/// An action that takes a good part of what is kept of the changes.
fn large(n: u64) -> Value {
    let users: Vec<_> = (0..25)
        .map(|user| json!({"id": format!("{n}-{user}-{}", "x".repeat(8_000))}))
        .collect();
    json!({"action": "block_user", "users": users})
}

#[tokio::test]
async fn a_gap_that_is_not_kept_means_a_reload() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let (_, blog) = login(client, "blog").await;
    for n in 0..30 {
        let mut body = large(n);
        body["app"] = json!("shop");
        client.act(&body).await;
    }
    let line = Lines::open(client, &session, &query).await.line().await;
    assert_eq!((&line["reload"], &line["seq"]), (&json!(true), &json!(30)));
    let near = query.replace("seq=0", "seq=29");
    let mut lines = Lines::open(client, &session, &near).await;
    assert_eq!(lines.line().await["seq"], 29);
    assert_eq!(lines.line().await["seq"], 30);
    let (session, _) = login(client, "blog").await;
    let line = Lines::open(client, &session, &blog).await.line().await;
    assert_eq!(
        (line.get("reload"), &line["seq"]),
        (None, &json!(0)),
        "it has missed nothing"
    );
}

#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_to_reload() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let addr: std::net::SocketAddr = client.url.strip_prefix("http://").unwrap().parse().unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 << 10).unwrap();
    let mut slow = socket.connect(addr).await.unwrap();
    let head = format!(
        "GET /sqreen/v1/actions/stream?{query} HTTP/1.1\r\nhost: a\r\nx-session-key: {session}\r\n\r\n"
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut buffer = vec![0; 64 << 10];
    while !text.contains("\"seq\":0}") {
        let read = slow.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    // More than the sockets and the ring of changes hold together; nobody reads meanwhile.
    let count = 120;
    for n in 0..count {
        client.act(&large(n)).await;
    }
    let end = format!("\"seq\":{count},\"reload\":true}}");
    let read = async {
        let mut bytes = text.into_bytes();
        while !bytes
            .windows(end.len())
            .any(|window| window == end.as_bytes())
        {
            let read = slow.read(&mut buffer).await.unwrap();
            assert_ne!(read, 0, "the stream lives");
            // The end of what was there may be the start of what is looked for.
            bytes.drain(..bytes.len().saturating_sub(end.len()));
            bytes.extend(&buffer[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("told to reload");
    assert_eq!(
        client.pack(&session).await["actions"]
            .as_array()
            .unwrap()
            .len(),
        usize::try_from(count).unwrap()
    );
}

#[tokio::test]
async fn a_restart_begins_another_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let (_, query) = login(&running.client, "shop").await;
    let action = running.client.act(&block(&["203.0.113.7"])).await;
    running.stop().await;

    let running = Running::at(dir.path()).await;
    let client = &running.client;
    let login = client.login_as("shop", &sdk()).await;
    let session = login["session_id"].as_str().unwrap();
    assert_eq!(login["actions"][0]["action_id"], action["id"]);
    assert_ne!(position(&login["actions_version"]), query);
    // The position alone would be one that it could go on from.
    let line = Lines::open(client, session, &query).await.line().await;
    assert_eq!(line["reload"], true);
    assert_eq!(line["epoch"], login["actions_version"]["epoch"]);
    let tag = format!("\"{}-1\"", query.split(['=', '&']).nth(1).unwrap());
    let request = client
        .get("/sqreen/v0/actionspack")
        .header("x-session-key", session);
    assert_eq!(
        request
            .header("if-none-match", tag)
            .send()
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test]
async fn an_older_backup_is_never_taken_for_the_state_it_was_made_of() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state.sqlite");
    let backup = dir.path().join("backup");
    let mut versions: Vec<String> = Vec::new();
    for (ip, restores) in [
        ("203.0.113.1", false),
        ("203.0.113.2", false),
        ("203.0.113.3", true),
    ] {
        if restores {
            std::fs::copy(&backup, &file).unwrap();
        }
        let running = Running::at(dir.path()).await;
        let client = &running.client;
        let before = client.actions("").await.len();
        assert_eq!(
            before,
            usize::from(!versions.is_empty()),
            "one action, of the first start"
        );
        client.act(&block(&[ip])).await;
        let login = client.login_as("shop", &sdk()).await;
        let session = login["session_id"].as_str().unwrap();
        // An agent that has seen another state at the same position is told to reload.
        for seen in &versions {
            assert_eq!(
                Lines::open(client, session, seen).await.line().await["reload"],
                true
            );
        }
        versions.push(position(&login["actions_version"]));
        running.stop().await;
        if ip == "203.0.113.1" {
            std::fs::copy(&file, &backup).unwrap();
        }
    }
    let count = versions.len();
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(versions.len(), count);
}

#[tokio::test]
async fn streams_end_when_the_server_drains() {
    let running = Running::start().await;
    let (session, query) = login(&running.client, "shop").await;
    let mut lines = Lines::open(&running.client, &session, &query).await;
    lines.line().await;
    running.server.drain();
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_streams() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&server.url());
    let (session, query) = login(&client, "shop").await;
    let mut lines = Lines::open(&client, &session, &query).await;
    lines.line().await;
    server.signal("TERM");
    assert_eq!(
        lines.next().await,
        None,
        "a proper end, which a stream that is cut has not"
    );
    drop(client);
    assert!(server.wait().success());
}
