//! The page `/notifications`, as forms work without script.

use serde_json::{Value, json};

use super::super::access::enter;
use super::super::actions::browser::Browser;
use super::super::client::Running;
use super::receiver::Receiver;
use super::{DESTINATIONS, add, start, text};

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

#[tokio::test]
async fn an_admin_edits_where_it_leads_and_what_is_told() {
    let running = Running::start_with(|config| {
        let config = config.notify_internal(true);
        config.smtp("smtp://127.0.0.1:9", "sqreen@example.com")
    })
    .await;
    let client = &running.client;
    let admin = Browser::sign_in(&running).await;
    let first = "https://hooks.example.com/services/secret";
    let hook = add(client, "hook", "webhook", first).await;
    let slack = add(client, "slack", "slack", first).await;
    let team = json!({
        "name": "team", "kind": "email", "addresses": ["ann@b.example", "bob@b.example"],
        "digest": true, "playbooks": ["logins"],
    });
    let (_, team) = client.call("POST", DESTINATIONS, &team).await;
    let [hook, slack, team] = [&hook, &slack, &team].map(|added| text(added, "id").to_owned());
    let edit = |id: &str| format!("{PATH}/{id}/edit");
    let stored = async |id: &str| {
        let path = format!("{DESTINATIONS}/{id}");
        client.call("GET", &path, &Value::Null).await.1
    };

    let page = admin.open(&edit(&hook)).await;
    assert!(page.contains(&format!("value=\"{first}\"")), "{page}");
    let second = "https://hooks.example.com/second";
    let fields = [
        ("name", "other"),
        ("target", second),
        ("playbooks", "logins, carding"),
    ];
    let (status, place, _) = admin.send(&edit(&hook), &fields).await;
    assert_eq!((status, place.as_str()), (303, PATH));
    let changed = stored(&hook).await;
    assert_eq!(
        (
            text(&changed, "name"),
            text(&changed, "url"),
            &changed["playbooks"]
        ),
        ("other", second, &json!(["logins", "carding"]))
    );

    // Slack's URL is not shown, and stays where none is given.
    let page = admin.open(&edit(&slack)).await;
    assert!(!page.contains("services/secret"), "{page}");
    let kept = [("name", "slack"), ("target", ""), ("playbooks", "logins")];
    assert_eq!(admin.send(&edit(&slack), &kept).await.0, 303);
    assert_eq!(stored(&slack).await["playbooks"], json!(["logins"]));

    let page = admin.open(&edit(&team)).await;
    assert!(
        page.contains("value=\"ann@b.example, bob@b.example\"") && page.contains("checked"),
        "{page}"
    );
    let less = [
        ("name", "team"),
        ("target", "eve@b.example"),
        ("playbooks", ""),
    ];
    assert_eq!(admin.send(&edit(&team), &less).await.0, 303);
    let changed = stored(&team).await;
    assert_eq!(
        (
            &changed["addresses"],
            &changed["digest"],
            &changed["playbooks"]
        ),
        (&json!(["eve@b.example"]), &json!(false), &Value::Null)
    );

    // What is refused changes nothing, and stays in the form.
    for (id, name, target, playbooks, status, wrong) in [
        (&hook, "other", "nowhere", "", 400, "url: not a URL"),
        (&hook, "other", "", "", 400, "url: not 1 to"),
        (&hook, "", second, "", 400, "name: not 1 to"),
        (
            &hook,
            "slack",
            second,
            "",
            409,
            "name: another destination has it",
        ),
        (&hook, "other", second, "A b", 400, "is no slug"),
        (&team, "team", "nobody", "", 400, "is no address"),
        (&team, "team", " ", "", 400, "is no address"),
    ] {
        let before = stored(id).await;
        let fields = [("name", name), ("target", target), ("playbooks", playbooks)];
        let (found, _, page) = admin.send(&edit(id), &fields).await;
        assert_eq!(found, status, "{wrong}: {page}");
        let kept = format!("name=\"playbooks\" value=\"{playbooks}\"");
        assert!(
            page.contains(wrong) && page.contains(&kept),
            "{wrong}: {page}"
        );
        assert_eq!(stored(id).await, before);
    }
    let unknown = format!("{PATH}/0123456789abcdef/edit");
    assert_eq!(admin.status(&unknown).await, 404);
    assert_eq!(admin.send(&unknown, &fields).await.0, 404);
    let operator = enter(client, "bob", "operator").await;
    assert_eq!(operator.status(&edit(&hook)).await, 403);
    assert_eq!(operator.send(&edit(&hook), &fields).await.0, 403);
    running.stop().await;
}
