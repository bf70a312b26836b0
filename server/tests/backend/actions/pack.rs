//! What agents are given at login and on request.

use serde_json::{Value, json};

use super::super::client::{Client, Running, block, old, sdk};

/// The answer to the request for the pack in recorded traffic of the Node agent.
fn captured_pack(capture: &str) -> Value {
    let path = format!(
        "{}/../tests/captures/{capture}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let exchanges: Vec<Value> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut packs = exchanges
        .into_iter()
        .filter(|exchange| exchange["request"]["path"] == "/sqreen/v0/actionspack");
    packs.next().unwrap()["response"]["body"].take()
}

/// Makes an action of ours out of one on the wire.
async fn decide(client: &Client, action: &Value) -> String {
    let mut body = json!({"action": action["action"], "duration_s": action["duration"]});
    for (name, value) in action["parameters"].as_object().unwrap() {
        body[name] = value.clone();
    }
    client.act(&body).await["id"].as_str().unwrap().to_owned()
}

/// Takes the ids and durations out, after a look at them.
fn without_ids(actions: &mut Value, ids: &[String]) {
    for (action, id) in actions.as_array_mut().unwrap().iter_mut().zip(ids) {
        assert_eq!(action["action_id"].take(), json!(id));
        let left = action["duration"].take().as_f64().unwrap();
        assert!(left > 0.0 && left <= 300.0, "{left}");
    }
}

#[tokio::test]
async fn an_old_agent_is_given_what_the_recorded_backend_gave() {
    for capture in ["node-signals-blocking", "node-legacy-blocking"] {
        let running = Running::start().await;
        let client = &running.client;
        let mut captured = captured_pack(capture);
        let mut ids = Vec::new();
        for action in captured["actions"].as_array().unwrap() {
            ids.push(decide(client, action).await);
        }
        let mut login = client.login_as("shop", &old("nodejs")).await;
        let mut pack = client.pack(login["session_id"].as_str().unwrap()).await;
        let names: Vec<String> = captured["actions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|action| action["action_id"].as_str().unwrap().to_owned())
            .collect();
        without_ids(&mut captured["actions"], &names);
        without_ids(&mut pack["actions"], &ids);
        without_ids(&mut login["actions"], &ids);
        assert_eq!(pack, captured, "field by field, and no other field");
        assert_eq!(login["actions"], captured["actions"]);
        assert_eq!(login.get("actions_version"), None);
    }
}

#[tokio::test]
async fn old_agents_are_spared_what_they_would_get_wrong() {
    let running = Running::start().await;
    let client = &running.client;
    let user = json!([{"id": 42}]);
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.1"], "dry_run": true}))
        .await;
    client
        .act(&json!({"action": "block_user", "users": user, "match_any": true}))
        .await;
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.2"], "app": "blog"}))
        .await;
    client
        .act(&json!({"action": "block_user", "users": user}))
        .await;
    client.act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.3", "2001:db8::/32"], "duration_s": 31_536_000})).await;
    let login = client.login_as("shop", &old("golang")).await;
    let session = login["session_id"].as_str().unwrap();
    let mut actions = login["actions"].clone();
    for action in actions.as_array_mut().unwrap() {
        action["action_id"].take();
    }
    let expected = json!([
        {"action_id": null, "action": "block_user", "duration": null, "send_response": true,
            "parameters": {"users": [{"id": "42"}]}},
        // Node's timers take no longer duration.
        {"action_id": null, "action": "block_ip", "duration": 2_000_000.0, "send_response": true,
            "parameters": {"ip_cidr": ["203.0.113.3/32", "2001:db8::/32"]}},
    ]);
    assert_eq!(actions, expected);

    client
        .call("PUT", "/api/v1/actions/settings", &json!({"dry_run": true}))
        .await;
    assert_eq!(
        client.pack(session).await,
        json!({"status": true, "actions": []})
    );
    assert_eq!(
        client.login_as("shop", &old("python")).await["actions"],
        json!([])
    );
}

#[tokio::test]
async fn our_sdk_is_given_everything_with_its_version() {
    let running = Running::start().await;
    let client = &running.client;
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.1"], "dry_run": true}))
        .await;
    client
        .act(
            &json!({"action": "redirect_user", "users": [{"id": "42"}], "match_any": true,
        "url": "https://a.example/", "duration_s": 60, "app": "shop"}),
        )
        .await;
    client
        .call(
            "POST",
            "/api/v1/allowlist",
            &json!({"ips": ["198.51.100.7"], "paths": ["/health"]}),
        )
        .await;
    client
        .call("PUT", "/api/v1/actions/settings", &json!({"dry_run": true}))
        .await;
    let login = client.login_as("shop", &sdk()).await;
    assert_eq!(
        login["features"]["sqreen_rs"]["action_stream"],
        "/sqreen/v1/actions/stream"
    );
    assert_eq!(login["commands"], json!([]));
    let allowlist = json!({"ips": ["198.51.100.7/32"], "paths": ["/health"]});
    assert_eq!(
        (&login["allowlist"], &login["actions_dry_run"]),
        (&allowlist, &json!(true))
    );
    assert_eq!(login["actions_version"]["seq"], 4);

    let pack = client.pack(login["session_id"].as_str().unwrap()).await;
    assert_eq!(
        (&pack["version"], &pack["allowlist"]),
        (&login["actions_version"], &allowlist)
    );
    assert_eq!(pack["dry_run"], true);
    for actions in [&login["actions"], &pack["actions"]] {
        assert_eq!(actions[0]["dry_run"], true);
        assert_eq!(actions[0].get("match_any"), None);
        assert_eq!(actions[1]["parameters"]["match_any"], true);
        assert!(actions[1]["duration"].as_f64().unwrap() <= 60.0);
    }
    // Another application's position counts what concerns it.
    let blog = client.login_as("blog", &sdk()).await;
    assert_eq!(
        (
            &blog["actions_version"]["seq"],
            blog["actions"].as_array().unwrap().len()
        ),
        (&json!(3), 1)
    );
    assert_eq!(
        blog["actions_version"]["epoch"],
        login["actions_version"]["epoch"]
    );
}

#[tokio::test]
async fn a_pack_that_did_not_change_is_not_sent_again() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    client.act(&block(&["203.0.113.7"])).await;
    let ask = async |tag: Option<String>| {
        let request = client
            .get("/sqreen/v0/actionspack")
            .header("x-session-key", &session);
        let request = match tag {
            Some(tag) => request.header("if-none-match", tag),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
        (
            answer.status().as_u16(),
            tag,
            answer.bytes().await.unwrap().len(),
        )
    };
    let (status, tag, _) = ask(None).await;
    let version = &client.pack(&session).await["version"];
    let spelt = format!(
        "\"{}-{}\"",
        version["epoch"].as_str().unwrap(),
        version["seq"]
    );
    assert_eq!((status, &tag), (200, &spelt));
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other-1\", {tag}"),
    ] {
        assert_eq!(ask(Some(known)).await, (304, tag.clone(), 0));
    }
    assert_eq!(ask(Some("\"other-1\"".to_owned())).await.0, 200);
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.8"], "app": "blog"}))
        .await;
    assert_eq!(
        ask(Some(tag.clone())).await.0,
        304,
        "another application's change is none"
    );
    client.act(&block(&["203.0.113.8"])).await;
    let (status, newer, _) = ask(Some(tag.clone())).await;
    assert!(status == 200 && newer != tag);
}

#[tokio::test]
async fn a_large_pack_is_whole() {
    let running = Running::start().await;
    let client = &running.client;
    for n in 0..1_100 {
        client
            .act(&block(&[&format!("203.0.{}.{}", n / 256, n % 256)]))
            .await;
    }
    for login in [sdk(), old("nodejs")] {
        let login = client.login_as("shop", &login).await;
        let pack = client.pack(login["session_id"].as_str().unwrap()).await;
        for actions in [&login["actions"], &pack["actions"]] {
            let ips: Vec<_> = actions
                .as_array()
                .unwrap()
                .iter()
                .map(|action| action["parameters"]["ip_cidr"][0].clone())
                .collect();
            let expected: Vec<_> = (0..1_100)
                .map(|n| json!(format!("203.0.{}.{}/32", n / 256, n % 256)))
                .collect();
            assert_eq!(ips, expected);
        }
    }
}
