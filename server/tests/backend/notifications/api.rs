//! `/api/v1/notifications`.

use serde_json::{Value, json};

use super::super::client::Running;
use super::super::operation::until;
use super::receiver::Receiver;
use super::{DELIVERIES, DESTINATIONS, add, start, test, text};

#[tokio::test]
async fn destinations_are_added_changed_and_removed() {
    let running = start().await;
    let client = &running.client;
    let hook = add(client, "hook", "webhook", "https://hooks.example.com/a").await;
    assert!(text(&hook, "secret").starts_with("whsec_"), "{hook}");
    let slack = add(
        client,
        "slack",
        "slack",
        "https://hooks.slack.com/services/T0/B0/xyz",
    )
    .await;
    assert_eq!(slack["secret"], Value::Null);
    let (_, list) = client.call("GET", DESTINATIONS, &Value::Null).await;
    let list = list["destinations"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    let all = format!("{list:?}");
    assert!(
        !all.contains("\"secret\"") && !all.contains("whsec_") && !all.contains("xyz"),
        "{all}"
    );
    assert_eq!(list[0]["url"], "https://hooks.example.com/a");
    assert_eq!(list[0]["created_by"], "token of the configuration");

    let path = format!("{DESTINATIONS}/{}", text(&hook, "id"));
    let change = json!({"playbooks": ["logins"], "enabled": false, "name": "renamed"});
    let (status, changed) = client.call("PATCH", &path, &change).await;
    assert_eq!(status, 200, "{changed}");
    let (_, found) = client.call("GET", &path, &Value::Null).await;
    assert_eq!(found, changed);
    assert_eq!(
        (text(&found, "name"), &found["enabled"]),
        ("renamed", &json!(false))
    );
    let (_, changed) = client
        .call("PATCH", &path, &json!({"playbooks": null}))
        .await;
    assert_eq!(changed["playbooks"], Value::Null);
    for (body, status, field) in [
        (json!({"kind": "slack"}), 400, "kind"),
        (json!({"name": "slack"}), 409, "name"),
        (json!({"url": "gopher://x/"}), 400, "url"),
        (json!({"colour": "red"}), 400, "colour"),
    ] {
        let (found, problem) = client.call("PATCH", &path, &body).await;
        assert_eq!(
            (found, text(&problem, "field")),
            (status, field),
            "{problem}"
        );
    }
    let removed = client
        .http
        .delete(format!("{}{path}", client.url))
        .bearer_auth(super::super::client::API);
    assert_eq!(removed.send().await.unwrap().status(), 204);
    assert_eq!(client.call("GET", &path, &Value::Null).await.0, 404);

    let (_, log) = client.call("GET", "/api/v1/audit", &Value::Null).await;
    let log = log["entries"].as_array().unwrap();
    let told: Vec<_> = log
        .iter()
        .map(|entry| {
            (
                text(entry, "event"),
                text(entry, "subject"),
                text(entry, "detail"),
            )
        })
        .collect();
    let expected = [
        ("destination_removed", "renamed", "webhook"),
        ("destination_changed", "renamed", "playbooks"),
        (
            "destination_changed",
            "renamed",
            "name, playbooks, disabled",
        ),
        ("destination_added", "slack", "slack"),
        ("destination_added", "hook", "webhook"),
    ];
    assert_eq!(told, expected);
    running.stop().await;
}

#[tokio::test]
async fn a_test_says_what_became_of_it_and_what_died_is_replayed() {
    let running = start().await;
    let client = &running.client;
    let receiver = Receiver::start().await;
    let hook = add(client, "hook", "webhook", &receiver.url()).await;
    let delivered = test(client, &hook).await;
    assert_eq!(
        (text(&delivered, "status"), text(&delivered, "answer")),
        ("delivered", "answered 200")
    );
    receiver.answer(500);
    let dead = test(client, &hook).await;
    assert_eq!(text(&dead, "status"), "dead");
    assert_eq!(text(&dead, "answer"), "answered 500: the receiver's words");
    assert_eq!(receiver.requests(), 2);

    let path = format!("{DELIVERIES}/{}", text(&dead, "id"));
    let (_, found) = client.call("GET", &path, &Value::Null).await;
    assert_eq!(found["answer"], dead["answer"]);
    assert_eq!(found["told"][0]["title"], "Test");
    let by = "token of the configuration tries out whether notifications arrive here.";
    assert_eq!(found["told"][0]["details"], json!([by]));

    receiver.answer(204);
    let replay = |delivery: &Value| format!("{DELIVERIES}/{}/replay", text(delivery, "id"));
    let (status, replayed) = client.call("POST", &replay(&dead), &Value::Null).await;
    assert_eq!((status, text(&replayed, "status")), (200, "pending"));
    until("it is delivered", async || {
        let path = format!(
            "{DELIVERIES}?status=delivered&destination={}",
            text(&hook, "id")
        );
        let (_, found) = client.call("GET", &path, &Value::Null).await;
        found["deliveries"].as_array().unwrap().len() == 2
    })
    .await;
    assert_eq!(receiver.requests(), 3);
    let (status, problem) = client.call("POST", &replay(&dead), &Value::Null).await;
    assert_eq!(
        (status, text(&problem, "detail")),
        (
            409,
            "status: is delivered; only a dead delivery is replayed"
        )
    );

    let (_, page) = client
        .call("GET", &format!("{DELIVERIES}?limit=1"), &Value::Null)
        .await;
    assert_eq!(page["deliveries"][0]["id"], dead["id"]);
    assert_eq!(page["deliveries"][0]["attempts"], 2);
    let next = format!("{DELIVERIES}?limit=1&cursor={}", text(&page, "next"));
    let (_, page) = client.call("GET", &next, &Value::Null).await;
    assert_eq!(
        (&page["deliveries"][0]["id"], &page["next"]),
        (&delivered["id"], &Value::Null)
    );
    for (query, field) in [
        ("status=lost", "status"),
        ("destination=x", "destination"),
        ("cursor=x", "cursor"),
        ("colour=red", "colour"),
    ] {
        let (status, problem) = client
            .call("GET", &format!("{DELIVERIES}?{query}"), &Value::Null)
            .await;
        assert_eq!((status, text(&problem, "field")), (400, field), "{problem}");
    }

    let metrics = client
        .api("/metrics")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    for line in [
        "sqreen_notifications_total{kind=\"webhook\",outcome=\"delivered\"} 2",
        "sqreen_notifications_total{kind=\"webhook\",outcome=\"failed\"} 1",
        "sqreen_notifications_total{kind=\"webhook\",outcome=\"dead\"} 1",
        "sqreen_notifications_total{kind=\"email\",outcome=\"dropped\"} 0",
        "sqreen_notifications_queued{kind=\"webhook\"} 0",
    ] {
        assert!(
            metrics.lines().any(|found| found == line),
            "{line}: {metrics}"
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn an_internal_target_is_refused_when_it_is_connected_to() {
    let running = Running::start().await;
    let receiver = Receiver::start().await;
    let url = format!("https://localhost:{}/", receiver.port);
    let hook = add(&running.client, "hook", "webhook", &url).await;
    let refused = test(&running.client, &hook).await;
    assert_eq!(text(&refused, "status"), "dead");
    assert!(
        text(&refused, "answer").contains("is loopback"),
        "{refused}"
    );
    assert_eq!(receiver.requests(), 0);
    running.stop().await;
}
