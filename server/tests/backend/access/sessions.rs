//! Sessions: their cookies, how they begin and end, and a restart.

use super::super::actions::browser::{ADMIN, Browser, PASSWORD as ADMIN_PASSWORD, csrf};
use super::super::client::{Running, config};
use super::{PASSWORD, enter};

/// The first cookie of an answer, whole.
async fn cookie_of(request: reqwest::RequestBuilder) -> String {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 303);
    answer.headers()["set-cookie"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn signing_in_begins_a_session_of_its_own() {
    let running = Running::start().await;
    Browser::sign_in(&running).await;
    // A cookie that someone else has put into the browser opens nothing later.
    let mut browser = Browser::stranger(&running.client);
    browser.cookie = format!("sqreen_session={}", "0".repeat(64));
    let fields = [("name", ADMIN), ("password", ADMIN_PASSWORD)];
    let cookie = cookie_of(browser.request("/signin", &fields)).await;
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure") && cookie.starts_with("sqreen_session="));
    assert_eq!(browser.status("/").await, 401, "the cookie of before");
    let first = cookie.split(';').next().unwrap().to_owned();
    assert_eq!(first.len(), "sqreen_session=".len() + 64, "256 bits");
    browser.cookie = first.clone();
    assert_eq!(browser.status("/").await, 200);
    let second = cookie_of(browser.request("/signin", &fields)).await;
    assert!(
        !second.starts_with(&first),
        "signing in again begins another"
    );
}

#[tokio::test]
async fn over_tls_the_cookie_is_secure_and_of_this_host() {
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    let running = Running::start_with(|config| config.trusted_proxies([loopback.into()])).await;
    let admin = Browser::sign_in(&running).await;
    assert!(admin.cookie.starts_with("sqreen_session="));
    let fields = [("name", ADMIN), ("password", ADMIN_PASSWORD)];
    let request = admin.request("/signin", &fields);
    let cookie = cookie_of(request.header("x-forwarded-proto", "https")).await;
    assert!(cookie.starts_with("__Host-sqreen_session="), "{cookie}");
    assert!(cookie.contains("; Secure"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let open = async |cookie: &str, proto: &str| {
        let request = running.client.get("/").header("cookie", cookie);
        let request = request.header("x-forwarded-proto", proto);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(open(cookie, "https").await, 200);
    assert_eq!(
        open(&admin.cookie, "https").await,
        401,
        "one without the prefix"
    );
    // Whoever is not trusted cannot say that it came by TLS.
    let other = Running::start().await;
    let admin = Browser::sign_in(&other).await;
    let request = admin.request("/signin", &fields);
    let cookie = cookie_of(request.header("x-forwarded-proto", "https")).await;
    assert!(!cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn sessions_survive_a_restart_and_are_stored_as_hashes() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start_with(|_| config(dir.path())).await;
    let admin = Browser::sign_in(&running).await;
    let token = csrf(&admin.open("/account").await);
    running.stop().await;
    let state = std::fs::read(dir.path().join("state.sqlite")).unwrap();
    let secret = admin.cookie.split_once('=').unwrap().1;
    for secret in [secret, ADMIN_PASSWORD] {
        let found = state
            .windows(secret.len())
            .any(|part| part == secret.as_bytes());
        assert!(!found, "{secret}");
    }

    let running = Running::start_with(|_| config(dir.path())).await;
    let again = Browser {
        cookie: admin.cookie,
        ..Browser::stranger(&running.client)
    };
    assert_eq!(csrf(&again.open("/account").await), token);
    let (status, _, _) = again.post("/signout", &[("csrf", &token)]).await;
    assert_eq!(status, 200);
    assert_eq!(again.status("/").await, 401);
    running.stop().await;
    let running = Running::start_with(|_| config(dir.path())).await;
    let again = Browser {
        cookie: again.cookie,
        ..Browser::stranger(&running.client)
    };
    assert_eq!(again.status("/").await, 401, "it stays ended");
    running.stop().await;
}

#[tokio::test]
async fn ones_sessions_are_listed_and_ended() {
    let running = Running::start().await;
    let client = &running.client;
    let first = enter(client, "bob", "viewer").await;
    let ann = enter(client, "ann", "viewer").await;
    let second = Browser::stranger(client).by_password("bob", PASSWORD).await;
    let page = second.open("/account").await;
    assert_eq!(page.matches("this one").count(), 1);
    assert!(page.contains("127.0.0.1"), "{page}");
    let (_, id) = page
        .split_once("/account/sessions/")
        .expect("another session");
    let id = id.split('/').next().unwrap();
    let end = format!("/account/sessions/{id}/end");
    // Another person's cannot be ended.
    assert_eq!(ann.send(&end, &[]).await.0, 303);
    assert_eq!(first.status("/").await, 200);
    assert_eq!(second.send(&end, &[]).await.0, 303);
    assert_eq!(first.status("/").await, 401);
    assert_eq!(second.status("/").await, 200);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let running = Running::start().await;
    let client = &running.client;
    let first = enter(client, "bob", "viewer").await;
    let second = Browser::stranger(client).by_password("bob", PASSWORD).await;
    let change = async |old: &str, new: &str| {
        let fields = [("old", old), ("password", new)];
        second.send("/account/password", &fields).await
    };
    assert_eq!(
        change("a guess of the old", "another long password")
            .await
            .0,
        403
    );
    assert_eq!(change(PASSWORD, "short").await.0, 400);
    assert_eq!(first.status("/").await, 200, "nothing has changed");
    assert_eq!(change(PASSWORD, "another long password").await.0, 303);
    assert_eq!(
        (first.status("/").await, second.status("/").await),
        (401, 401)
    );
    let stranger = Browser::stranger(client);
    let old = [("name", "bob"), ("password", PASSWORD)];
    assert_eq!(stranger.post("/signin", &old).await.0, 401);
    stranger.by_password("bob", "another long password").await;
}
