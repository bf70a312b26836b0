//! The Event Explorer: access, escaping, filters.

use serde_json::json;

use super::actions::browser::Browser;
use super::client::{Running, record, uuid};

#[tokio::test]
async fn the_page_shows_events_escaped_to_those_who_signed_in() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    client
        .batch(
            &session,
            json!([record(&[(&uuid(1), "<script>alert(1)</script>")])]),
        )
        .await;

    let stranger = client.get("/").send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    assert!(!stranger.text().await.unwrap().contains("alert(1)"));

    let browser = Browser::sign_in(&running).await;
    let (client, cookie) = (&browser.client, &browser.cookie);
    let page = client
        .get("/?filter=app:shop&to=")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 200);
    let csp = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(csp.starts_with("default-src 'none'"), "{csp}");
    let page = page.text().await.unwrap();
    assert!(
        page.contains("&lt;script&gt;alert(1)") && !page.contains("<script>"),
        "{page}"
    );
    assert!(page.contains("1 event from"), "{page}");

    let other = client
        .get("/?filter=app:blog")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert!(other.text().await.unwrap().contains("No event matches"));
    let bad = client
        .get("/?from=soon")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 400);
    assert!(bad.text().await.unwrap().contains("from: neither"));
    let bad = client
        .get("/?filter=name:x+colour:red")
        .header("cookie", cookie)
        .send()
        .await
        .unwrap();
    assert_eq!(bad.status(), 400);
    let bad = bad.text().await.unwrap();
    assert!(
        bad.contains("filter: at byte 7: found unknown field `colour`"),
        "{bad}"
    );
    assert!(bad.contains("value=\"name:x colour:red\""), "{bad}");
}

#[tokio::test]
async fn the_link_of_a_demo_shows_the_page_as_often_as_it_is_asked() {
    let demo = Running::start_with(|config| config.demo_explorer_link(true)).await;
    let link = demo.server.explorer_link();
    for _ in 0..2 {
        let answer = demo.client.get(&link).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().contains_key("set-cookie"));
        assert!(answer.text().await.unwrap().contains("No events yet"));
    }
    let wrong = demo.client.get("/signin/link?code=wrong").send().await;
    assert_eq!(wrong.unwrap().status(), 401);
}
