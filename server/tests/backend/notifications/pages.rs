//! The page `/notifications`, as forms work without script.

use serde_json::Value;

use super::super::access::enter;
use super::super::actions::browser::Browser;
use super::receiver::Receiver;
use super::{DESTINATIONS, start, text};

const PATH: &str = "/notifications";

#[tokio::test]
async fn an_admin_adds_and_an_operator_tests_and_replays() {
    let running = start().await;
    let client = &running.client;
    let receiver = Receiver::start().await;
    let admin = Browser::sign_in(&running).await;
    assert!(admin.open(PATH).await.contains("Nobody is told yet."));
    let url = receiver.url();
    let fields = [
        ("name", "<b>hook"),
        ("kind", "webhook"),
        ("target", url.as_str()),
        ("playbooks", "logins, carding"),
    ];
    let (status, _, page) = admin.send(PATH, &fields).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("whsec_") && page.contains("&lt;b&gt;hook") && !page.contains("<b>hook"),
        "{page}"
    );
    assert!(!admin.open(PATH).await.contains("whsec_"), "shown once");
    let (_, list) = client.call("GET", DESTINATIONS, &Value::Null).await;
    let hook = &list["destinations"][0];
    assert_eq!(hook["playbooks"], serde_json::json!(["logins", "carding"]));
    let id = text(hook, "id");

    // What is refused stays in the form.
    let wrong = [
        ("name", "other"),
        ("kind", "slack"),
        ("target", "nowhere"),
        ("playbooks", ""),
    ];
    let (status, _, page) = admin.send(PATH, &wrong).await;
    assert_eq!(status, 400);
    assert!(
        page.contains("url: not a URL") && page.contains("value=\"nowhere\""),
        "{page}"
    );
    let twice = [
        ("name", "<b>hook"),
        ("kind", "webhook"),
        ("target", url.as_str()),
    ];
    assert_eq!(admin.send(PATH, &twice).await.0, 409);

    let operator = enter(client, "bob", "operator").await;
    let page = operator.open(PATH).await;
    assert!(
        page.contains("Test") && !page.contains("Add a destination") && !page.contains("Remove")
    );
    assert_eq!(operator.send(PATH, &fields).await.0, 403);
    receiver.answer(503);
    let (status, _, page) = operator.send(&format!("{PATH}/{id}/test"), &[]).await;
    assert_eq!(status, 200);
    assert!(
        page.contains("failed: answered 503: the receiver's words"),
        "{page}"
    );
    receiver.answer(200);
    let (_, page) = operator
        .client
        .call("GET", super::DELIVERIES, &Value::Null)
        .await;
    let dead = text(&page["deliveries"][0], "id");
    let replay = format!("{PATH}/deliveries/{dead}/replay");
    let (status, place, _) = operator.send(&replay, &[]).await;
    assert_eq!((status, place.as_str()), (303, PATH));
    let unknown = format!("{PATH}/deliveries/0123456789abcdef/replay");
    assert_eq!(operator.send(&unknown, &[]).await.0, 404);
    let (_, _, page) = operator.send(&format!("{PATH}/{id}/test"), &[]).await;
    assert!(page.contains("was delivered."), "{page}");

    let viewer = enter(client, "eve", "viewer").await;
    assert_eq!(viewer.status(PATH).await, 403);
    assert_eq!(
        admin
            .send(&format!("{PATH}/{id}"), &[("enabled", "no")])
            .await
            .0,
        303
    );
    assert!(admin.open(PATH).await.contains("(off)"));
    assert_eq!(admin.send(&format!("{PATH}/{id}/remove"), &[]).await.0, 303);
    assert!(admin.open(PATH).await.contains("Nobody is told yet."));
    running.stop().await;
}
