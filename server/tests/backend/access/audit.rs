//! What the audit log says.

use serde_json::{Value, json};

use super::super::actions::browser::{ADMIN, Browser};
use super::super::client::{Running, block};
use super::enter;

#[tokio::test]
async fn who_did_what_is_in_the_log() {
    let running = Running::start().await;
    let client = &running.client;
    let admin = Browser::sign_in(&running).await;
    let stranger = Browser::stranger(client);
    let wrong = [("name", "<b>eve"), ("password", "not the password")];
    assert_eq!(stranger.post("/signin", &wrong).await.0, 401);
    let fields = [
        ("action", "block_ip"),
        ("ip", "203.0.113.7"),
        ("duration", "300"),
    ];
    assert_eq!(admin.send("/actions", &fields).await.0, 303);
    let id = client.actions("").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(admin.send(&format!("/actions/{id}/lift"), &[]).await.0, 303);
    client.act(&block(&["203.0.113.8"])).await;
    let settings = json!({"dry_run": true});
    client
        .call("PUT", "/api/v1/actions/settings", &settings)
        .await;
    let allowed = json!({"ips": ["198.51.100.7"]});
    let (_, entry) = client.call("POST", "/api/v1/allowlist", &allowed).await;
    let entry = format!("/api/v1/allowlist/{}", entry["id"].as_str().unwrap());
    client.call("DELETE", &entry, &Value::Null).await;
    let export = client.api("/api/v1/events/export?format=csv&filter=app:shop");
    assert_eq!(export.send().await.unwrap().status(), 200);
    enter(client, "bob", "viewer").await;
    assert_eq!(admin.send("/signout", &[]).await.0, 200);

    let (status, log) = client.call("GET", "/api/v1/audit", &Value::Null).await;
    assert_eq!(status, 200);
    let entries = log["entries"].as_array().unwrap();
    let told: Vec<_> = entries
        .iter()
        .rev()
        .map(|entry| {
            (
                entry["by"].as_str().unwrap(),
                entry["event"].as_str().unwrap(),
            )
        })
        .collect();
    let token = "token of the configuration";
    let expected = [
        ("the printed link", "person_added"),
        (ADMIN, "sign_in"),
        ("a stranger", "sign_in_failed"),
        (ADMIN, "action_created"),
        (ADMIN, "action_lifted"),
        (token, "action_created"),
        (token, "settings_changed"),
        (token, "allowlist_added"),
        (token, "allowlist_removed"),
        (token, "events_exported"),
        (token, "person_added"),
        (token, "password_link_made"),
        ("bob", "password_set"),
        ("bob", "sign_in"),
        (ADMIN, "sign_out"),
    ];
    assert_eq!(told, expected);
    assert!(
        entries.iter().all(|entry| entry["ip"] == "127.0.0.1"),
        "{log}"
    );
    let failed = &entries[entries.len() - 3];
    assert_eq!(failed["subject"], "<b>eve");
    let exported = &entries[entries.len() - 10];
    assert_eq!(exported["detail"], "format=csv&filter=app:shop");

    let mut paged = Vec::new();
    let mut path = "/api/v1/audit?limit=4".to_owned();
    loop {
        let (_, page) = client.call("GET", &path, &Value::Null).await;
        paged.extend(page["entries"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/audit?limit=4&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&paged, entries);
    for (query, field) in [("limit=0", "limit"), ("cursor=x", "cursor"), ("a=b", "a")] {
        let (status, problem) = client
            .call("GET", &format!("/api/v1/audit?{query}"), &Value::Null)
            .await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)));
    }

    let admin = Browser::sign_in(&running).await;
    let page = admin.open("/audit").await;
    assert!(
        page.contains("&lt;b&gt;eve") && !page.contains("<b>eve"),
        "{page}"
    );
    assert!(page.contains("action created") && page.contains(ADMIN));
}
