//! Logins and signups that come as counts.

use serde_json::{Value, json};

use super::{ignored, login, session};
use crate::client::{Client, Running};

/// The logins and signups of one minute, as Node and Go count them.
fn counts() -> [(&'static str, Value); 4] {
    let ann = r#"{"keys":[["uid","ann"],["plan",7]],"ip":"203.0.113.7"}"#;
    let bob = r#"{"keys":[["uid","bob"]],"ip":"::ffff:203.0.113.8"}"#;
    [
        ("sdk-login-success", json!({ann: 2, bob: 1})),
        ("sdk-login-fail", json!({bob: 3})),
        (
            "sdk-signup",
            json!({ann: 1, "no JSON": 1.0, bob: "many", "{\"keys\":7}": -1}),
        ),
        ("req", json!({"u": 0.1, "b": 2, "v": {"1": 5, "max": 7}})),
    ]
}

/// Where metrics may be.
fn carriers(start: &str, finish: &str) -> [(&'static str, Value); 4] {
    let metrics: Vec<_> = counts()
        .into_iter()
        .map(|(name, counts)| json!({"name": name, "start": start, "finish": finish, "observation": counts}))
        .collect();
    let signals: Vec<_> = counts()
        .into_iter()
        .map(|(name, counts)| {
            let values = counts.as_object().unwrap().iter();
            let values: Vec<_> = values
                .map(|(key, value)| json!({"key": key, "value": value}))
                .collect();
            let payload = json!({"capture_interval_s": 60, "date_started": start, "date_ended": finish,
                "kind": "sum", "values": values});
            json!({"type": "metric", "signal_name": format!("sq.agent.metric.{name}"), "source": "sq.agent.default",
                "time": start, "payload_schema": "metric/2020-01-01T00:00:00.000Z", "payload": payload})
        })
        .collect();
    [
        (
            "/sqreen/v1/app-beat",
            json!({"command_results": {}, "metrics": metrics}),
        ),
        ("/sqreen/v0/metrics", json!({"metrics": metrics})),
        ("/batches", json!(signals)),
        ("/batches", json!([{"data": signals}])),
    ]
}

#[tokio::test]
async fn each_count_of_a_login_is_an_event_once() {
    let start = "2026-11-23T10:00:00.123Z";
    for (path, body) in carriers(start, "2026-11-23T10:01:00.123+00:00") {
        let running = Running::start().await;
        let client = &running.client;
        let more = json!({"environment": "staging", "various_infos": {"pid": 7}});
        // Sent again by an agent that did not like the answer, and again after another login.
        for _ in 0..3 {
            let answer = login(client, "nodejs", more.clone()).await;
            let session = answer["session_id"].as_str().unwrap();
            let answer = client.send(session, path, &body).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.json::<Value>().await.unwrap()["status"], true);
        }
        let events = client.events("filter=app:shop").await;
        let mut got: Vec<_> = events
            .iter()
            .map(|e| {
                assert_eq!(e["aggregated"], true);
                assert_eq!(e["time"], "2026-11-23T10:00:00.123000Z");
                assert_eq!(
                    (&e["agent"], &e["hostname"], &e["environment"]),
                    (&json!("nodejs/1"), &json!("web-2"), &json!("staging"))
                );
                json!([e["name"], e["properties"], e["user"], e["ip"]]).to_string()
            })
            .collect();
        got.sort_unstable();
        let ann = json!({"uid": "ann", "plan": 7});
        let bob = json!({"uid": "bob"});
        let login = |ok: bool, user: &Value, ip| json!(["users.login", {"success": ok}, user, ip]);
        let mut expected = vec![
            login(true, &ann, "203.0.113.7"),
            login(true, &ann, "203.0.113.7"),
            login(true, &bob, "203.0.113.8"),
            login(false, &bob, "203.0.113.8"),
            login(false, &bob, "203.0.113.8"),
            login(false, &bob, "203.0.113.8"),
            json!(["users.signup", {}, ann, "203.0.113.7"]),
            json!(["users.signup", {}, null, null]),
        ];
        let mut expected: Vec<_> = expected.drain(..).map(|row| row.to_string()).collect();
        expected.sort_unstable();
        assert_eq!(got, expected, "{path}");
        assert_eq!(ignored(client).await, ["nodejs metric:req 3"]);

        // The same counts of another process are others.
        let other = login_of_process(client, 8).await;
        client.send(&other, path, &body).await;
        assert_eq!(client.events("filter=app:shop").await.len(), 16, "{path}");
    }
}

async fn login_of_process(client: &Client, pid: u64) -> String {
    let answer = login(client, "nodejs", json!({"various_infos": {"pid": pid}})).await;
    answer["session_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn counts_beyond_the_limit_are_counted() {
    let running = Running::start().await;
    let client = &running.client;
    let session = session(client, "golang").await;
    let metric = json!({"name": "sdk-login-fail", "start": "2026-11-23T10:00:00Z",
        "observation": {"a": 9_000, "b": 1e15, "c": u64::MAX}});
    let body = json!({"metrics": [metric]});
    client.beat(&session, &body).await;
    assert_eq!(client.all_events().await.len(), 10_000);
    let above = u64::MAX;
    let kind = "golang sdk-login-fail:above_limit";
    assert_eq!(ignored(client).await, [format!("{kind} {above}")]);
}
