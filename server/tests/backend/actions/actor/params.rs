//! What names an actor: escaped in pages and links, and refused where it is wrong.

use serde_json::json;

use super::super::super::client::{Running, block};
use super::super::browser::{Browser, form};
use super::{event, filled, lift, links};

#[tokio::test]
async fn hostile_identifiers_are_escaped_and_never_block_another() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let (name, text) = (
        "<img src=x>\"&'=",
        "\"><script>alert(1)</script>&user.id=1#?/ é",
    );
    let hostile = json!({name: text});
    event(client, &session, 1, "x", "203.0.113.7", &hostile).await;
    let sly = json!({"a": "x\nemail=ann@example.com"});
    event(client, &session, 2, "y", "203.0.113.8", &sly).await;
    let list = json!({"id": ["no", "text"]});
    event(client, &session, 3, "z", "203.0.113.9", &list).await;
    let browser = Browser::sign_in(&running).await;

    let explorer = browser.open("/").await;
    // What no action can name has no page.
    let users = links(&explorer, "/actor?user.");
    assert_eq!(users.len(), 2, "{users:?}");
    let page = browser.open(&users[1]).await;
    assert!(page.contains("<strong>x</strong>") && !page.contains("<strong>y</strong>"));
    client
        .act(&json!({"action": "block_user", "users": [hostile]}))
        .await;
    let actions = browser.open("/actions").await;
    assert_eq!(links(&actions, "/actor?"), [users[1].clone()]);
    let blocked = browser.open(&users[1]).await;
    assert!(blocked.contains("Unblock"), "{blocked}");
    for page in [&explorer, &page, &actions, &blocked] {
        assert!(
            !page.contains("<script>") && !page.contains("<img"),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    }
    // The way back is one that the forms take.
    let back = filled(&blocked, "back").replace("&amp;", "&");
    assert_eq!(back, users[1]);
    assert_eq!(
        browser.send(&lift(&blocked), &[("back", &back)]).await.1,
        back
    );

    // The form would read these identifiers as those of another user.
    let page = browser.open(&users[0]).await;
    assert!(page.contains("<strong>y</strong>"), "{page}");
    assert!(links(&page, "/actions?user=").is_empty(), "{page}");
    assert!(page.contains("through the API alone"), "{page}");
}

#[tokio::test]
async fn wrong_parameters_are_named_and_strangers_refused() {
    let running = Running::start().await;
    let client = &running.client;
    client.act(&block(&["203.0.113.7"])).await;
    let browser = Browser::sign_in(&running).await;
    for (query, says) in [
        ("", "ip: missing; an actor is"),
        ("?from=2026-11-23T10:00:00Z", "ip: missing; an actor is"),
        ("?ip=", "ip: not an IPv4 or IPv6 address"),
        ("?ip=203.0.113.0%2F24", "ip: not an IPv4 or IPv6 address"),
        ("?ip=203.0.113.7&ip=203.0.113.8", "ip: given twice"),
        ("?user.id=1&user.id=2", "user.id: given twice"),
        (
            "?user.id=1&ip=203.0.113.7",
            "user.id: an actor is an address or a user",
        ),
        ("?user.=1", "user.: names no identifier"),
        ("?user.id=", "user.id: empty"),
        ("?user=ann", "user: unknown parameter"),
        ("?ip=203.0.113.7&user=ann", "user: unknown parameter"),
        ("?ip=203.0.113.7&%3Cb%3E=1", "&lt;b&gt;: unknown parameter"),
        ("?ip=203.0.113.7&from=soon", "from: neither"),
        ("?ip=203.0.113.7&to=later", "to: neither"),
        ("?ip=203.0.113.7&filter=a&filter=b", "filter: given twice"),
        ("?user.id=1&limit=0", "limit: not a number"),
        ("?user.id=1&name=a", "name: unknown parameter"),
        ("?user.id=1&filter=name%3D", "filter: at byte 4: found `=`"),
        ("?user.id=1&cursor=x", "cursor: not the"),
    ] {
        let request = client.get(&format!("/actor{query}"));
        let answer = request.header("cookie", &browser.cookie).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 400, "{query}");
        let csp = answer.headers()["content-security-policy"].to_str();
        assert!(csp.unwrap().starts_with("default-src 'none'"));
        let page = answer.text().await.unwrap();
        let (_, alert) = page.split_once("role=\"alert\">").unwrap();
        assert!(alert.starts_with(says), "{query}: {alert}");
    }
    for query in ["?ip=203.0.113.7", "?ip=wrong"] {
        let answer = client.get(&format!("/actor{query}")).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        let page = answer.text().await.unwrap();
        // What was asked for comes after signing in.
        let next = format!("<input type=\"hidden\" name=\"next\" value=\"/actor{query}\">");
        let page = page.replace(&next, "");
        assert!(page.contains("Sign in") && !page.contains("203.0.113.7"));
    }
    // The forms lead to pages of this server alone.
    for elsewhere in [
        "https://evil.example/actor?ip=1",
        "//evil.example/actor?",
        "/actor/../signin",
        "/actor\\evil.example",
        "/actor?a\r\nset-cookie: b",
    ] {
        let fields = form(&[
            ("action", "block_ip"),
            ("ip", "203.0.113.9"),
            ("back", elsewhere),
        ]);
        let (status, place, _) = browser.send("/actions", &fields).await;
        assert_eq!((status, place.as_str()), (303, "/actions"), "{elsewhere}");
        let link: String = elsewhere.bytes().map(|b| format!("%{b:02X}")).collect();
        let page = browser
            .open(&format!("/actions?ip=203.0.113.9&back={link}"))
            .await;
        assert!(!page.contains("name=\"back\""), "{elsewhere}");
    }
    // A form that was refused still knows the way back.
    let place = "/actor?ip=192.168.1.7";
    let critical = form(&[
        ("action", "block_ip"),
        ("ip", "192.168.1.7"),
        ("back", place),
    ]);
    let (status, _, page) = browser.send("/actions", &critical).await;
    assert_eq!((status, filled(&page, "back")), (409, place));
}
