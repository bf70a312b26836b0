//! Where nothing is sent to.

use serde_json::json;

use super::receiver::{Mood, Receiver};
use super::{Bench, fired};
use crate::auth::Caller;
use crate::state::{Delivery, DeliveryStatus, Destination};

async fn test(bench: &Bench, destination: &Destination) -> Delivery {
    bench
        .notifier
        .test(destination.id, Caller::command_line())
        .await
        .unwrap()
}

#[tokio::test]
async fn internal_addresses_are_not_connected_to_unless_that_is_allowed() {
    let receiver = Receiver::start().await;
    let bench = Bench::with(|config| config);
    let port = receiver.port();
    // `localhost` is a name that resolves to a loopback address.
    for host in [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
    ] {
        let url = format!("https://{host}:{port}/");
        for kind in ["webhook", "slack"] {
            let destination =
                bench.add(json!({"name": format!("{kind} {host}"), "kind": kind, "url": url}));
            let delivery = test(&bench, &destination).await;
            assert_eq!(delivery.status, DeliveryStatus::Dead);
            let answer = delivery.answer.unwrap();
            let refused = answer.contains("not sent: ") && answer.contains("notify_internal");
            assert!(
                refused || answer.contains("is not found"),
                "{host}: {answer}"
            );
        }
    }
    let answers = bench.log();
    let refused = answers
        .iter()
        .filter(|delivery| delivery.answer.as_ref().unwrap().contains("loopback"));
    assert!(refused.count() >= 8, "{answers:?}");
    bench.notify("one", &fired("logins"));
    bench.live(60).await;
    assert_eq!(receiver.connections(), 0);
    let plain = bench.try_add(json!({"name": "plain", "kind": "webhook", "url": receiver.url()}));
    assert!(plain.unwrap_err().contains("not https://"));

    let bench = Bench::new();
    let destination = bench.webhook(&format!("http://localhost:{port}/"));
    assert_eq!(
        test(&bench, &destination).await.status,
        DeliveryStatus::Delivered
    );
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    let destination = bench.webhook(&receiver.url());
    receiver.set(Mood::Redirect);
    let delivery = test(&bench, &destination).await;
    assert_eq!(delivery.status, DeliveryStatus::Dead);
    assert_eq!(
        delivery.answer.as_deref(),
        Some("answered 302: redirects are not followed")
    );
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].path, "/hook");
    assert_eq!(received[0].json()[0]["message_type"], "test");
}

#[tokio::test]
async fn a_test_is_not_held_up_by_what_waits() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    let destination = bench.webhook(&receiver.url());
    receiver.set(Mood::Down);
    bench.notify("one", &fired("logins"));
    bench.live(60).await;
    receiver.set(Mood::Answer(200));
    assert_eq!(
        test(&bench, &destination).await.status,
        DeliveryStatus::Delivered
    );
    let accepted = receiver.accepted();
    assert_eq!(accepted.len(), 1);
    assert_eq!(
        accepted[0].json()[0]["message"]["triggered_by"],
        "command line"
    );
}

#[test]
fn mistakes_name_their_field() {
    let bench = Bench::with(|config| config);
    let url = "https://hooks.example.com/";
    for (fields, wrong) in [
        (json!({"kind": "webhook", "url": url}), "name: missing"),
        (json!({"name": "a", "url": url}), "kind: missing"),
        (
            json!({"name": "a", "kind": "pager", "url": url}),
            "kind: none of webhook, slack and email",
        ),
        (json!({"name": "a", "kind": "webhook"}), "url: missing"),
        (
            json!({"name": "a", "kind": "webhook", "url": "https://u:p@example.com/"}),
            "url: has a user",
        ),
        (
            json!({"name": "a", "kind": "webhook", "addresses": ["ann@example.com"]}),
            "addresses: only e-mail",
        ),
        (
            json!({"name": "a", "kind": "email", "addresses": ["ann@example.com"]}),
            "smtp_url",
        ),
        (
            json!({"name": "a", "kind": "email", "addresses": ["ann"]}),
            "addresses: \\\"ann\\\"",
        ),
        (
            json!({"name": "a", "kind": "email", "url": url}),
            "url: e-mail has addresses",
        ),
        (
            json!({"name": "a", "kind": "slack", "url": url, "digest": true}),
            "digest: only e-mail",
        ),
        (
            json!({"name": "a", "kind": "slack", "url": url, "playbooks": []}),
            "playbooks: names none",
        ),
        (
            json!({"name": "a", "kind": "slack", "url": url, "playbooks": ["A b"]}),
            "playbooks: \\\"A b\\\"",
        ),
        (
            json!({"name": "a", "kind": "slack", "url": url, "secret": "mine"}),
            "secret: unknown field",
        ),
        (
            json!({"name": "\n", "kind": "slack", "url": url}),
            "name: not 1 to 100",
        ),
    ] {
        let error = bench.try_add(fields.clone()).unwrap_err();
        let (field, wrong) = wrong.split_once(": ").unwrap_or(("", wrong));
        assert!(
            error.contains(field) && error.contains(wrong),
            "{fields}: {error}"
        );
    }
    bench.webhook(url);
    assert!(
        bench
            .try_add(json!({"name": url, "kind": "webhook", "url": url}))
            .unwrap_err()
            .contains("another")
    );
    assert_eq!(bench.state.destinations().unwrap().len(), 1);
}
