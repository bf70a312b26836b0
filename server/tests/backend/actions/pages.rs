//! What the pages show of actions, and the ways that lead from events to them.

use serde_json::{Value, json};

use super::super::client::{Running, block, old, record, sdk, uuid};
use super::browser::{Browser, form};

#[tokio::test]
async fn events_lead_to_blocks_and_back() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let mut event = record(&[(&uuid(1), "cart.checkout")]);
    event["client_ip"] = json!("203.0.113.7");
    event["observed"]["sdk"][0]["args"][1] =
        json!({"user_identifiers": {"email": "a&b@c.example", "id": 42}});
    client.batch(&session, json!([event])).await;
    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/").await;
    let links: Vec<_> = page
        .split("class=\"choice\" href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(
        links,
        [
            "/actions?user=email%3Da%26b@c.example%0Aid%3D42&amp;app=shop&amp;back=/#block-user",
            "/actions?ip=203.0.113.7&amp;app=shop&amp;back=/#block-ip",
        ]
    );
    let filled = browser.open(&links[0].replace("&amp;", "&")).await;
    assert!(
        filled.contains(">email=a&amp;b@c.example\nid=42</textarea>"),
        "{filled}"
    );
    let filled = browser.open(&links[1].replace("&amp;", "&")).await;
    assert!(
        filled.contains("name=\"ip\" value=\"203.0.113.7\"")
            && filled.contains("name=\"app\" value=\"shop\"")
    );

    let user = form(&[
        ("action", "block_user"),
        ("user", "id=42\nemail=a&b@c.example"),
    ]);
    browser.send("/actions", &user).await;
    let ip = form(&[("action", "block_ip"), ("ip", "203.0.113.7")]);
    browser.send("/actions", &ip).await;
    let page = browser.open("/?filter=app%3Ashop").await;
    assert_eq!(
        (
            page.matches("Unblock").count(),
            page.matches(">Block<").count()
        ),
        (2, 0),
        "{page}"
    );

    // Unblocking leads back to the events.
    let id = client.actions("").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let lift = format!("/actions/{id}/lift");
    assert!(
        page.contains("name=\"back\" value=\"/?filter=app:shop\""),
        "{page}"
    );
    let (status, place, _) = browser.send(&lift, &[("back", "/?filter=app:shop")]).await;
    assert_eq!((status, place.as_str()), (303, "/?filter=app:shop"));
    for elsewhere in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/signin",
        "/?a\r\nset-cookie: b",
    ] {
        assert_eq!(
            browser.send(&lift, &[("back", elsewhere)]).await.1,
            "/actions",
            "{elsewhere}"
        );
    }
    let page = browser.open("/").await;
    assert_eq!(
        (
            page.matches("Unblock").count(),
            page.matches(">Block<").count()
        ),
        (1, 1)
    );

    // Lifting a wider block would concern others, too: that is done where it is shown whole.
    let wide = client.act(&block(&["203.0.113.0/24"])).await;
    let page = browser.open("/").await;
    let (before, _) = page.split_once("\">with 203.0.113.0/24</a>").unwrap();
    let entry = before.rsplit("href=\"").next().unwrap();
    let (place, anchor) = entry.split_once('#').unwrap();
    assert_eq!(anchor, format!("a-{}", wide["id"].as_str().unwrap()));
    // However many actions came later, the page that the link leads to shows it.
    for n in 0..50 {
        client.act(&block(&[&format!("198.51.100.{n}")])).await;
    }
    let id = format!("id=\"{anchor}\"");
    assert!(!browser.open("/actions").await.contains(&id));
    assert!(browser.open(place).await.contains(&id));
    // Another application's block is none here; one identifier can be enough.
    client
        .call(
            "DELETE",
            &format!("/api/v1/actions/{}", wide["id"].as_str().unwrap()),
            &Value::Null,
        )
        .await;
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "app": "blog"}))
        .await;
    assert!(browser.open("/").await.contains("/actions?ip=203.0.113.7"));
    client.act(&json!({"action": "block_user", "users": [{"id": "42"}], "match_any": true, "dry_run": true})).await;
    assert!(browser.open("/").await.contains("<strong>dry run</strong>"));
}

#[tokio::test]
async fn agents_and_their_errors_are_shown() {
    let running = Running::start().await;
    let client = &running.client;
    let browser = Browser::sign_in(&running).await;
    assert!(
        browser
            .open("/actions")
            .await
            .contains("No agent is logged in.")
    );
    let login = client.login_as("shop", &sdk()).await;
    let session = login["session_id"].as_str().unwrap();
    client.login_as("blog", &old("python")).await;
    client.act(&block(&["203.0.113.7"])).await;
    let state =
        json!({"version": login["actions_version"], "live": 3, "error": "pack: <too> large"});
    let commands = client.beat(session, &json!({"actions": state})).await;
    assert_eq!(commands[0]["name"], "actions_reload");
    let page = browser.open("/actions").await;
    for text in [
        "pack: &lt;too&gt; large",
        "3 in force",
        "at change 0 of 1",
        "rust/0.1.0",
        "python/1",
        "web-2",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let state = json!({"version": client.pack(session).await["version"], "live": 1});
    client.beat(session, &json!({"actions": state})).await;
    let page = browser.open("/actions").await;
    assert!(
        page.contains("up to date") && !page.contains("too&gt; large"),
        "{page}"
    );
}

#[tokio::test]
async fn pages_of_actions_follow() {
    let running = Running::start().await;
    let client = &running.client;
    for n in 0..51 {
        client.act(&block(&[&format!("203.0.113.{n}")])).await;
    }
    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/actions").await;
    assert!(page.contains(">203.0.113.50</span>") && !page.contains(">203.0.113.0</span>"));
    let (_, next) = page.split_once("href=\"/actions?live=").unwrap();
    let next = browser
        .open(&format!(
            "/actions?live={}",
            next.split('"').next().unwrap()
        ))
        .await;
    assert!(next.contains(">203.0.113.0</span>") && !next.contains(">203.0.113.1</span>"));
}
