//! The Event Explorer: access, escaping, filters.

use serde_json::json;

use super::client::{API, Client, Running, record, uuid};

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

    let form = client
        .post("/signin")
        .header("content-type", "application/x-www-form-urlencoded");
    let wrong = form.body("token=wrong").send().await.unwrap();
    assert_eq!(wrong.status(), 401);

    let http = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none());
    let client = Client {
        http: http.build().unwrap(),
        ..client.clone()
    };
    let form = client
        .post("/signin")
        .header("content-type", "application/x-www-form-urlencoded");
    let signed_in = form.body(format!("token={API}")).send().await.unwrap();
    assert_eq!(signed_in.status(), 303);
    let cookie = signed_in.headers()["set-cookie"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = cookie.split(';').next().unwrap();

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
async fn the_link_works_once_and_in_demos_always() {
    let once = Running::start().await;
    let demo = Running::start_with(|config| config.demo_explorer_link(true)).await;
    for (running, again) in [(once, 401), (demo, 200)] {
        let link = running.server.explorer_link();
        let first = running.client.get(&link).send().await.unwrap();
        assert_eq!(first.status(), 200);
        assert!(first.headers().contains_key("set-cookie"));
        assert!(first.text().await.unwrap().contains("No events yet"));
        assert_eq!(
            running.client.get(&link).send().await.unwrap().status(),
            again
        );
        assert_eq!(
            running
                .client
                .get("/signin?code=wrong")
                .send()
                .await
                .unwrap()
                .status(),
            401
        );
    }
}
