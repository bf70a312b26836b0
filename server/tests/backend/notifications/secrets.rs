//! A webhook's secret gives way to another, and receivers with either get along meanwhile.

use serde_json::{Value, json};

use super::super::actions::browser::Browser;
use super::super::client::API;
use super::{DESTINATIONS, add, start, text};

#[tokio::test]
async fn a_secret_is_changed_and_the_former_ended() {
    let running = start().await;
    let client = &running.client;
    let hook = add(client, "hook", "webhook", "https://hooks.example.com/a").await;
    assert_eq!(hook["former_secret"], false);
    let path = format!("{DESTINATIONS}/{}", text(&hook, "id"));
    let former = format!("{path}/former-secret");
    let (status, problem) = client.call("DELETE", &former, &Value::Null).await;
    assert_eq!((status, text(&problem, "field")), (409, "former_secret"));
    let mut secrets = vec![text(&hook, "secret").to_owned()];
    // The first new one got lost: another is made, and the former stays what receivers have.
    for _ in 0..2 {
        let (status, changed) = client
            .call("POST", &format!("{path}/secret"), &Value::Null)
            .await;
        assert_eq!((status, &changed["former_secret"]), (200, &json!(true)));
        secrets.push(text(&changed, "secret").to_owned());
    }
    secrets.sort();
    secrets.dedup();
    assert_eq!(secrets.len(), 3);
    let (_, shown) = client.call("GET", &path, &Value::Null).await;
    assert_eq!(
        (&shown["secret"], &shown["former_secret"]),
        (&Value::Null, &json!(true))
    );
    let ended = client.http.delete(format!("{}{former}", client.url));
    let ended = ended.bearer_auth(API).send().await.unwrap();
    assert_eq!(ended.status(), 204);
    let (_, shown) = client.call("GET", &path, &Value::Null).await;
    assert_eq!(shown["former_secret"], false);

    let slack = add(
        client,
        "slack",
        "slack",
        "https://hooks.slack.com/services/T/B/x",
    )
    .await;
    let path = format!("{DESTINATIONS}/{}/secret", text(&slack, "id"));
    let (status, problem) = client.call("POST", &path, &Value::Null).await;
    assert_eq!((status, text(&problem, "field")), (409, "kind"));
    let unknown = format!("{DESTINATIONS}/0123456789abcdef");
    for (method, path) in [("POST", "secret"), ("DELETE", "former-secret")] {
        let path = format!("{unknown}/{path}");
        assert_eq!(client.call(method, &path, &Value::Null).await.0, 404);
    }
    let (_, log) = client.call("GET", "/api/v1/audit", &Value::Null).await;
    let log = log["entries"].as_array().unwrap().iter();
    let details: Vec<_> = log.map(|entry| text(entry, "detail")).collect();
    assert_eq!(details[1..4], ["former secret", "secret", "secret"]);
    running.stop().await;
}

#[tokio::test]
async fn an_admin_changes_a_secret_on_the_page() {
    let running = start().await;
    let hook = add(
        &running.client,
        "hook",
        "webhook",
        "https://hooks.example.com/a",
    )
    .await;
    let admin = Browser::sign_in(&running).await;
    let path = format!("/notifications/{}", text(&hook, "id"));
    assert!(
        !admin
            .open("/notifications")
            .await
            .contains("End former secret")
    );
    let (status, _, page) = admin.send(&format!("{path}/secret"), &[]).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("whsec_") && page.contains("Secret of hook"),
        "{page}"
    );
    let page = admin.open("/notifications").await;
    assert!(
        !page.contains("whsec_") && page.contains("End former secret"),
        "{page}"
    );
    let (status, ..) = admin.send(&format!("{path}/former-secret"), &[]).await;
    assert_eq!(status, 303);
    assert!(
        !admin
            .open("/notifications")
            .await
            .contains("End former secret")
    );
    let (status, ..) = admin.send(&format!("{path}/former-secret"), &[]).await;
    assert_eq!(status, 409);
    running.stop().await;
}
