//! The live stream.

use serde_json::{Value, json};

use super::{Events, encoded, refused};
use crate::client::{Client, Running, record, uuid};

async fn send(client: &Client, session: &str, n: u64, name: &str, properties: &Value) {
    let mut record = record(&[(&uuid(n), name)]);
    record["observed"]["sdk"][0]["args"][1] = json!({"properties": properties});
    client.batch(session, json!([record])).await;
}

#[tokio::test]
async fn events_are_told_as_they_are_stored_to_those_who_mean_them() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    send(client, &session, 1, "a", &json!({})).await;
    let mut all = Events::open(&running, "/api/v1/events/live").await;
    let filter = encoded("name:b properties.amount>=10");
    let path = format!("/api/v1/events/live?filter={filter}");
    let mut some = Events::open(&running, &path).await;
    send(client, &session, 2, "a", &json!({"amount": 10})).await;
    send(client, &session, 3, "b", &json!({"amount": 9})).await;
    send(client, &session, 4, "b", &json!({"amount": 10})).await;
    for n in 2..5 {
        let (name, event) = all.next().await.unwrap();
        assert_eq!((name.as_str(), &event["id"]), ("found", &json!(uuid(n))));
    }
    let (_, event) = some.next().await.unwrap();
    assert_eq!(event["id"], uuid(4));
    assert_eq!(event, client.events("limit=1&filter=name:b").await[0]);

    running.server.drain();
    assert_eq!(all.next().await, None);
    assert_eq!(some.next().await, None);
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_missed() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let mut events = Events::open(&running, "/api/v1/events/live").await;
    // More than sockets hold, and then more commits than the store remembers.
    let (large, small) = (48, 400);
    let filling = json!({"text": "x".repeat(500_000)});
    for n in 0..large + small {
        let properties = if n < large { &filling } else { &json!({}) };
        send(client, &session, n, "a", properties).await;
    }
    send(client, &session, large + small, "last", &json!({})).await;
    let (mut found, mut missed) = (0, 0);
    loop {
        let (name, data) = events.next().await.unwrap();
        match name.as_str() {
            "found" if data["name"] == "last" => break,
            "found" => found += 1,
            "missed" => missed += data["events"].as_u64().unwrap(),
            other => panic!("{other}: {data}"),
        }
    }
    assert!(missed > 0);
    assert_eq!(found + missed, large + small);
}

#[tokio::test]
async fn a_wrong_filter_is_a_problem_and_times_are_none_of_it() {
    let running = Running::start().await;
    let problem = refused(&running, "/api/v1/events/live?filter=ip:x", 400, "filter").await;
    assert_eq!(problem["position"], 3);
    refused(&running, "/api/v1/events/live?from=1", 400, "from").await;
}
