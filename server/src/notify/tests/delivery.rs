//! What is sent, and how notices are gathered.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::receiver::Receiver;
use super::{Bench, NOON, fired, fired_on, playbook};
use crate::notify::notice::{Actor, Notice, Stage, Tripped};
use crate::playbooks::Outcome;
use crate::state::Queued;

fn user() -> Actor {
    let identifiers = [("email", "ann@example.com"), ("id", "<@U1>&*7*")];
    let identifiers = identifiers.map(|(key, value)| (key.to_owned(), value.to_owned()));
    Actor::User(BTreeMap::from(identifiers))
}

/// What receivers hear of, and need not act on.
const UNDONE: [(&str, Outcome, Option<&str>); 3] = [
    // A playbook that enforces, and has no responses.
    ("five", Outcome::Recorded, None),
    (
        "six",
        Outcome::Held,
        Some("203.0.113.7 is on the allow list"),
    ),
    (
        "seven",
        Outcome::Failed,
        Some("there are 50000 actions, the limit"),
    ),
];

fn undone(outcome: Outcome, reason: Option<&str>) -> Notice {
    let mut notice = fired("logins");
    if let Notice::Fired(fired) = &mut notice {
        fired.outcome = outcome;
        fired.reason = reason.map(str::to_owned);
        match outcome {
            Outcome::Recorded => fired.responses.clear(),
            _ => fired.responses[0].actions.clear(),
        }
    }
    notice
}

fn tripped() -> Notice {
    Notice::Tripped(Tripped {
        playbook: playbook("logins"),
        reason: "101 actors in an hour, the limit is 100".to_owned(),
        at: NOON,
    })
}

#[tokio::test]
async fn notices_of_one_playbook_within_a_minute_are_one_request() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    bench.webhook(&receiver.url());
    bench.notify("one", &fired("logins"));
    bench.pass(30);
    bench.notify("two", &fired("carding"));
    bench.notify("three", &fired("logins"));
    assert_eq!(
        bench.notifier.notify("one", &fired("logins")).unwrap(),
        [Queued::Known]
    );
    bench.live(29).await;
    assert_eq!(receiver.connections(), 0);
    bench.live(1).await;
    bench.notify("four", &fired("logins"));
    bench.live(60).await;
    let ids: Vec<_> = receiver
        .accepted()
        .iter()
        .map(|received| received.ids())
        .collect();
    assert_eq!(ids, [vec!["one", "three"], vec!["two"], vec!["four"]]);
    // What was delivered is known for as long as the log has it.
    assert_eq!(
        bench.notifier.notify("one", &fired("logins")).unwrap(),
        [Queued::Known]
    );
}

#[tokio::test]
async fn a_request_has_1000_messages_at_most() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    bench.webhook(&receiver.url());
    for n in 0..1_001 {
        bench.notify(&n.to_string(), &fired("logins"));
    }
    bench.live(60).await;
    let accepted = receiver.accepted();
    let sizes: Vec<_> = accepted
        .iter()
        .map(|received| received.ids().len())
        .collect();
    assert_eq!(sizes, [1_000, 1]);
    assert_eq!(accepted[1].ids(), ["1000"]);
}

#[tokio::test]
async fn destinations_take_the_playbooks_that_they_name() {
    let (some, all) = (Receiver::start().await, Receiver::start().await);
    let bench = Bench::new();
    bench.add(
        json!({"name": "some", "kind": "webhook", "url": some.url(), "playbooks": ["carding"]}),
    );
    bench.add(json!({"name": "all", "kind": "webhook", "url": all.url(), "playbooks": null}));
    bench.notify("one", &fired("logins"));
    bench.notify("two", &fired("carding"));
    bench.live(60).await;
    let ids = |receiver: &Receiver| -> Vec<_> {
        receiver
            .accepted()
            .iter()
            .flat_map(|received| received.ids())
            .collect()
    };
    assert_eq!(
        (ids(&some), ids(&all)),
        (
            vec!["two".to_owned()],
            vec!["one".to_owned(), "two".to_owned()]
        )
    );
}

