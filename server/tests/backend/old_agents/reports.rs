//! What is taken and not kept, and what of an odd batch is kept.

use serde_json::{Value, json};

use super::{ignored, session};
use crate::client::{INGEST, Running, old};

#[tokio::test]
async fn what_is_not_kept_is_taken_and_counted() {
    let running = Running::start().await;
    let client = &running.client;
    let session = session(client, "python").await;
    let post = async |path: &str, header: (&str, &str), body: String| {
        let request = client.post(path).header(header.0, header.1);
        let request = request.header("x-app-name", "shop").body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            answer.json::<Value>().await.unwrap()["status"] == true,
        )
    };
    let of_session = [
        ("/sqreen/v0/bundle", "bundle"),
        ("/sqreen/v0/commands", "commands"),
        ("/sqreen/v0/attack", "attack"),
        ("/sqreen/v0/data_point", "data_point"),
        ("/sqreen/v0/agent_message", "agent_message"),
        ("/sqreen/v0/sqreen_exception", "exception"),
    ];
    let of_token = [
        ("/sqreen/v0/app_agent_message", "agent_message"),
        ("/sqreen/v0/app_sqreen_exception", "exception"),
    ];
    for (path, _) in of_session {
        let key = ("x-session-key", session.as_str());
        assert_eq!(
            post(path, key, "{}".to_owned()).await,
            (200, true),
            "{path}"
        );
        assert_eq!(
            post(path, key, "no JSON".to_owned()).await,
            (200, true),
            "{path}"
        );
        assert_eq!(
            post(path, ("x-session-key", "no"), String::new()).await,
            (401, false),
            "{path}"
        );
    }
    for (path, _) in of_token {
        assert_eq!(
            post(path, ("x-api-key", INGEST), "{}".to_owned()).await,
            (200, true),
            "{path}"
        );
        for (header, key) in [("x-api-key", "no"), ("x-session-key", session.as_str())] {
            assert_eq!(
                post(path, (header, key), "{}".to_owned()).await,
                (401, false),
                "{path}"
            );
        }
    }
    let get = async |path: &str, key: &str| {
        client
            .get(path)
            .header("x-session-key", key)
            .send()
            .await
            .unwrap()
    };
    for path in [
        "/sqreen/v0/rulespack",
        "/sqreen/v0/actionspack",
        "/sqreen/v1/reveal/run",
        "/sqreen/v1/reveal/runtime/1",
    ] {
        assert_eq!(get(path, "no").await.status(), 401, "{path}");
        let answer = get(path, &session).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(
            answer.json::<Value>().await.unwrap()["status"],
            true,
            "{path}"
        );
    }

    let record = json!({"event_type": "request_record", "observed": {
        "attacks": [{}, {}], "sqreen_exceptions": [{}], "observations": [{}, {}, {}], "data_points": [7],
        "sdk": [{"name": "dance", "args": []}, {"name": 7}, {"name": "track", "args": []}],
    }});
    let batch = json!({"batch": [record, {"event_type": "error"}, {"event_type": "sqreen_exception"},
        {"event_type": "attack"}, {"event_type": "agent_message"}, {"event_type": "data_point"},
        {"event_type": "x"}, 7]});
    let point =
        |name: &str, source: &str| json!({"type": "point", "signal_name": name, "source": source});
    let signals = json!([
        point("sq.agent.attack.sql_injection", "sqreen:rule:p:r"), point("sq.agent.exception", "sqreen:agent:python"),
        point("sqreen:agent", "sq.agent.message.info"), point("tracing.client", ""), 7,
        {"data": [point("sq.agent.executed_rules", ""), "x"]},
    ]);
    for (path, body) in [("/sqreen/v0/batch", batch), ("/batches", signals)] {
        let key = ("x-session-key", session.as_str());
        assert_eq!(
            post(path, key, body.to_string()).await,
            (200, true),
            "{path}"
        );
    }
    assert!(client.events("").await.is_empty());
    let mut expected = [
        (2 + 2 + 1 + 1, "attack"),
        (2, "bundle"),
        (2, "commands"),
        (2 + 1 + 1, "data_point"),
        (2 + 1 + 1, "agent_message"),
        (2 + 1 + 2 + 1, "exception"),
        (3, "observation"),
        (3, "sdk_call"),
        (1, "batch:x"),
        (1, "batch"),
        (2, "signal"),
        (1, "signal:tracing.client"),
        (1, "signal:sq.agent.executed_rules"),
    ]
    .map(|(count, kind)| format!("python {kind} {count}"))
    .to_vec();
    expected.extend(of_token.map(|(_, kind)| format!(" {kind} 1")));
    expected.sort_unstable();
    let mut got = ignored(client).await;
    got.sort_unstable();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn wrong_types_lose_themselves_alone() {
    let running = Running::start().await;
    let client = &running.client;
    let login = json!({"agent_version": 2, "hostname": ["x"], "environment": {}, "various_infos": {"time": 7, "pid": "9"},
        "framework_type": false});
    let mut body = old("golang");
    body.as_object_mut()
        .unwrap()
        .extend(login.as_object().unwrap().clone());
    let answer = client.login_as("shop", &body).await;
    let session = answer["session_id"].as_str().unwrap();
    let track =
        |name: Value, options: Value| json!({"name": "track", "args": [name, options], "time": 7});
    let record = json!({
        "event_type": "request_record", "version": 7, "rulespack_id": {}, "client_ip": 7, "response": "x",
        "request": {"rid": 7, "headers": {"a": "b"}, "port": {}, "path": ["/"], "verb": null,
            "parameters": {"query": "a=1", "form": [1], "json": {"a": 1}}},
        "observed": {"sdk": [
            track(json!("a"), json!({"properties": "x", "user_identifiers": {"uid": "ann"}, "timestamp": {}})),
            {"name": 7}, "x", null, track(json!(7), json!({})),
            track(json!("b"), json!({"properties": {"n": [null, {"": 1.5}]}, "user_identifiers": 7, "collect_body": "yes"})),
            track(json!("c"), json!(7)),
        ], "attacks": 7},
    });
    let signals = json!([
        {"data": [{"signal_name": "sq.sdk.d", "source": 7, "time": 7, "payload": 7, "type": 7}], "actor": 7, "context": [],
         "time": {}, "location_infra": 7},
        {"data": [{"signal_name": "sq.sdk.e", "payload": {"properties": {"a": 1}, "user_identifiers": []}}],
         "actor": {"ip_addresses": [7, "203.0.113.7"], "identifiers": [], "traits": 7, "user_agent": {}},
         "context": {"request": {"headers": [["a"], 7, ["b", "c"]]}, "response": {"status": "404"}}},
        {"signal_name": 7}, [], null,
    ]);
    for (path, body) in [
        ("/sqreen/v0/batch", json!({"batch": [7, record]})),
        ("/batches", signals),
    ] {
        let answer = client.send(session, path, &body).await;
        assert_eq!(answer.status(), 200, "{path}");
    }
    let mut got: Vec<_> = client
        .events("")
        .await
        .iter()
        .map(|e| json!([e["name"], e["user"], e["properties"]]))
        .collect();
    got.sort_by_key(Value::to_string);
    let expected = json!([
        ["a", {"uid": "ann"}, {}], ["b", null, {"n": [null, {"": 1.5}]}], ["c", null, {}], ["d", null, {}], ["e", null, {"a": 1}],
    ]);
    assert_eq!(json!(got), expected);
}
