//! The events of the page.

use serde_json::Value;

use super::super::super::client::Running;
use super::super::browser::Browser;
use super::{event, filled, links};

#[tokio::test]
async fn filters_and_pages_stay_with_the_actor() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    for n in 0..6 {
        let name = if n == 0 { "first.seen" } else { "seen.again" };
        event(client, &session, n, name, "203.0.113.7", &Value::Null).await;
        event(
            client,
            &session,
            30 + n,
            "others.event",
            "203.0.113.8",
            &Value::Null,
        )
        .await;
    }
    let browser = Browser::sign_in(&running).await;
    let events = |page: &str| {
        let count = |name: &str| page.matches(&format!("<strong>{name}</strong>")).count();
        (
            count("first.seen"),
            count("seen.again"),
            count("others.event"),
        )
    };
    let page = browser.open("/actor?ip=203.0.113.7&limit=4&app=").await;
    assert_eq!(events(&page), (0, 4, 0));
    assert!(page.contains("<input type=\"hidden\" name=\"ip\" value=\"203.0.113.7\">"));
    let next = links(&page, "/actor?ip=203.0.113.7&amp;limit=4&amp;cursor=");
    let next = browser.open(&next[0]).await;
    assert_eq!(events(&next), (1, 1, 0));
    assert!(!next.contains("Older events"), "{next}");
    let page = browser
        .open("/actor?ip=203.0.113.7&filter=name:first.seen")
        .await;
    assert_eq!(events(&page), (1, 0, 0));
    assert_eq!(filled(&page, "filter"), "name:first.seen");
    let range = "from=2026-11-23T10:00:02Z&to=2026-11-23T10:00:04Z";
    let page = browser
        .open(&format!("/actor?ip=203.0.113.7&{range}"))
        .await;
    assert_eq!(events(&page), (0, 2, 0));
    assert!(page.contains("2 events from 2026-11-23T10:00:02"), "{page}");
    let page = browser.open("/actor?ip=198.51.100.1").await;
    assert!(page.contains("No event of this actor matches."), "{page}");
    assert!(!page.contains("first seen"), "{page}");
    // The same address, written otherwise.
    let page = browser.open("/actor?ip=%3A%3Affff%3A203.0.113.7").await;
    assert_eq!(events(&page), (1, 5, 0));
}
