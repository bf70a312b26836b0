//! The recorded traffic of the Node agent, replayed over HTTP.

mod expected;

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(crate) use self::expected::{CAPTURES, Capture};
use super::client::{INGEST, Running};

/// Replays every request with a session of its own, its body as `write` makes it, and checks each answer by the rules
/// of the old agents.
pub(crate) async fn replay(
    running: &Running,
    capture: &Capture,
    write: fn(&str, &Value) -> String,
) {
    let name = capture.name;
    let path = format!(
        "{}/../tests/captures/{name}.json",
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
            call = call.body(write(path, &request["body"]));
        }
        let answer = call.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{name} {path}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], true, "{name} {path}");
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

/// What is stored, as [`Capture::events`] tells it, and the ids.
async fn stored(running: &Running) -> (Vec<Value>, BTreeSet<String>) {
    let mut ids = BTreeSet::new();
    let mut events = running.client.events("").await;
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        assert!(event.remove("received").unwrap().is_string());
        let id = event.remove("id").unwrap();
        ids.insert(id.as_str().unwrap().to_owned());
    }
    events.sort_by_key(Value::to_string);
    (events, ids)
}

#[tokio::test]
async fn each_event_is_stored_once_as_expected() {
    for capture in &CAPTURES {
        let running = Running::start().await;
        replay(&running, capture, |_, body| body.to_string()).await;
        let (events, ids) = stored(&running).await;
        assert_eq!(json!(events), json!(capture.events()), "{}", capture.name);
        assert_eq!(ids.len(), events.len());
        // Sent again, as it was and with its fields in another order: it is what it was.
        replay(&running, capture, |_, body| body.to_string()).await;
        replay(&running, capture, |_, body| backwards(body)).await;
        assert_eq!(stored(&running).await, (events, ids), "{}", capture.name);
    }
}

#[tokio::test]
async fn unknown_and_missing_fields_change_nothing_else() {
    for capture in &CAPTURES {
        let running = Running::start().await;
        replay(&running, capture, |path, body| {
            strange(path, body.clone()).to_string()
        })
        .await;
        let mut expected = capture.events();
        for event in &mut expected {
            event["scheme"] = Value::Null;
            event["status"] = Value::Null;
            event["request_id"] = Value::Null;
        }
        expected.sort_by_key(Value::to_string);
        let (events, _) = stored(&running).await;
        assert_eq!(json!(events), json!(expected), "{}", capture.name);
    }
}

/// JSON with the members of every object in descending order.
fn backwards(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let members = members.iter().rev();
            let members =
                members.map(|(name, value)| format!("{}:{}", json!(name), backwards(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(" ,\n"))
        }
        Value::Array(items) => {
            format!(
                "[{}]",
                items.iter().map(backwards).collect::<Vec<_>>().join(",")
            )
        }
        other => other.to_string(),
    }
}

/// The body with unknown fields wherever the protocol has objects of its own, and without most of what may be absent.
fn strange(path: &str, mut body: Value) -> Value {
    match path {
        "/sqreen/v1/app-login" => {
            for missing in [
                "bundle_signature",
                "various_infos",
                "os_type",
                "framework_type",
                "runtime_type",
            ] {
                body.as_object_mut().unwrap().remove(missing);
            }
            odd(&mut body);
        }
        "/sqreen/v1/app-beat" => {
            body.as_object_mut().unwrap().remove("metrics");
            odd(&mut body);
        }
        "/sqreen/v0/batch" => {
            for record in body["batch"].as_array_mut().unwrap() {
                for call in record["observed"]["sdk"].as_array_mut().unwrap() {
                    odd(call);
                    if call["name"] == "track" {
                        odd(&mut call["args"][1]);
                    }
                }
                record["observed"] =
                    json!({"sdk": record["observed"]["sdk"], "attacks_of_another_kind": [{}]});
                without(
                    record,
                    &[
                        "version",
                        "rulespack_id",
                        "response",
                        "isClosed",
                        "user",
                        "identity",
                    ],
                );
                without(
                    &mut record["request"],
                    &["rid", "scheme", "port", "remote_ip", "remote_port"],
                );
                odd(record);
                odd(&mut record["request"]);
            }
            odd(&mut body);
        }
        "/batches" => {
            for trace in body.as_array_mut().unwrap() {
                for point in trace["data"].as_array_mut().unwrap() {
                    without(point, &["type", "source", "payload_schema"]);
                    odd(point);
                    odd(&mut point["payload"]);
                }
                without(trace, &["location_infra", "context_schema"]);
                without(&mut trace["context"], &["response"]);
                without(
                    &mut trace["context"]["request"],
                    &["rid", "scheme", "port", "remote_ip", "remote_port"],
                );
                odd(trace);
                odd(&mut trace["actor"]);
                odd(&mut trace["context"]);
                odd(&mut trace["context"]["request"]);
            }
        }
        other => panic!("{other} has a body"),
    }
    body
}

fn without(object: &mut Value, names: &[&str]) {
    object
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !names.contains(&name.as_str()));
}

fn odd(object: &mut Value) {
    object["of_tomorrow"] =
        json!({"data": [{"type": "metric"}], "name": [null, 1e300], "event_type": "x"});
}
