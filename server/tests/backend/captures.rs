//! The recorded traffic of the Node agent, replayed over HTTP.

use serde_json::{Value, json};

use super::client::{INGEST, Running};

/// Replays every request with a session of its own, and checks each answer by the rules of the old agents.
async fn replay(running: &Running, capture: &str) {
    let path = format!(
        "{}/../tests/captures/{capture}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let exchanges: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut session = String::new();
    for exchange in &exchanges {
        let request = &exchange["request"];
        let path = request["path"].as_str().unwrap();
        let method = request["method"].as_str().unwrap().parse().unwrap();
        let url = format!("{}{path}", running.client.url);
        let mut call = running.client.http.request(method, url);
        for (name, value) in request["headers"].as_object().unwrap() {
            call = match name.as_str() {
                "x-api-key" => call.header(name, INGEST),
                "x-session-key" => call.header(name, &session),
                "content-length" | "host" | "connection" => call,
                _ => call.header(name, value.as_str().unwrap()),
            };
        }
        if !request["body"].is_null() {
            call = call.body(request["body"].to_string());
        }
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{capture} {path}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], true, "{capture} {path}");
        match path {
            "/sqreen/v1/app-login" => {
                session = answer["session_id"].as_str().unwrap().to_owned();
                assert_eq!(answer["features"]["use_signals"], true);
                assert_eq!(
                    answer["features"]["max_staleness"].as_u64().unwrap() % 10,
                    0
                );
            }
            "/sqreen/v1/app-beat" => assert!(answer["commands"].is_array()),
            "/sqreen/v0/actionspack" => assert!(answer["actions"].is_array()),
            _ => {}
        }
    }
}

/// Replays the capture twice; the events are the expected ones, `runs` times, whatever is sent again.
async fn check(capture: &str, runs: usize, expected: Vec<Value>) {
    let running = Running::start().await;
    for _ in 0..2 {
        replay(&running, capture).await;
        let events = running.client.events("filter=app:shop").await;
        let mut got: Vec<_> = events
            .iter()
            .map(|e| {
                assert_eq!(e["agent"], "nodejs/1.64.2");
                assert_eq!(e["hostname"], "web-1");
                json!([
                    e["name"],
                    e["user"],
                    e["ip"],
                    e["method"],
                    e["path"],
                    e["status"]
                ])
            })
            .collect();
        got.sort_by_key(Value::to_string);
        let mut want: Vec<_> = std::iter::repeat_n(expected.clone(), runs)
            .flatten()
            .collect();
        want.sort_by_key(Value::to_string);
        assert_eq!(got, want, "{capture}");
    }
}

fn view() -> Value {
    json!([
        "order.viewed",
        null,
        "198.51.100.7",
        "GET",
        "/hello/77",
        200
    ])
}

fn profile() -> Value {
    json!(["profile.viewed", {"email": "other@example.com"}, "8.8.8.8", "GET", "/me", 200])
}

fn many() -> Value {
    json!(["many.props", null, "127.0.0.1", "GET", "/many", 200])
}

/// The agent itself has blanked the path before the `?`.
fn payment() -> Value {
    let path = "/<Redacted by Sqreen>ay";
    json!(["payment.sent", null, "127.0.0.1", "POST", path, 200])
}

#[tokio::test]
async fn node_with_records() {
    check("node-legacy", 2, vec![view(), profile(), many()]).await;
}

#[tokio::test]
async fn node_with_records_and_blocking() {
    check("node-legacy-blocking", 1, vec![view(), profile(), many()]).await;
}

#[tokio::test]
async fn node_with_signals() {
    check(
        "node-signals",
        2,
        vec![view(), profile(), payment(), many()],
    )
    .await;
}

#[tokio::test]
async fn node_with_signals_and_blocking() {
    let block = json!([
        "sq.action.block_ip",
        null,
        "203.0.113.77",
        "GET",
        "/quiet",
        500
    ]);
    check(
        "node-signals-blocking",
        1,
        vec![view(), profile(), payment(), many(), block],
    )
    .await;
}
