//! What agents are ordered at their heartbeats, and what they report.

use serde_json::{Value, json};

use super::super::client::{Running, block, old, record, uuid};

/// Names and parameters of commands.
fn orders(commands: &[Value]) -> Value {
    commands
        .iter()
        .map(|command| json!([command["name"], command["params"]]))
        .collect()
}

#[tokio::test]
async fn old_agents_are_told_of_each_change_once() {
    let running = Running::start().await;
    let client = &running.client;
    let early = json!({"ips": ["198.51.100.0/24"], "paths": ["/health"]});
    let (_, early) = client.call("POST", "/api/v1/allowlist", &early).await;
    let login = client.login_as("shop", &old("python")).await;
    let session = login["session_id"].as_str().unwrap();
    let commands: Vec<Value> = serde_json::from_value(login["commands"].clone()).unwrap();
    assert_eq!(
        orders(&commands),
        json!([
            ["instrumentation_enable", []],
            ["ips_whitelist", [["198.51.100.0/24"]]],
            ["paths_whitelist", [["/health"]]],
        ])
    );
    let beat = async || orders(&client.beat(session, &json!({})).await);
    let nothing = json!([]);
    let reload = json!([["actions_reload", []]]);
    assert_eq!(beat().await, nothing, "the login told everything");

    let action = client.act(&block(&["203.0.113.7"])).await;
    client.act(&block(&["203.0.113.8"])).await;
    let commands = client.beat(session, &json!({})).await;
    assert_eq!(orders(&commands), reload, "once for both");
    let uuid = commands[0]["uuid"].as_str().unwrap();
    let results = json!({"command_results": {uuid: {"status": false, "output": "Error: timeout"}}});
    assert_eq!(orders(&client.beat(session, &results).await), nothing);

    client
        .call(
            "DELETE",
            &format!("/api/v1/actions/{}", action["id"].as_str().unwrap()),
            &Value::Null,
        )
        .await;
    assert_eq!(beat().await, reload);
    assert_eq!(beat().await, nothing);
    // What they are not given does not concern them; neither does another application.
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.9"], "dry_run": true}))
        .await;
    client
        .act(&json!({"action": "block_user", "users": [{"id": "1"}], "match_any": true}))
        .await;
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.9"], "app": "blog"}))
        .await;
    assert_eq!(beat().await, nothing);
    // A dry run that takes the place of a block, and a block that takes the place of a dry run, do.
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.8"], "dry_run": true}))
        .await;
    assert_eq!(beat().await, reload);
    client.act(&block(&["203.0.113.8"])).await;
    assert_eq!(beat().await, reload);

    client
        .call("POST", "/api/v1/allowlist", &json!({"paths": ["/status"]}))
        .await;
    assert_eq!(
        beat().await,
        json!([["paths_whitelist", [["/health", "/status"]]]])
    );
    let place = format!("/api/v1/allowlist/{}", early["id"].as_str().unwrap());
    client.call("DELETE", &place, &Value::Null).await;
    assert_eq!(
        beat().await,
        json!([["ips_whitelist", [[]]], ["paths_whitelist", [["/status"]]]])
    );
    assert_eq!(beat().await, nothing);

    client
        .call("PUT", "/api/v1/actions/settings", &json!({"dry_run": true}))
        .await;
    assert_eq!(beat().await, reload);
    client.act(&block(&["203.0.113.10"])).await;
    assert_eq!(beat().await, nothing, "a dry run gives them nothing");
    client
        .call(
            "PUT",
            "/api/v1/actions/settings",
            &json!({"dry_run": false}),
        )
        .await;
    assert_eq!(beat().await, reload);
    client.act(&block(&["203.0.113.11"])).await;
    client.pack(session).await;
    assert_eq!(beat().await, nothing, "it has fetched the pack by itself");
}

#[tokio::test]
async fn our_sdk_without_a_stream_is_told_by_one_command() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.9"], "dry_run": true}))
        .await;
    client
        .call(
            "POST",
            "/api/v1/allowlist",
            &json!({"ips": ["198.51.100.7"]}),
        )
        .await;
    assert_eq!(
        orders(&client.beat(&session, &json!({})).await),
        json!([["actions_reload", []]])
    );
    assert_eq!(orders(&client.beat(&session, &json!({})).await), json!([]));
}

#[tokio::test]
async fn reports_of_all_agents_come_to_one_form() {
    let running = Running::start().await;
    let client = &running.client;
    let user = json!({"email": "evil@example.com"});
    let report = |n: u64, name: &str, output: Value| {
        let mut record = record(&[(&uuid(n), name)]);
        record["observed"]["sdk"][0]["args"][1] =
            json!({"properties": {"action_id": "a-1", "output": output}});
        record
    };
    for (agent, name, output) in [
        ("nodejs", "block_user", user.clone()),
        ("golang", "sq.action.block_user", json!({"user": user})),
        ("python", "sq.action.block_user", json!({"user": user})),
    ] {
        let login = client.login_as(agent, &old(agent)).await;
        let session = login["session_id"].as_str().unwrap();
        let records = json!([
            report(1, name, output),
            report(
                2,
                &name.replace("user", "ip"),
                json!({"ip_address": "203.0.113.77"})
            ),
        ]);
        let mut records = records;
        for record in records.as_array_mut().unwrap() {
            record["observed"]["sdk"][0]
                .as_object_mut()
                .unwrap()
                .remove("id");
            record["request"]["rid"] = json!(agent);
        }
        client.batch(session, records).await;
        let blocked = client
            .events(&format!("filter=app:{agent}+name:sq.action.block_user"))
            .await;
        assert_eq!(blocked.len(), 1, "{agent}");
        assert_eq!(
            blocked[0]["properties"],
            json!({"action_id": "a-1", "output": {"user": user}}),
            "{agent}"
        );
        assert_eq!(blocked[0]["user"], user, "{agent}: it is found by the user");
        let blocked = client
            .events(&format!("filter=app:{agent}+name:sq.action.block_ip"))
            .await;
        assert_eq!(
            blocked[0]["properties"]["output"],
            json!({"ip_address": "203.0.113.77"}),
            "{agent}"
        );
    }
    // An app's own event of that name is its own.
    let session = client.login("shop").await;
    client
        .batch(&session, json!([report(3, "block_user", user.clone())]))
        .await;
    let own = client.events("filter=app:shop+name:block_user").await;
    assert_eq!(own[0]["properties"]["output"], user);
}
