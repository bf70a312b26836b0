//! Secrets that old agents leave in what they send.

use serde_json::{Value, json};

use super::session;
use crate::client::Running;

#[tokio::test]
async fn secrets_of_old_agents_are_not_stored_and_ours_are_not_touched() {
    let redacted = "<Redacted by Sqreen>";
    for (agent, is_scrubbed) in [("python", true), ("rust", false)] {
        let running = Running::start().await;
        let client = &running.client;
        let session = if is_scrubbed {
            session(client, agent).await
        } else {
            client.login("shop").await
        };
        let options = json!({"properties": {"password": "p", "note": "p", "card": "4111-1111-1111-1111", "n": {"Token": [1]}},
            "user_identifiers": {"token": "id"}, "collect_body": true});
        let record = json!({
            "event_type": "request_record", "client_ip": "203.0.113.7",
            "request": {"path": "/pay?password=p", "referer": "https://shop.example/p?api_key=p&page=1",
                "headers": [["Authorization", "p"], ["host", "p"]],
                "parameters": {"query": {"secret": "p", "q": "p"}, "form": {"passwd": ["p"]}, "other": {"access_token": 1},
                    "json": {"apikey": "p", "a": "p"}}},
            "observed": {"sdk": [
                {"name": "identify", "args": [{"uid": "p"}, {"secret": "p", "plan": "p"}]},
                {"name": "track", "args": ["pay", options]},
            ]},
        });
        client
            .send(&session, "/sqreen/v0/batch", &json!({"batch": [record]}))
            .await;
        let events = client.events("").await;
        let [event] = &events[..] else {
            panic!("{events:?}")
        };
        let or = |secret: Value| if is_scrubbed { json!(redacted) } else { secret };
        assert_eq!(
            event["properties"],
            json!({"password": or(json!("p")), "note": "p",
            "card": or(json!("4111-1111-1111-1111")), "n": {"Token": or(json!([1]))}})
        );
        assert_eq!(
            event["traits"],
            json!({"secret": or(json!("p")), "plan": "p"})
        );
        assert_eq!(
            event["params"],
            json!({"query": {"secret": or(json!("p")), "q": "p"},
            "form": {"passwd": or(json!(["p"]))}, "other": {"access_token": or(json!(1))}})
        );
        assert_eq!(event["body"], json!({"apikey": or(json!("p")), "a": "p"}));
        assert_eq!(
            event["headers"],
            json!([["Authorization", or(json!("p"))], ["host", "p"]])
        );
        let key = if is_scrubbed { redacted } else { "p" };
        assert_eq!(
            event["referer"],
            format!("https://shop.example/p?api_key={key}&page=1")
        );
        assert_eq!(
            (&event["path"], &event["user"]),
            (&json!("/pay"), &json!({"token": "id"}))
        );
    }
}
