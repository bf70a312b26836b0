//! What the page says that its actor meets, and blocking and unblocking from it.

use serde_json::json;

use super::super::super::client::Running;
use super::super::browser::{Browser, form};
use super::{event, filled, lift, links};

#[tokio::test]
async fn an_address_is_blocked_and_unblocked_from_its_page() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let ann = json!({"email": "ann@example.com"});
    event(client, &session, 1, "cart.checkout", "203.0.113.7", &ann).await;
    event(client, &session, 2, "users.login", "203.0.113.7", &ann).await;
    event(client, &session, 3, "others.event", "203.0.113.70", &ann).await;
    let browser = Browser::sign_in(&running).await;

    let explorer = browser.open("/").await;
    let place = "/actor?ip=203.0.113.7";
    assert!(links(&explorer, place).contains(&place.to_owned()));
    let page = browser.open(place).await;
    assert!(page.contains("<title>203.0.113.7</title>"), "{page}");
    assert!(
        page.contains("cart.checkout") && page.contains("users.login"),
        "{page}"
    );
    assert!(!page.contains("others.event"), "{page}");
    assert!(page.contains("2 events from"), "{page}");
    let (_, seen) = page.split_once("first seen <time datetime=\"").unwrap();
    assert!(seen.starts_with("2026-11-23T10:00:01"), "{seen}");
    let (_, seen) = seen.split_once("last seen <time datetime=\"").unwrap();
    assert!(seen.starts_with("2026-11-23T10:00:02"), "{seen}");
    assert!(
        page.contains("No action concerns this actor.") && !page.contains("Unblock"),
        "{page}"
    );

    // The page leads to the form, and the form back to the page.
    let to_form = &links(&page, "/actions?ip=")[0];
    let (to_form, anchor) = to_form.split_once('#').unwrap();
    assert_eq!(anchor, "block-ip");
    let blocking = browser.open(to_form).await;
    assert_eq!(filled(&blocking, "ip"), "203.0.113.7");
    assert_eq!(filled(&blocking, "app"), "");
    let back = filled(&blocking, "back");
    assert_eq!(back, place);
    let fields = form(&[
        ("action", "block_ip"),
        ("ip", "203.0.113.7"),
        ("back", back),
    ]);
    let (status, location, _) = browser.send("/actions", &fields).await;
    assert_eq!((status, location.as_str()), (303, place));

    let action = client.actions("").await[0].clone();
    assert_eq!(action["ip_cidr"], json!(["203.0.113.7"]));
    let page = browser.open(place).await;
    let end = action["expires_at"].as_str().unwrap();
    assert!(page.contains("<strong>blocked</strong>"), "{page}");
    assert!(
        page.contains(&format!("<time datetime=\"{end}\">")),
        "{page}"
    );
    assert!(page.contains("Unblock"), "{page}");
    assert!(links(&page, "/actions?ip=").is_empty(), "{page}");
    let entry = &links(&page, "/actions?live=")[0];
    let (list, anchor) = entry.split_once('#').unwrap();
    assert_eq!(anchor, format!("a-{}", action["id"].as_str().unwrap()));
    let list = browser.open(list).await;
    assert!(list.contains(&format!("id=\"{anchor}\"")));
    assert_eq!(links(&list, "/actor?"), [place]);
    assert_eq!(filled(&page, "back"), place);
    let (status, location, _) = browser.send(&lift(&page), &[("back", place)]).await;
    assert_eq!((status, location.as_str()), (303, place));
    let page = browser.open(place).await;
    assert!(page.contains("No action concerns this actor."), "{page}");
    assert!(client.actions("").await.is_empty());
    // What has ended leads to its actor, too.
    assert_eq!(links(&browser.open("/actions").await, "/actor?"), [place]);
}

