//! From draft to enforce, and back: what is done, what is only written down, and how it is undone.

use serde_json::{Value, json};

use super::{Agent, NONE, guessed, with};
use crate::actions::browser::Browser;
use crate::client::{Client, Running};

#[tokio::test]
async fn six_wrong_passwords_block_the_address() {
    let running = Running::start().await;
    let client = &running.client;
    client.put_playbook(&guessed()).await;
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..5 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    shop.login("203.0.113.8", "ann@b.example", false).await;
    shop.login("203.0.113.7", "ann@b.example", false).await;

    let runs = client.until_runs(1).await;
    let run = &runs[0];
    assert_eq!(runs.len(), 1);
    let told = ["playbook", "stage", "outcome", "actor", "reason"].map(|name| run[name].clone());
    assert_eq!(
        json!(told),
        json!(["guessed", "enforce", "enforced", "203.0.113.7", null])
    );
    assert_eq!(run["counted"]["events"], 6);

    let actions = client.actions("").await;
    assert_eq!(actions.len(), 1);
    let action = &actions[0];
    assert_eq!(action["ip_cidr"], json!(["203.0.113.7"]));
    assert_eq!(
        [
            &action["origin"],
            &action["run"],
            &action["created_by"],
            &action["comment"]
        ],
        [
            &json!("playbook"),
            &run["id"],
            &json!("playbook guessed"),
            &json!("Guessed passwords")
        ]
    );
    assert_eq!(
        run["responses"],
        json!([
            {"action": "block_ip", "url": null, "duration": "5min", "ids": [action["id"]]},
        ])
    );

    // Why: the version, and the very events.
    let path = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    let (status, why) = client.call("GET", &path, &NONE).await;
    assert_eq!(status, 200);
    let events: Vec<_> = why["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["ip"].clone())
        .collect();
    assert_eq!(events, vec![json!("203.0.113.7"); 6]);
    assert_eq!(why["definition"]["at_least"], 6);
    assert_eq!(why["approved_by"], "token of the configuration");

    let (status, undone) = client.call("POST", &format!("{path}/undo"), &NONE).await;
    assert_eq!(
        (status, &undone["undone_by"]),
        (200, &json!("token of the configuration"))
    );
    assert!(client.actions("").await.is_empty());
    let (_, again) = client.call("POST", &format!("{path}/undo"), &NONE).await;
    assert_eq!(
        again["undone_at"], undone["undone_at"],
        "undoing twice changes nothing"
    );
}

#[tokio::test]
async fn a_good_login_ends_the_count() {
    let running = Running::start().await;
    running.client.put_playbook(&guessed()).await;
    let mut shop = Agent::new(&running, "shop").await;
    for success in [
        false, false, false, false, false, true, false, false, false, false, false,
    ] {
        shop.login("203.0.113.7", "ann@b.example", success).await;
    }
    shop.login("203.0.113.8", "eve@b.example", false).await;
    for _ in 0..5 {
        shop.login("203.0.113.8", "eve@b.example", false).await;
    }
    let runs = running.client.until_runs(1).await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["actor"], "203.0.113.8");
}

#[tokio::test]
async fn a_shadow_says_what_it_would_do_and_a_draft_says_nothing() {
    let running = Running::start().await;
    let client = &running.client;
    client
        .put_playbook(&with(guessed(), json!({"stage": "shadow"})))
        .await;
    client
        .put_playbook(&with(guessed(), json!({"slug": "draft", "stage": "draft"})))
        .await;
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    let runs = client.until_runs(1).await;
    assert_eq!(runs.len(), 1);
    assert_eq!(
        (&runs[0]["stage"], &runs[0]["outcome"]),
        (&json!("shadow"), &json!("shadowed"))
    );
    assert_eq!(runs[0]["responses"][0]["duration"], "5min");
    assert!(client.actions("").await.is_empty());

    // What the draft says from now on counts from now on; the shadow's word holds from now on.
    for slug in ["guessed", "draft"] {
        let path = format!("/api/v1/playbooks/{slug}/stage");
        let (status, staged) = client
            .call("PUT", &path, &json!({"stage": "enforce"}))
            .await;
        assert_eq!((status, &staged["stage"]), (200, &json!("enforce")));
    }
    for _ in 0..6 {
        shop.login("203.0.113.9", "ann@b.example", false).await;
    }
    let runs = client.until_runs(3).await;
    assert_eq!(runs.len(), 3);
    assert!(runs[..2].iter().all(|run| run["outcome"] == "enforced"));
    let (_, playbook) = client.call("GET", "/api/v1/playbooks/guessed", &NONE).await;
    assert_eq!(playbook["fired"], json!({"shadowed": 1, "enforced": 1}));
}

#[tokio::test]
async fn one_switch_lifts_all_that_a_playbook_did() {
    let running = Running::start().await;
    let client = &running.client;
    client
        .put_playbook(&with(guessed(), json!({"at_least": 1, "cooldown": "0s"})))
        .await;
    client
        .act(&super::super::client::block(&["192.0.2.1"]))
        .await;
    let mut shop = Agent::new(&running, "shop").await;
    for ip in ["203.0.113.7", "203.0.113.8", "203.0.113.9"] {
        shop.login(ip, "ann@b.example", false).await;
    }
    client.until_runs(3).await;
    assert_eq!(client.actions("").await.len(), 4);
    let (status, lifted) = client
        .call("POST", "/api/v1/playbooks/guessed/undo", &NONE)
        .await;
    assert_eq!((status, lifted), (200, json!({"lifted": 3})));
    // It does not begin again with the next event.
    shop.login("203.0.113.7", "ann@b.example", false).await;
    let runs = client.until_runs(4).await;
    assert_eq!(runs[0]["outcome"], "shadowed", "{runs:?}");
    let (_, playbook) = client.call("GET", "/api/v1/playbooks/guessed", &NONE).await;
    assert_eq!(
        (&playbook["stage"], &playbook["tripped"]),
        (&json!("shadow"), &NONE)
    );
    let left = client.actions("").await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["origin"], "operator");
    let runs = client.runs("outcome=enforced").await;
    assert_eq!(runs.len(), 3);
    assert!(runs.iter().all(|run| run["undone_by"].is_string()));
}

