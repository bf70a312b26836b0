//! What keeps playbooks from doing harm.

use serde_json::json;

use super::{Agent, NONE, guessed, with};
use crate::client::Running;

async fn held(running: &Running, ip: &str) -> String {
    let client = &running.client;
    let mut shop = Agent::new(running, "shop").await;
    shop.sent = 1_000;
    for _ in 0..6 {
        shop.login(ip, "ann@b.example", false).await;
    }
    let runs = client.until_runs(1).await;
    assert_eq!(runs[0]["outcome"], "held", "{runs:?}");
    assert!(client.actions("").await.is_empty());
    runs[0]["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_critical_address_is_not_blocked_unless_that_is_meant() {
    let running = Running::start().await;
    running.client.put_playbook(&guessed()).await;
    let reason = held(&running, "10.0.0.7").await;
    assert_eq!(reason, "10.0.0.7 is private (10.0.0.0/8)");

    let meant = with(guessed(), json!({"allow_critical": true, "cooldown": "0s"}));
    running.client.put_playbook(&meant).await;
    let mut shop = Agent::new(&running, "shop").await;
    shop.sent = 2_000;
    for _ in 0..6 {
        shop.login("10.0.0.7", "ann@b.example", false).await;
    }
    running.client.until_runs(2).await;
    assert_eq!(running.client.actions("").await.len(), 1);
}

#[tokio::test]
async fn who_is_on_the_allow_list_is_not_blocked() {
    let running = Running::start().await;
    running.client.put_playbook(&guessed()).await;
    let allowed = json!({"ips": ["203.0.113.0/24"]});
    let (status, _) = running
        .client
        .call("POST", "/api/v1/allowlist", &allowed)
        .await;
    assert_eq!(status, 201);
    let reason = held(&running, "203.0.113.7").await;
    assert_eq!(reason, "203.0.113.0/24 is on the allow list");
}

#[tokio::test]
async fn an_address_that_many_share_is_not_blocked() {
    let running = Running::start().await;
    running.client.put_playbook(&guessed()).await;
    let mut shop = Agent::new(&running, "shop").await;
    for user in ["a", "b", "b", "c"] {
        shop.login("203.0.113.7", user, true).await;
    }
    let reason = held(&running, "203.0.113.7").await;
    assert_eq!(
        reason,
        "3 users signed in from it within a day: block users rather than the address"
    );
}

#[tokio::test]
async fn too_many_actors_within_an_hour_put_it_back_to_shadow() {
    let running = Running::start().await;
    let client = &running.client;
    let careful = json!({"at_least": 1, "max_actors_per_hour": 2, "cooldown": "0s"});
    client.put_playbook(&with(guessed(), careful)).await;
    let mut shop = Agent::new(&running, "shop").await;
    for ip in [
        "203.0.113.1",
        "203.0.113.1",
        "203.0.113.2",
        "203.0.113.1",
        "203.0.113.3",
        "203.0.113.4",
    ] {
        shop.login(ip, "ann@b.example", false).await;
    }
    let runs = client.until_runs(6).await;
    let outcomes: Vec<_> = runs
        .iter()
        .rev()
        .map(|run| run["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(
        outcomes,
        [
            "enforced", "enforced", "enforced", "enforced", "held", "shadowed"
        ]
    );
    let (_, playbook) = client.call("GET", "/api/v1/playbooks/guessed", &NONE).await;
    assert_eq!(
        (&playbook["stage"], &playbook["staged_by"]),
        (&json!("shadow"), &json!("playbook guessed"))
    );
    assert_eq!(playbook["tripped"], "2 actors within an hour, the limit");

    let stage = json!({"stage": "enforce"});
    let (_, playbook) = client
        .call("PUT", "/api/v1/playbooks/guessed/stage", &stage)
        .await;
    assert_eq!(playbook["tripped"], json!(null));
}