#[tokio::test]
async fn messages_are_those_of_sqreens_second_version() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    let destination = bench.webhook(&receiver.url());
    bench.notify("one", &fired("logins"));
    bench.notify("two", &fired_on("logins", user(), Stage::Enforce));
    let range = Actor::Range("203.0.113.0/24".parse().unwrap());
    bench.notify("three", &fired_on("logins", range, Stage::Shadow));
    bench.notify("four", &tripped());
    for (id, outcome, reason) in UNDONE {
        bench.notify(id, &undone(outcome, reason));
    }
    bench.live(60).await;
    let received = &receiver.accepted()[0];
    let messages = received.json();
    let application = json!({"id": "shop", "name": "shop", "environment": null});
    let events: Vec<_> = (0..20).map(|n| format!("event-{n}")).collect();
    let expected = json!({
        "message_id": "one", "api_version": "2", "date_created": "2027-01-15T12:00:00.000000Z",
        "message_type": "security_response", "retry_count": 0,
        "message": {
            "properties": {"ips": [{"ip_cidr": "203.0.113.7"}], "user_identifiers": []},
            "application": application, "applications": ["shop", "blog"],
            "playbook": {"id": "logins", "name": "Playbook logins", "version": 3},
            "stage": "enforce", "user": null, "actions": ["00000000000000a1"],
            "responses": [{
                "action": "block_ip", "url": null, "duration_s": 300,
                "until": "2027-01-15T12:05:00.000000Z", "actions": ["00000000000000a1"],
            }],
            "count": 26, "window_s": 300, "events": events,
        },
    });
    assert_eq!(messages[0], expected);
    let properties = json!({"ips": [], "user_identifiers": ["ann@example.com", "<@U1>&*7*"]});
    assert_eq!(messages[1]["message"]["properties"], properties);
    assert_eq!(messages[1]["message"]["user"]["email"], "ann@example.com");
    // Receivers act on responses: what was not done is none.
    let shadow = &messages[2];
    assert_eq!(shadow["message_type"], "security_event");
    assert_eq!(shadow["message"]["event_kind"], "playbook_shadow");
    assert_eq!(
        shadow["message"]["ips"],
        json!([{"address": "203.0.113.0/24"}])
    );
    assert_eq!(shadow["message"]["application_name"], "shop");
    let tripped = &messages[3]["message"];
    assert_eq!(tripped["event_kind"], "playbook_tripped");
    assert_eq!(tripped["reason"], "101 actors in an hour, the limit is 100");
    let undone = &messages.as_array().unwrap()[4..];
    for ((id, outcome, reason), message) in UNDONE.into_iter().zip(undone) {
        assert_eq!(message["message_id"], id);
        assert_eq!(message["message_type"], "security_event");
        let kind = format!("playbook_{}", outcome.name());
        let message = &message["message"];
        assert_eq!(message["event_kind"], json!(kind));
        assert_eq!(message["ips"], json!([{"address": "203.0.113.7"}]));
        assert_eq!(message["reason"], json!(reason));
        assert_eq!(message["actions"], json!([]));
    }
    assert_eq!(messages[4]["message"]["responses"], json!([]));

    assert_eq!(received.header("content-type"), "application/json");
    signed(
        &received.headers,
        &received.body,
        destination.secret.as_deref().unwrap(),
    );
}

/// The signatures are in the headers; that others verify them is shown by the tests in a browser.
fn signed(headers: &HeaderMap, body: &[u8], secret: &str) {
    let now: i64 = headers["webhook-timestamp"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    let id = headers["webhook-id"].to_str().unwrap();
    for (name, value) in
        crate::notify::webhook::signatures(secret, None, id, now * 1_000_000, body).unwrap()
    {
        assert_eq!(headers[&name], value, "{name}");
    }
}

#[tokio::test]
async fn slack_gets_one_message_of_its_schema() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    bench.add(json!({"name": "slack", "kind": "slack", "url": receiver.url()}));
    bench.notify("one", &fired_on("logins", user(), Stage::Enforce));
    bench.notify("two", &tripped());
    bench.live(60).await;
    for n in 0..200 {
        let mut notice = fired_on("<!channel>", user(), Stage::Shadow);
        if let Notice::Fired(fired) = &mut notice {
            fired.apps = vec!["&".repeat(4_000)];
            fired.playbook.name = "&".repeat(400);
        }
        bench.notify(&n.to_string(), &notice);
    }
    bench.live(60).await;
    let accepted = receiver.accepted();
    assert_eq!(accepted.len(), 2);
    for received in &accepted {
        of_schema(&received.json());
    }
    let few = accepted[0].json();
    assert_eq!(few["text"], "Playbook logins: 2 notices");
    assert_eq!(few["blocks"].as_array().unwrap().len(), 3);
    let told = few["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(
        told.starts_with("*Playbook logins blocked email ann@example.com, id &lt;@U1&gt;&amp;"),
        "{told}"
    );
    let many = accepted[1].json();
    let blocks = many["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 50);
    assert_eq!(blocks[49]["elements"][0]["text"], "And 152 more.");
}

/// <https://docs.slack.dev/reference/block-kit/blocks>: which keys there are, and how much each holds.
fn of_schema(message: &Value) {
    let keys = |value: &Value, known: &[&str]| {
        let object = value.as_object().unwrap();
        assert!(
            object.keys().all(|key| known.contains(&key.as_str())),
            "{value}"
        );
    };
    let text = |value: &Value, kind: &str, most: usize| {
        assert_eq!(value["type"], kind, "{value}");
        let known = match kind {
            "mrkdwn" => ["type", "text", "verbatim"],
            _ => ["type", "text", "emoji"],
        };
        keys(value, &known);
        let text = value["text"].as_str().unwrap();
        assert!((1..=most).contains(&text.chars().count()), "{text}");
        if kind == "mrkdwn" {
            let entities = text
                .replace("&amp;", "")
                .replace("&lt;", "")
                .replace("&gt;", "");
            assert!(!entities.contains(['&', '<', '>']), "{text}");
        }
    };
    keys(message, &["text", "blocks"]);
    assert!(message["text"].as_str().unwrap().chars().count() <= 40_000);
    let blocks = message["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => {
                keys(block, &["type", "text"]);
                text(&block["text"], "plain_text", 150);
            }
            "section" => {
                keys(block, &["type", "text"]);
                text(&block["text"], "mrkdwn", 3_000);
            }
            "context" => {
                keys(block, &["type", "elements"]);
                let elements = block["elements"].as_array().unwrap();
                assert!((1..=10).contains(&elements.len()));
                for element in elements {
                    text(element, "plain_text", 3_000);
                }
            }
            other => panic!("{other}: no block that is used here"),
        }
    }
}
