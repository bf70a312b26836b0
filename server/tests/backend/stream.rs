//! The stream of changes.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Client, Running, block, sdk};

/// Far more than anything here takes; what waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that is open.
struct Lines {
    answer: reqwest::Response,
    bytes: VecDeque<u8>,
}

impl Lines {
    async fn open(client: &Client, session: &str, query: &str) -> Self {
        let request = client.get(&format!("/sqreen/v1/actions/stream?{query}"));
        let answer = request
            .header("x-session-key", session)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
        Self {
            answer,
            bytes: VecDeque::new(),
        }
    }

    /// The next line; `None` is a proper end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await;
            self.bytes.extend(chunk.expect("a line in time").unwrap()?);
        }
    }

    async fn line(&mut self) -> Value {
        self.next().await.expect("a line")
    }
}

/// Logs in; returns the session and the query that names the position of the login.
async fn login(client: &Client, app: &str) -> (String, String) {
    let answer = client.login_as(app, &sdk()).await;
    let session = answer["session_id"].as_str().unwrap().to_owned();
    (session, position(&answer["actions_version"]))
}

fn position(version: &Value) -> String {
    format!(
        "epoch={}&seq={}",
        version["epoch"].as_str().unwrap(),
        version["seq"]
    )
}

async fn lift(client: &Client, action: &Value) {
    let place = format!("/api/v1/actions/{}", action["id"].as_str().unwrap());
    assert_eq!(client.call("DELETE", &place, &Value::Null).await.0, 200);
}

#[tokio::test]
async fn each_change_is_a_line() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let mut lines = Lines::open(client, &session, &query).await;
    let start = lines.line().await;
    let epoch = start["epoch"].clone();
    assert_eq!(
        start,
        json!({"epoch": epoch, "seq": 0}),
        "at once, and it tells the position"
    );

    let body = json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": 300, "dry_run": true});
    let first = client.act(&body).await;
    let mut line = lines.line().await;
    let left = line["put"][0]["duration"].take().as_f64().unwrap();
    assert!(left > 290.0 && left <= 300.0, "{left}");
    assert_eq!(
        line,
        json!({"epoch": epoch, "seq": 1, "put": [{
            "action_id": first["id"], "action": "block_ip", "duration": null, "send_response": true, "dry_run": true,
            "parameters": {"ip_cidr": ["203.0.113.7/32"]},
        }]})
    );

    let second = client.act(&block(&["203.0.113.7"])).await;
    let line = lines.line().await;
    assert_eq!(
        (&line["seq"], &line["lift"]),
        (&json!(2), &json!([first["id"]])),
        "it takes the place"
    );
    assert_eq!(line["put"][0]["action_id"], second["id"]);

    lift(client, &second).await;
    assert_eq!(
        lines.line().await,
        json!({"epoch": epoch, "seq": 3, "lift": [second["id"]]})
    );
    lift(client, &second).await;

    // Another application's change is none here: the next line is the one after it.
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.8"], "app": "blog"}))
        .await;
    let own = client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.9"], "app": "shop"}))
        .await;
    let line = lines.line().await;
    assert_eq!(
        (&line["seq"], &line["put"][0]["action_id"]),
        (&json!(4), &own["id"])
    );

    client
        .call("POST", "/api/v1/allowlist", &json!({"paths": ["/health"]}))
        .await;
    assert_eq!(
        lines.line().await,
        json!({"epoch": epoch, "seq": 5, "reload": true})
    );
    client
        .call("PUT", "/api/v1/actions/settings", &json!({"dry_run": true}))
        .await;
    assert_eq!(
        lines.line().await,
        json!({"epoch": epoch, "seq": 6, "reload": true})
    );
    // What changes nothing is no change.
    client
        .call("POST", "/api/v1/allowlist", &json!({"paths": ["/health"]}))
        .await;
    client
        .call(
            "PUT",
            "/api/v1/actions/settings",
            &json!({"dry_run": true, "allow_critical_ips": true}),
        )
        .await;
    client.act(&block(&["203.0.113.10"])).await;
    assert_eq!(lines.line().await["seq"], 7);
    assert_eq!(
        client.beat(&session, &json!({})).await,
        Vec::<Value>::new(),
        "no command beside the stream"
    );
}