#[tokio::test]
async fn what_a_removed_playbook_did_can_be_lifted() {
    let running = Running::start().await;
    let client = &running.client;
    client.put_playbook(&guessed()).await;
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    client.until_runs(1).await;
    let path = format!("{}/api/v1/playbooks/guessed", client.url);
    let removed = client.http.delete(path).bearer_auth(crate::client::API);
    assert_eq!(removed.send().await.unwrap().status(), 204);
    assert_eq!(client.actions("").await.len(), 1);

    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/runs?playbook=guessed").await;
    assert!(page.contains("Lift everything it did"), "{page}");
    let (status, place, page) = browser.send("/playbooks/guessed/undo", &[]).await;
    assert_eq!(
        (status, place.as_str()),
        (303, "/runs?playbook=guessed"),
        "{page}"
    );
    assert!(client.actions("").await.is_empty());
    let page = browser.open(&place).await;
    assert!(!page.contains("Lift everything it did"), "{page}");
    let again = client.call("POST", "/api/v1/playbooks/guessed/undo", &NONE);
    assert_eq!(again.await.0, 404);
}

/// Has someone else do it: answers the status and what is told.
async fn call_as(client: &Client, token: &Value, path: &str, body: &Value) -> (u16, Value) {
    let request = client.http.put(format!("{}{path}", client.url));
    let request = request.bearer_auth(token.as_str().unwrap()).json(body);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn whoever_changes_what_is_enforced_answers_for_it() {
    let running = Running::start().await;
    let client = &running.client;
    let mut tokens = Vec::new();
    for comment in ["writer", "stager"] {
        let body = json!({"kind": "api", "role": "operator", "comment": comment});
        let (status, mut made) = client.call("POST", "/api/v1/tokens", &body).await;
        assert_eq!(status, 201, "{made}");
        tokens.push(made["token"].take());
    }
    let often = with(guessed(), json!({"at_least": 1, "cooldown": "0s"}));
    let first = client.put_playbook(&often).await;
    let mut shop = Agent::new(&running, "shop").await;
    let mut approved = Vec::new();

    shop.login("203.0.113.7", "ann@b.example", false).await;
    approved.push(client.until_runs(1).await[0]["approved_by"].clone());
    // Its stage stays, and is not named.
    let body = with(
        often.clone(),
        json!({"version": 1, "stage": null, "name": "Another"}),
    );
    let path = "/api/v1/playbooks/guessed";
    let (status, second) = call_as(client, &tokens[0], path, &body).await;
    assert_eq!(
        (status, &second["stage"]),
        (200, &json!("enforce")),
        "{second}"
    );
    shop.login("203.0.113.7", "ann@b.example", false).await;
    approved.push(client.until_runs(2).await[0]["approved_by"].clone());
    let mut staged = Value::Null;
    for stage in ["shadow", "enforce"] {
        let body = json!({"stage": stage});
        let path = format!("{path}/stage");
        (_, staged) = call_as(client, &tokens[1], &path, &body).await;
        assert_eq!(staged["stage"], stage, "{staged}");
    }
    shop.login("203.0.113.7", "ann@b.example", false).await;
    approved.push(client.until_runs(3).await[0]["approved_by"].clone());

    let expected = [
        &first["changed_by"],
        &second["changed_by"],
        &staged["staged_by"],
    ];
    assert_eq!(json!(approved), json!(expected));
    let mut different = approved;
    different.dedup();
    assert_eq!(different.len(), 3, "{different:?}");
}

#[tokio::test]
async fn who_comes_again_is_blocked_for_longer() {
    let running = Running::start().await;
    let client = &running.client;
    client
        .put_playbook(&with(guessed(), json!({"at_least": 1, "cooldown": "0s"})))
        .await;
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..3 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    let runs = client.until_runs(3).await;
    let durations: Vec<_> = runs
        .iter()
        .rev()
        .map(|run| run["responses"][0]["duration"].clone())
        .collect();
    assert_eq!(durations, ["5min", "1h", "1h"]);
}

#[tokio::test]
async fn what_was_undone_makes_no_block_longer() {
    let running = Running::start().await;
    let client = &running.client;
    client
        .put_playbook(&with(guessed(), json!({"at_least": 1, "cooldown": "0s"})))
        .await;
    let mut shop = Agent::new(&running, "shop").await;
    let mut durations = Vec::new();
    for (number, undo) in [(1, true), (2, false), (3, true), (4, false), (5, false)] {
        shop.login("203.0.113.7", "ann@b.example", false).await;
        let run = client.until_runs(number).await.remove(0);
        durations.push(run["responses"][0]["duration"].clone());
        if undo {
            let path = format!("/api/v1/runs/{}/undo", run["id"].as_str().unwrap());
            assert_eq!(client.call("POST", &path, &NONE).await.0, 200);
        }
    }
    assert_eq!(durations, ["5min", "5min", "1h", "1h", "1h"]);
}
