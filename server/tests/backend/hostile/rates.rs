//! More events than an application may send.

use serde_json::{Value, json};
use sqreen_server::IngestLimits;

use crate::client::{Running, old, record, uuid};

#[tokio::test]
async fn ours_come_again_and_old_agents_lose_nothing() {
    let limits = IngestLimits::new().events_per_second(1, 10);
    let running = Running::start_with(|config| config.ingest(limits)).await;
    let client = &running.client;
    let ours = client.login("shop").await;
    let answer = client.login_as("shop", &old("nodejs")).await;
    let theirs = answer["session_id"].as_str().unwrap();
    let batch = |from: u64| {
        let ids: Vec<_> = (from..from + 100).map(uuid).collect();
        let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "a")).collect();
        json!({"batch": [record(&events)]})
    };
    // A batch is taken whole while there is no debt; with it comes a debt of a minute, the longest there is.
    let path = "/sqreen/v0/batch";
    assert_eq!(client.send(&ours, path, &batch(0)).await.status(), 200);
    let busy = client.send(&ours, path, &batch(100)).await;
    assert_eq!(busy.status(), 429);
    let wait: u64 = busy.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert_eq!(busy.json::<Value>().await.unwrap()["status"], false);
    assert_eq!(client.send(theirs, path, &batch(200)).await.status(), 200);
    assert_eq!(client.all_events().await.len(), 200);
    // Other applications have limits of their own.
    let blog = client.login("blog").await;
    assert_eq!(client.send(&blog, path, &batch(300)).await.status(), 200);

    let (_, answer) = client.call("GET", "/api/v1/outcomes", &Value::Null).await;
    let limited = json!([{"app": "shop", "deferred_batches": 1, "events_over_limit": 100}]);
    assert_eq!(answer["limited"], limited);
}
