//! Forms that other sites would have browsers send.

use serde_json::Value;

use super::super::actions::browser::{Browser, PASSWORD as ADMIN_PASSWORD, csrf};
use super::super::client::{API, Running};
use super::{PASSWORD, enter};

#[tokio::test]
async fn what_a_browser_says_of_another_site_is_refused() {
    let running = Running::start().await;
    let admin = Browser::sign_in(&running).await;
    let token = csrf(&admin.open("/account").await);
    let host = running.client.url.strip_prefix("http://").unwrap();
    let fields = [("csrf", token.as_str()), ("name", "eve"), ("role", "admin")];
    for (header, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let request = admin.request("/people", &fields).header(header, value);
        assert_eq!(
            request.send().await.unwrap().status(),
            403,
            "{header}: {value}"
        );
        // Nor can another site sign someone in as somebody else.
        let sign_in = [("name", "admin@example.com"), ("password", ADMIN_PASSWORD)];
        let request = admin.request("/signin", &sign_in).header(header, value);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 403, "{header}: {value}");
        assert!(!answer.headers().contains_key("set-cookie"));
    }
    let (_, people) = running
        .client
        .call("GET", "/api/v1/people", &Value::Null)
        .await;
    assert_eq!(people["people"].as_array().unwrap().len(), 1);
    for (header, value) in [
        ("sec-fetch-site", "same-origin".to_owned()),
        ("origin", format!("http://{host}")),
    ] {
        let fields = [
            ("csrf", token.as_str()),
            ("name", header),
            ("role", "viewer"),
        ];
        let request = admin.request("/people", &fields).header(header, value);
        assert_eq!(request.send().await.unwrap().status(), 200, "{header}");
    }
}

#[tokio::test]
async fn a_forms_token_is_bound_to_the_session() {
    let running = Running::start().await;
    let admin = Browser::sign_in(&running).await;
    let eve = enter(&running.client, "eve", "admin").await;
    let foreign = csrf(&eve.open("/account").await);
    for token in [None, Some(""), Some(foreign.as_str())] {
        let mut fields = vec![("name", "mallory"), ("role", "admin")];
        fields.extend(token.map(|token| ("csrf", token)));
        assert_eq!(admin.post("/people", &fields).await.0, 403, "{token:?}");
        assert_eq!(admin.post("/signout", &fields).await.0, 403, "{token:?}");
    }
    assert_eq!(admin.status("/").await, 200);
}

#[tokio::test]
async fn signing_in_leads_back_to_what_was_asked_for() {
    let running = Running::start().await;
    Browser::sign_in(&running).await;
    let stranger = Browser::stranger(&running.client);
    let page = stranger.client.get("/actor?ip=192.0.2.1&app=\"x\"");
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(
        page.contains("name=\"next\" value=\"/actor?ip=192.0.2.1&amp;app="),
        "{page}"
    );
    for (next, leads) in [
        ("/actor?ip=192.0.2.1", "/actor?ip=192.0.2.1"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\r\nset-cookie: a=b", "/"),
    ] {
        let fields = [
            ("name", "admin@example.com"),
            ("password", ADMIN_PASSWORD),
            ("next", next),
        ];
        let (status, place, _) = stranger.post("/signin", &fields).await;
        assert_eq!((status, place.as_str()), (303, leads), "{next:?}");
    }
}

#[tokio::test]
async fn a_token_of_the_api_opens_no_page_and_no_session_is_a_token() {
    let running = Running::start().await;
    let viewer = enter(&running.client, "bob", "viewer").await;
    let client = &viewer.client;
    let page = client.get("/").bearer_auth(API).send().await.unwrap();
    assert_eq!(page.status(), 401);
    let fields = [("name", "bob"), ("password", API)];
    assert_eq!(viewer.post("/signin", &fields).await.0, 401);
    let secret = viewer.cookie.split_once('=').unwrap().1;
    let api = client.get("/api/v1/events").bearer_auth(secret);
    assert_eq!(api.send().await.unwrap().status(), 401);
    Browser::stranger(client).by_password("bob", PASSWORD).await;
}
