//! Every way to detect, through HTTP in and HTTP out.

use serde_json::{Value, json};

use super::{Agent, with};
use crate::client::Running;

/// The runs of a playbook after these events: address, name, options of `track`.
async fn runs_after(
    playbook: Value,
    events: &[(&str, &str, Value)],
    expected: usize,
) -> Vec<Value> {
    let running = Running::start().await;
    running.client.put_playbook(&playbook).await;
    // What comes last makes its own run: then all before was evaluated.
    let last = json!({
        "slug": "last", "stage": "shadow", "actor": "ip", "trigger": {"event": "last"}, "at_least": 1, "period": "1min",
    });
    running.client.put_playbook(&last).await;
    let mut shop = Agent::new(&running, "shop").await;
    for (ip, name, options) in events {
        shop.track(ip, name, options.clone()).await;
    }
    shop.track("198.51.100.1", "last", json!({})).await;
    let mut runs = running.client.until_runs(expected + 1).await;
    assert_eq!(runs[0]["playbook"], "last");
    runs.remove(0);
    assert_eq!(runs.len(), expected, "{runs:?}");
    runs
}

fn shadow(fields: Value) -> Value {
    let base = json!({
        "slug": "p", "stage": "shadow", "actor": "ip", "trigger": {"event": "a"}, "period": "5min",
        "responses": [{"action": "block_ip", "duration": "permanent"}],
    });
    with(base, fields)
}

const HERE: &str = "203.0.113.7";

#[tokio::test]
async fn a_threshold_of_a_prefix_with_conditions() {
    let playbook = shadow(json!({
        "trigger": {"event": ["order.*", "x"], "where": "properties.total>=100 ip:203.0.113.0/24 method:POST", "apps": ["shop"]},
        "at_least": 2,
    }));
    let total = |total: Value| json!({"properties": {"total": total}});
    let events = [
        (HERE, "order.paid", total(json!(100))),
        (HERE, "order.paid", total(json!(99))),
        // A text is no number.
        (HERE, "order.paid", total(json!("500"))),
        ("192.0.2.1", "order.paid", total(json!(100))),
        (HERE, "orders", total(json!(100))),
        (HERE, "order.sent", total(json!(1e3))),
    ];
    let runs = runs_after(playbook, &events, 1).await;
    assert_eq!(runs[0]["actor"], HERE);
    assert_eq!(runs[0]["responses"][0]["duration"], "permanent");
}

#[tokio::test]
async fn distinct_values_of_a_user() {
    let playbook = shadow(json!({"distinct": {"of": "user.email", "at_least": 3}, "at_least": 4}));
    let user = |email: &str| json!({"user_identifiers": {"email": email}});
    let events = [
        (HERE, "a", user("1")),
        (HERE, "a", user("2")),
        (HERE, "a", user("2")),
        (HERE, "a", user("3")),
    ];
    let runs = runs_after(playbook.clone(), &events, 1).await;
    let counted = &runs[0]["counted"];
    assert_eq!(
        (&counted["events"], &counted["values"]),
        (&json!(4), &json!(3))
    );
    runs_after(playbook, &events[..3], 0).await;
}

#[tokio::test]
async fn a_ratio_of_two_events_in_a_range() {
    let playbook = shadow(json!({
        "actor": "ip_range", "at_least": 2, "ratio": {"event": "b", "at_least": 2},
    }));
    let none = json!({});
    let events = [
        ("2001:db8::1", "b", none.clone()),
        ("2001:db8::2", "a", none.clone()),
        ("2001:db8:0:1::2", "a", none.clone()),
        ("2001:db8::ffff", "a", none.clone()),
    ];
    let runs = runs_after(playbook.clone(), &events, 1).await;
    assert_eq!(runs[0]["actor"], "2001:db8::/64");
    assert_eq!(runs[0]["counted"]["others"], 1);
    let more = [&events[..1], &events[..]].concat();
    runs_after(playbook, &more, 0).await;
}

#[tokio::test]
async fn a_value_that_a_user_did_not_have() {
    let playbook = shadow(json!({
        "actor": "user", "first_seen": "ip", "responses": [{"action": "block_user", "duration": "5min"}],
    }));
    let user = |id: Value| json!({"user_identifiers": {"id": id}});
    let events = [
        ("203.0.113.1", "a", user(json!(7))),
        ("203.0.113.1", "a", user(json!("7"))),
        ("203.0.113.2", "a", user(json!(8))),
        ("203.0.113.2", "a", user(json!(7))),
        ("203.0.113.1", "a", user(json!(7))),
    ];
    let runs = runs_after(playbook, &events, 1).await;
    assert_eq!(runs[0]["actor"], json!({"id": "7"}));
    assert_eq!(runs[0]["counted"]["value"], "203.0.113.2");
}

#[tokio::test]
async fn groups_are_counted_apart() {
    let playbook = shadow(json!({"group_by": "properties.feature", "at_least": 2}));
    let feature = |name: &str| json!({"properties": {"feature": name}});
    let events = [
        (HERE, "a", feature("export")),
        (HERE, "a", feature("search")),
        (HERE, "a", json!({})),
        (HERE, "a", feature("export")),
    ];
    let runs = runs_after(playbook, &events, 1).await;
    assert_eq!(runs[0]["group"], "export");
}

#[tokio::test]
async fn an_event_of_long_ago_and_the_same_event_again_do_not_count() {
    let playbook = shadow(json!({"at_least": 2}));
    let past = json!({"timestamp": "2020-01-01T00:00:00Z"});
    let events = [
        (HERE, "a", json!({})),
        (HERE, "a", past.clone()),
        (HERE, "a", past),
    ];
    runs_after(playbook, &events, 0).await;
}

#[tokio::test]
async fn logins_that_an_old_agent_counted_are_counted() {
    let running = Running::start().await;
    let client = &running.client;
    client.put_playbook(&super::guessed()).await;
    let login = client.login_as("shop", &crate::client::old("python")).await;
    let session = login["session_id"].as_str().unwrap();
    let now = sqreen::protocol::Timestamp::now().as_micros() / 1_000_000;
    let key = json!({"keys": [["email", "ann@b.example"]], "ip": HERE}).to_string();
    let observation = json!({key: 6});
    let metrics = json!([
        {"name": "sdk-login-fail", "start": now - 60, "finish": now, "observation": observation},
    ]);
    client.beat(session, &json!({"metrics": metrics})).await;
    let runs = client.until_runs(1).await;
    assert_eq!(runs[0]["outcome"], "enforced");
}
