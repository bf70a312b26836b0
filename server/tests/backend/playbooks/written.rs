//! Playbooks as they are written: checked, versioned, never overwritten unseen.

use serde_json::json;

use super::{NONE, guessed, with};
use crate::client::Running;

const PATH: &str = "/api/v1/playbooks/guessed";

#[tokio::test]
async fn a_playbook_is_stored_changed_and_removed() {
    let running = Running::start().await;
    let client = &running.client;
    let body = with(
        guessed(),
        json!({"stage": null, "tests": [
            {"name": "none", "given": [{"at": "0s", "name": "x"}], "expect": []},
        ]}),
    );
    let (status, stored) = client.call("PUT", PATH, &body).await;
    assert_eq!(status, 201, "{stored}");
    let told = [
        "version",
        "stage",
        "source",
        "changed_by",
        "cooldown",
        "tests",
    ]
    .map(|name| stored[name].clone());
    let by = "token of the configuration";
    assert_eq!(
        json!(told),
        json!([1, "draft", "edited", by, "5min", body["tests"]])
    );
    assert_eq!(client.call("GET", PATH, &NONE).await, (200, stored.clone()));

    // Someone who has not seen the version overwrites nothing.
    for version in [json!(0), json!(null), json!(2)] {
        let body = with(guessed(), json!({"version": version, "at_least": 7}));
        let (status, problem) = client.call("PUT", PATH, &body).await;
        assert_eq!((status, &problem["field"]), (409, &json!("version")));
    }
    let body = with(
        guessed(),
        json!({"version": 1, "at_least": 7, "stage": null}),
    );
    let (status, changed) = client.call("PUT", PATH, &body).await;
    assert_eq!(
        (status, &changed["version"], &changed["stage"]),
        (200, &json!(2), &json!("draft"))
    );
    let (_, versions) = client.call("GET", &format!("{PATH}/versions"), &NONE).await;
    let at_least: Vec<_> = versions["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["playbook"]["at_least"].clone())
        .collect();
    assert_eq!(json!(at_least), json!([7, 6]));

    let answer = client
        .http
        .delete(format!("{}{PATH}", client.url))
        .bearer_auth(crate::client::API);
    assert_eq!(answer.send().await.unwrap().status(), 204);
    assert_eq!(client.call("GET", PATH, &NONE).await.0, 404);
    let (_, stored) = client.call("PUT", PATH, &guessed()).await;
    assert_eq!(
        stored["version"], 3,
        "versions tell of runs, and are not used again"
    );
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let running = Running::start().await;
    for (fields, field) in [
        (json!({"actor": "host"}), "actor"),
        (json!({"period": "30s"}), "period"),
        (
            json!({"trigger": {"event": "a", "where": "status:("}}),
            "trigger.where",
        ),
        (json!({"trigger": {}}), "trigger.event"),
        (
            json!({"responses": [{"action": "block_user", "duration": "5min"}]}),
            "responses[0].action",
        ),
        (
            json!({"responses": [{"action": "redirect_ip", "duration": "5min"}]}),
            "responses[0].url",
        ),
        (
            json!({"ratio": {"event": "b", "at_least": 0}}),
            "ratio.at_least",
        ),
        (json!({"stage": "on"}), "stage"),
        (json!({"slug": "other"}), "slug"),
        (json!({"version": "1"}), "version"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let body = with(guessed(), fields);
        let (status, problem) = running.client.call("PUT", PATH, &body).await;
        assert_eq!(
            (status, problem["field"].as_str()),
            (400, Some(field)),
            "{problem}"
        );
    }
    let (_, list) = running.client.call("GET", "/api/v1/playbooks", &NONE).await;
    assert_eq!(list, json!({"playbooks": []}));
}