#[tokio::test]
async fn fifty_streams_hear_of_one_change() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        let mut lines = Lines::open(client, &session, &query).await;
        lines.line().await;
        streams.push(lines);
    }
    let action = client.act(&block(&["203.0.113.7"])).await;
    for lines in &mut streams {
        assert_eq!(lines.line().await["put"][0]["action_id"], action["id"]);
    }
}

#[tokio::test]
async fn a_stream_goes_on_where_it_was() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let first = client.act(&block(&["203.0.113.7"])).await;
    lift(client, &first).await;
    let second = client.act(&block(&["203.0.113.8"])).await;
    let mut lines = Lines::open(client, &session, &query).await;
    let start = lines.line().await;
    assert_eq!(start["seq"], 0, "the first line tells where it goes on");
    assert_eq!(lines.line().await["put"][0]["action_id"], first["id"]);
    assert_eq!(lines.line().await["lift"], json!([first["id"]]));
    let last = lines.line().await;
    assert_eq!(
        (&last["seq"], &last["put"][0]["action_id"]),
        (&json!(3), &second["id"])
    );
    let again = position(&last);
    assert_eq!(
        Lines::open(client, &session, &again).await.line().await["seq"],
        3
    );
}

#[tokio::test]
async fn an_unknown_position_means_a_reload() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let epoch = query.split('&').next().unwrap();
    client.act(&block(&["203.0.113.7"])).await;
    for query in [
        "",
        "epoch=other&seq=1",
        "seq=1",
        "epoch=other",
        &format!("{epoch}&seq=2"),
        &format!("{epoch}&seq=-1"),
        &format!("{epoch}&seq=x"),
        epoch,
    ] {
        let mut lines = Lines::open(client, &session, query).await;
        let line = lines.line().await;
        assert_eq!(
            (&line["reload"], &line["seq"]),
            (&json!(true), &json!(1)),
            "{query}"
        );
        assert_eq!(client.pack(&session).await["version"]["seq"], 1);
    }
    let stranger = client
        .get("/sqreen/v1/actions/stream")
        .header("x-session-key", "unknown");
    assert_eq!(stranger.send().await.unwrap().status(), 401);
}

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
async fn a_silent_stream_shows_that_it_lives() {
    let running = Running::start().await;
    let (session, query) = login(&running.client, "shop").await;
    let mut lines = Lines::open(&running.client, &session, &query).await;
    let start = lines.line().await;
    assert_eq!(
        lines.line().await,
        start,
        "the keepalive tells the position"
    );
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let mut lines = Lines::open(client, &session, &query).await;
    lines.line().await;
    let logout = client
        .get("/sqreen/v0/app-logout")
        .header("x-session-key", &session);
    logout.send().await.unwrap();
    assert_eq!(lines.next().await, None);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_streams() {
    let dir = tempfile::tempdir().unwrap();
    let (mut child, addr) = super::kill::spawn("127.0.0.1:0", dir.path());
    let client = Client::new(&format!("http://{addr}"));
    let (session, query) = login(&client, "shop").await;
    let mut lines = Lines::open(&client, &session, &query).await;
    lines.line().await;
    let mut kill = std::process::Command::new("kill");
    kill.args(["-TERM", &child.id().to_string()]);
    assert!(kill.status().unwrap().success());
    assert_eq!(
        lines.next().await,
        None,
        "a proper end, which a stream that is cut has not"
    );
    drop(client);
    assert!(child.wait().unwrap().success());
}

#[tokio::test]
async fn commands_come_again_once_the_stream_is_gone() {
    let running = Running::start().await;
    let client = &running.client;
    let (session, query) = login(client, "shop").await;
    let mut lines = Lines::open(client, &session, &query).await;
    lines.line().await;
    client.act(&block(&["203.0.113.7"])).await;
    assert!(client.beat(&session, &json!({})).await.is_empty());
    drop(lines);
    // The server hears of it a little later; each change is told by then.
    let told = async {
        for n in 0.. {
            client
                .act(&block(&[&format!("203.0.{}.{}", 1 + n / 256, n % 256)]))
                .await;
            let commands = client.beat(&session, &json!({})).await;
            if let Some(command) = commands.first() {
                return command["name"].clone();
            }
        }
        unreachable!()
    };
    assert_eq!(
        tokio::time::timeout(PATIENCE, told).await.expect("told"),
        "actions_reload"
    );
}