#[tokio::test]
async fn a_user_is_who_has_all_the_identifiers() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let ann = json!({"email": "ann@example.com", "id": 42});
    event(client, &session, 1, "by.both", "203.0.113.7", &ann).await;
    let mail = json!({"email": "ann@example.com"});
    event(client, &session, 2, "by.email", "203.0.113.7", &mail).await;
    let number = json!({"id": 42});
    event(client, &session, 3, "by.id", "203.0.113.7", &number).await;
    let bob = json!({"email": "bob@example.com"});
    event(client, &session, 4, "by.bob", "203.0.113.7", &bob).await;
    let browser = Browser::sign_in(&running).await;

    let place = "/actor?user.email=ann@example.com&user.id=42";
    let other = "/actor?user.id=42&user.email=ann@example.com";
    assert!(links(&browser.open("/").await, "/actor?user.").contains(&place.to_owned()));
    let page = browser.open(place).await;
    assert!(page.contains("<title>email ann@example.com, id 42</title>"));
    for (name, shown) in [
        ("by.both", true),
        ("by.email", true),
        ("by.id", true),
        ("by.bob", false),
    ] {
        assert_eq!(page.contains(name), shown, "{name}: {page}");
    }
    let page = browser.open(other).await;
    assert!(page.contains("3 events from"), "{page}");

    let to_form = &links(&page, "/actions?user=")[0];
    let blocking = browser.open(to_form.split('#').next().unwrap()).await;
    assert!(blocking.contains(">id=42\nemail=ann@example.com</textarea>"));
    assert_eq!(filled(&blocking, "back").replace("&amp;", "&"), other);
    let fields = form(&[
        ("action", "block_user"),
        ("user", "id=42\nemail=ann@example.com"),
        ("back", other),
    ]);
    assert_eq!(browser.send("/actions", &fields).await.1, other);
    assert!(browser.open(place).await.contains("Unblock"));
    assert_eq!(links(&browser.open("/actions").await, "/actor?"), [place]);
    // Whoever has one of the identifiers alone is another user.
    let page = browser.open("/actor?user.id=42").await;
    assert!(page.contains("No action concerns this actor."), "{page}");
    let page = browser.open(place).await;
    assert_eq!(
        browser.send(&lift(&page), &[("back", place)]).await.1,
        place
    );
    assert!(client.actions("").await.is_empty());
}

#[tokio::test]
async fn whatever_an_actor_meets_is_said() {
    let running = Running::start().await;
    let client = &running.client;
    let browser = Browser::sign_in(&running).await;
    let place = "/actor?ip=203.0.113.7";
    let wide = json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.0/24"], "url": "https://a.example/"});
    client.act(&wide).await;
    let page = browser.open(place).await;
    assert!(page.contains("<strong>redirected</strong>") && page.contains("permanent"));
    // Ending it would concern others: that is done where it is shown whole.
    assert!(page.contains("203.0.113.0/24") && !page.contains("Unblock"));
    assert!(page.contains(">Block<"), "{page}");

    let trial =
        json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "app": "shop", "dry_run": true});
    client.act(&trial).await;
    for (path, shown) in [
        (place, true),
        ("/actor?ip=203.0.113.7&app=shop", true),
        ("/actor?ip=203.0.113.7&app=blog", false),
    ] {
        let page = browser.open(path).await;
        assert_eq!(page.contains(">dry run</span>"), shown, "{path}: {page}");
        assert_eq!(page.contains("<small>in shop</small>"), shown, "{path}");
        // What is reported only can still be blocked.
        assert!(page.contains(">Block<"), "{path}: {page}");
    }
    let page = browser.open("/actor?ip=203.0.113.7&app=shop").await;
    assert!(
        links(&page, "/actions?ip=")[0].starts_with("/actions?ip=203.0.113.7&app=shop&back="),
        "{page}"
    );

    let allowed = json!({"ips": ["203.0.113.0/28"]});
    client.call("POST", "/api/v1/allowlist", &allowed).await;
    let page = browser.open(place).await;
    assert!(page.contains("203.0.113.0/28 is on the allow list"));
    let page = browser.open("/actor?ip=203.0.113.77").await;
    assert!(!page.contains("Never stopped"), "{page}");
    client
        .call("PUT", "/api/v1/actions/settings", &json!({"dry_run": true}))
        .await;
    assert!(browser.open(place).await.contains("nothing is stopped"));
}
