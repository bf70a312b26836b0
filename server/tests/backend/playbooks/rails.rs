//! What keeps playbooks from doing harm.

use serde_json::{Value, json};

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
    // Whoever enforces it again has seen what it did: a new hour begins.
    for ip in ["203.0.113.1", "203.0.113.4", "203.0.113.5"] {
        shop.login(ip, "ann@b.example", false).await;
    }
    let runs = client.until_runs(9).await;
    let outcomes: Vec<_> = runs[..3].iter().rev().map(|run| &run["outcome"]).collect();
    assert_eq!(outcomes, ["enforced", "enforced", "held"], "{runs:?}");
}

#[tokio::test]
async fn a_test_from_the_allow_list_blocks_no_user() {
    let running = Running::start().await;
    let client = &running.client;
    let block = json!([{"action": "block_user", "duration": "5min"}]);
    let users = json!({"actor": "user", "responses": block, "cooldown": "0s"});
    client.put_playbook(&with(guessed(), users)).await;
    let allowed = json!({"ips": ["198.51.100.0/24"]});
    let (status, _) = client.call("POST", "/api/v1/allowlist", &allowed).await;
    assert_eq!(status, 201);
    let mut shop = Agent::new(&running, "shop").await;
    for number in 1..6 {
        let scanner = format!("198.51.100.{number}");
        shop.login(&scanner, "ann@b.example", false).await;
    }
    // The one mistake that she made herself is not six.
    shop.login("203.0.113.7", "ann@b.example", false).await;
    let runs = client.until_runs(1).await;
    assert_eq!(
        (&runs[0]["outcome"], &runs[0]["reason"]),
        (
            &json!("held"),
            &json!("5 of 6 events came from addresses on the allow list")
        )
    );
    assert!(client.actions("").await.is_empty());

    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    let runs = client.until_runs(2).await;
    assert_eq!(runs[0]["outcome"], "enforced", "{runs:?}");
    assert_eq!(client.actions("").await.len(), 1);
}

#[tokio::test]
async fn users_of_other_applications_share_nothing() {
    let running = Running::start().await;
    let client = &running.client;
    let ours = json!({"trigger": {
        "event": "users.login", "where": "properties.success:false", "apps": ["shop"],
    }});
    client.put_playbook(&with(guessed(), ours)).await;
    let mut blog = Agent::new(&running, "blog").await;
    for user in ["a", "b", "c"] {
        blog.login("203.0.113.7", user, true).await;
    }
    let mut shop = Agent::new(&running, "shop").await;
    shop.sent = 1_000;
    for user in ["a", "b", "c"] {
        shop.login("203.0.113.8", user, true).await;
    }
    for ip in ["203.0.113.7", "203.0.113.8"] {
        for _ in 0..6 {
            shop.login(ip, "ann@b.example", false).await;
        }
    }
    let runs = client.until_runs(2).await;
    let outcomes: Vec<_> = runs.iter().rev().map(|run| &run["outcome"]).collect();
    assert_eq!(outcomes, ["enforced", "held"], "{runs:?}");
    let actions = client.actions("").await;
    assert_eq!(actions.len(), 1);
    assert_eq!(actions[0]["app"], "shop");
}

#[tokio::test]
async fn a_range_that_many_share_is_not_blocked() {
    let running = Running::start().await;
    let client = &running.client;
    client
        .put_playbook(&with(
            guessed(),
            json!({"actor": "ip_range", "cancel": null}),
        ))
        .await;
    let mut shop = Agent::new(&running, "shop").await;
    for (ip, user) in [
        ("203.0.113.1", "a"),
        ("203.0.113.2", "b"),
        ("203.0.113.3", "c"),
    ] {
        shop.login(ip, user, true).await;
    }
    for ip in ["203.0.113.200", "198.51.100.200"] {
        for _ in 0..6 {
            shop.login(ip, "ann@b.example", false).await;
        }
    }
    let runs = client.until_runs(2).await;
    let outcomes: Vec<_> = runs.iter().rev().map(|run| &run["outcome"]).collect();
    assert_eq!(outcomes, ["held", "enforced"], "{runs:?}");
    assert_eq!(
        runs[1]["reason"],
        "3 users signed in from it within a day: block users rather than the address"
    );
}

/// What its description says: the limit of the rail, and who can make use of it.
#[tokio::test]
async fn stuffing_from_an_address_with_three_users_asks_for_user_scope() {
    let running = Running::start().await;
    let client = &running.client;
    let mut stuffing = client.template("credential-stuffing").await;
    stuffing.as_object_mut().unwrap().remove("family");
    let enforced = with(stuffing, json!({"stage": "enforce"}));
    client.put_playbook(&enforced).await;
    let mut shop = Agent::new(&running, "shop").await;
    let (two, three) = ("203.0.113.2", "203.0.113.3");
    for (ip, accounts) in [(two, 2), (three, 3)] {
        for number in 0..accounts {
            shop.login(ip, &format!("own{number}@b.example"), true)
                .await;
        }
        for number in 0..31 {
            let victim = format!("victim{}@b.example", number % 6);
            shop.login(ip, &victim, false).await;
        }
    }
    let runs = client.until_runs(2).await;
    let told = |run: &Value| json!([run["actor"], run["outcome"], run["reason"]]);
    assert_eq!(told(&runs[1]), json!([two, "enforced", null]));
    let reason = "3 users signed in from it within a day: block users rather than the address";
    assert_eq!(told(&runs[0]), json!([three, "held", reason]));

    // Whoever knows that users do not share addresses can say so.
    let strict = with(enforced, json!({"shared_ip_users": 0, "cooldown": "0s"}));
    client.put_playbook(&strict).await;
    for number in 0..31 {
        let victim = format!("victim{}@b.example", number % 6);
        shop.login(three, &victim, false).await;
    }
    let runs = client.until_runs(3).await;
    assert_eq!(told(&runs[0]), json!([three, "enforced", null]));
}
