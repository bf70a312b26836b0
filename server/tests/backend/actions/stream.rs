//! The stream of changes.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::client::{Client, Running, block, sdk};

/// Far more than anything here takes; what waits longer has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that is open.
pub(crate) struct Lines {
    answer: reqwest::Response,
    bytes: VecDeque<u8>,
}

impl Lines {
    pub(crate) async fn open(client: &Client, session: &str, query: &str) -> Self {
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
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.bytes.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await;
            self.bytes.extend(chunk.expect("a line in time").unwrap()?);
        }
    }

    pub(crate) async fn line(&mut self) -> Value {
        self.next().await.expect("a line")
    }
}

/// Logs in; returns the session and the query that names the position of the login.
pub(crate) async fn login(client: &Client, app: &str) -> (String, String) {
    let answer = client.login_as(app, &sdk()).await;
    let session = answer["session_id"].as_str().unwrap().to_owned();
    (session, position(&answer["actions_version"]))
}

pub(super) fn position(version: &Value) -> String {
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
