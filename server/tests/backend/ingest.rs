//! Login, heartbeat, batches: what is taken, and what is refused how.

use std::io::Write;

use serde_json::{Value, json};

use super::client::{INGEST, Running, record, uuid};

#[tokio::test]
async fn a_batch_is_stored_with_the_facts_of_its_request() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let batch = json!([{
        "event_type": "request_record", "version": "20171208", "client_ip": "::ffff:198.51.100.7",
        "request": {
            "rid": "r-1", "verb": "POST", "path": "/checkout?token=x", "scheme": "https", "host": "shop.example",
            "user_agent": "UA", "referer": "https://shop.example/", "endpoint": "/checkout",
            "headers": [["content-type", "application/json"]],
            "parameters": {"query": {"a": "1"}, "path": {"id": "7"}, "json": {"total": 3}},
        },
        "response": {"status": 201},
        "observed": {"sdk": [
            {"time": "2026-11-23T10:00:00.000001Z", "name": "identify", "args": [{"email": "a@b.example"}, {"plan": "gold"}]},
            {"id": uuid(1), "time": "2026-11-23T10:00:00.000002Z", "name": "track",
             "args": ["cart.checkout", {"properties": {"total": 3}, "collect_body": true}]},
            {"id": uuid(2), "time": "2026-11-23T10:00:00.000001Z", "name": "auth_track",
             "args": ["sq.sdk.users.login", {"properties": {"success": true}, "user_identifiers": {"email": "c@d.example"}}]},
        ]},
    }]);
    let answer = client.batch(&session, batch).await;
    assert_eq!(answer, json!({"status": true, "accepted": 2}));

    let events = client.events("").await;
    assert_eq!(events.len(), 2);
    let mut checkout = events[0].clone();
    assert!(checkout["received"].take().is_string());
    let expected = json!({
        "id": uuid(1), "time": "2026-11-23T10:00:00.000002Z", "received": null, "app": "shop",
        "name": "cart.checkout", "ip": "198.51.100.7", "user": {"email": "a@b.example"}, "method": "POST",
        "path": "/checkout", "route": "/checkout", "host": "shop.example", "scheme": "https", "user_agent": "UA",
        "referer": "https://shop.example/", "request_id": "r-1",
        "params": {"query": {"a": "1"}, "path": {"id": "7"}}, "body": {"total": 3}, "properties": {"total": 3},
        "traits": {"plan": "gold"}, "headers": [["content-type", "application/json"]], "status": 201,
        "agent": "rust/0.1.0", "hostname": "web-1", "environment": null, "aggregated": false,
        "country": null, "asn": null, "network": [],
    });
    assert_eq!(checkout, expected);
    assert_eq!(events[1]["name"], "users.login");
    assert_eq!(events[1]["user"], json!({"email": "c@d.example"}));
    assert_eq!(events[1]["properties"], json!({"success": true}));
    assert_eq!(events[1]["body"], Value::Null);
}

#[tokio::test]
async fn login_offers_what_the_agent_can_use() {
    let client = Running::start().await;
    let login = async |body: Value| -> Value {
        let request = client
            .client
            .post("/sqreen/v1/app-login")
            .header("x-api-key", INGEST);
        request
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    };
    let ours = login(
        json!({"agent_type": "rust", "capabilities": {"compression": ["gzip", "zstd", "br"]}}),
    )
    .await;
    assert_eq!(
        ours["features"],
        json!({"sqreen_rs": {"compression": ["zstd", "gzip"], "verdicts": true}})
    );
    let node = login(json!({"agent_type": "nodejs"})).await;
    assert_eq!(node["features"]["use_signals"], true);
    let python = login(json!({"agent_type": "python"})).await;
    assert_eq!(
        python["features"]["max_staleness"].as_u64().unwrap() % 10,
        0
    );
    assert_eq!(python["features"].get("sqreen_rs"), None);
}

#[tokio::test]
async fn wrong_tokens_and_unknown_sessions_are_401() {
    let running = Running::start().await;
    let client = &running.client;
    let login = client
        .post("/sqreen/v1/app-login")
        .header("x-api-key", "wrong");
    let answer = login.json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["status"], false);
    assert!(answer["error"].as_str().unwrap().contains("x-api-key"));

    for path in ["/sqreen/v0/batch", "/batches", "/sqreen/v1/app-beat"] {
        let answer = client.send("unknown", path, &json!([])).await;
        assert_eq!(answer.status(), 401, "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["status"], false);
    }
    let session = client.login("shop").await;
    let logout = client
        .get("/sqreen/v0/app-logout")
        .header("x-session-key", &session);
    assert_eq!(logout.send().await.unwrap().status(), 200);
    assert_eq!(
        client
            .send(&session, "/sqreen/v1/app-beat", &json!({}))
            .await
            .status(),
        401
    );
}

