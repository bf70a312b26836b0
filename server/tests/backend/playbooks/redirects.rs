//! Playbooks that send an actor elsewhere: what agents are told to do.

use serde_json::{Value, json};

use super::{Agent, guessed, with};
use crate::actions::stream::{Lines, login};
use crate::client::{Running, old};

const URL: &str = "https://help.example.com/locked";

/// The one action that a playbook's run puts in force, as it is told to an SDK that listens and to an old agent.
async fn told(actor: &str, action: &str, parameters: &Value) {
    let running = Running::start().await;
    let client = &running.client;
    let responses = json!([{"action": action, "url": URL, "duration": "5min"}]);
    let fields = json!({"actor": actor, "at_least": 2, "responses": responses});
    client.put_playbook(&with(guessed(), fields)).await;
    let (session, position) = login(client, "shop").await;
    let mut lines = Lines::open(client, &session, &position).await;
    assert_eq!(lines.line().await["put"], Value::Null);

    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..2 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    let mut line = lines.line().await;
    let runs = client.until_runs(1).await;
    assert_eq!(runs[0]["outcome"], "enforced", "{runs:?}");
    let response = &runs[0]["responses"][0];
    assert_eq!(response["url"], URL);

    let old = client.login_as("shop", &old("nodejs")).await;
    let mut pack = client.pack(old["session_id"].as_str().unwrap()).await;
    for told in [&mut line["put"][0], &mut pack["actions"][0]] {
        let left = told["duration"].take().as_f64().unwrap();
        assert!(left > 0.0 && left <= 300.0, "{left}");
        let expected = json!({
            "action_id": response["ids"][0], "action": action, "duration": null,
            "send_response": true, "parameters": parameters,
        });
        assert_eq!(*told, expected);
    }
    assert_eq!(pack["actions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn agents_are_told_to_redirect_an_address() {
    let parameters = json!({"ip_cidr": ["203.0.113.7/32"], "url": URL});
    told("ip", "redirect_ip", &parameters).await;
}

#[tokio::test]
async fn agents_are_told_to_redirect_a_user() {
    let parameters = json!({"users": [{"email": "ann@b.example"}], "url": URL});
    told("user", "redirect_user", &parameters).await;
}