#[tokio::test]
async fn verdicts_name_duplicates_and_rejected_events() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let first = client
        .batch(&session, json!([record(&[(&uuid(1), "a")])]))
        .await;
    assert_eq!(first["accepted"], 1);

    let long = "n".repeat(257);
    let mut large = record(&[(&uuid(5), "large")]);
    large["request"]["parameters"] = json!({"json": "x".repeat(1 << 20)});
    let mut deep = json!(1);
    for _ in 0..110 {
        deep = json!([deep]);
    }
    let mut nested = record(&[(&uuid(6), "deep")]);
    nested["observed"]["sdk"][0]["args"][1] = json!({"properties": {"deep": deep}});
    let events = [
        (uuid(1), "a"),
        (uuid(2), "b"),
        (uuid(3), &long),
        (uuid(4), ""),
    ];
    let events: Vec<_> = events
        .iter()
        .map(|(id, name)| (id.as_str(), *name))
        .collect();
    let answer = client
        .batch(&session, json!([record(&events), large, nested]))
        .await;
    assert_eq!(answer["accepted"], 1, "{answer}");
    let mut verdicts: Vec<_> = answer["verdicts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| (v["id"].as_str().unwrap(), v["verdict"].as_str().unwrap()))
        .collect();
    verdicts.sort_unstable();
    let expected = [
        (uuid(1), "duplicate"),
        (uuid(3), "rejected"),
        (uuid(4), "rejected"),
        (uuid(5), "rejected"),
        (uuid(6), "rejected"),
    ];
    assert_eq!(
        verdicts,
        expected
            .each_ref()
            .map(|(id, verdict)| (id.as_str(), *verdict))
    );
    let names: Vec<_> = client
        .events("")
        .await
        .iter()
        .map(|e| e["name"].clone())
        .collect();
    assert_eq!(names, ["b", "a"]);
}

#[tokio::test]
async fn compressed_bodies_are_read_and_large_ones_refused() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let send = async |encoding: &str, body: Vec<u8>| {
        let request = client
            .post("/sqreen/v0/batch")
            .header("x-session-key", &session);
        let request = request.header("content-encoding", encoding).body(body);
        request.send().await.unwrap().status().as_u16()
    };
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let batch = |n| {
        json!({"batch": [record(&[(&uuid(n), "a")])]})
            .to_string()
            .into_bytes()
    };
    assert_eq!(send("gzip", gzip(&batch(1))).await, 200);
    assert_eq!(
        send("zstd", zstd::encode_all(&batch(2)[..], 3).unwrap()).await,
        200
    );
    assert_eq!(send("identity", batch(3)).await, 200);
    assert_eq!(client.events("").await.len(), 3);

    assert_eq!(send("br", batch(4)).await, 415);
    assert_eq!(send("gzip", batch(5)).await, 400);
    assert_eq!(send("zstd", batch(6)).await, 400);
    let blown = vec![b' '; (64 << 20) + 1];
    assert_eq!(send("gzip", gzip(&blown)).await, 413);
    assert_eq!(
        send("zstd", zstd::encode_all(&blown[..], 3).unwrap()).await,
        413
    );
    assert_eq!(client.events("").await.len(), 3);
}

#[tokio::test]
async fn bad_json_is_400_with_a_reason() {
    let running = Running::start().await;
    let session = running.client.login("shop").await;
    for body in ["{", "[{}]", "{\"batch\":7}", "\u{0}"] {
        let request = running
            .client
            .post("/sqreen/v0/batch")
            .header("x-session-key", &session);
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], false);
        assert!(
            answer["error"].as_str().unwrap().starts_with("body: "),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_closed_store_answers_503_and_when_to_come_again() {
    let running = Running::start().await;
    let session = running.client.login("shop").await;
    running.server.close().await.unwrap();
    let body = json!({"batch": [record(&[(&uuid(1), "a")])]});
    let answer = running
        .client
        .send(&session, "/sqreen/v0/batch", &body)
        .await;
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], false);
}

#[tokio::test]
async fn heartbeats_carry_the_ledger() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    for tracked in [3, 7, 5] {
        let outcomes = json!({"instance": "i-1", "tracked": tracked, "accepted": tracked - 1,
            "dropped": {"queue_full": 1}});
        let answer = client
            .send(
                &session,
                "/sqreen/v1/app-beat",
                &json!({"outcomes": outcomes}),
            )
            .await;
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer, json!({"status": true, "commands": []}));
    }
    let answer = client.api("/api/v1/outcomes").send().await.unwrap();
    let mut answer: Value = answer.json().await.unwrap();
    let row = answer["outcomes"][0].as_object_mut().unwrap();
    assert!(row.remove("heard_at").unwrap().is_string());
    let row = json!({"app": "shop", "host": "web-1", "agent": "rust", "version": "0.1.0", "counted_by": "agent",
        "other": false, "instances": 1, "tracked": 7, "accepted": 6, "duplicate": 0,
        "rejected": {}, "dropped": {"queue_full": 1}, "pending": 0, "corrected": {}});
    assert_eq!(
        answer,
        json!({"outcomes": [row], "ignored": [], "limited": []})
    );
}
