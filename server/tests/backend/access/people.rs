//! Adding people, their links, roles and disabling.

use serde_json::{Value, json};

use super::super::actions::browser::{ADMIN, Browser, csrf};
use super::super::client::{Running, config};
use super::{PASSWORD, add, enter, link};

#[tokio::test]
async fn the_first_admin_is_made_by_a_link_that_works_once() {
    let running = Running::start().await;
    let link = running.server.explorer_link();
    let (path, code) = link.split_once("?code=").unwrap();
    let stranger = Browser::stranger(&running.client);
    // Whatever looks at links on its own uses none up.
    for _ in 0..2 {
        let page = stranger.client.get(&link).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(!page.headers().contains_key("set-cookie"));
        let page = page.text().await.unwrap();
        assert!(page.contains("Make the first admin"), "{page}");
    }
    for (name, password, wrong) in [
        ("", PASSWORD, "name: not 1 to 128"),
        ("two words", PASSWORD, "name: not 1 to 128"),
        ("ann", "too short", "password: shorter than 12"),
        (
            "ann.of.example.com",
            "ann.of.example.com",
            "password: the same as the name",
        ),
    ] {
        let fields = [("code", code), ("name", name), ("password", password)];
        let (status, _, page) = stranger.post(path, &fields).await;
        assert_eq!(status, 400);
        assert!(page.contains(wrong), "{page}");
        assert!(
            !page.contains(&format!("\"{PASSWORD}\"")),
            "no password is told"
        );
    }
    let wrong = [("code", "guessed"), ("name", "eve"), ("password", PASSWORD)];
    assert_eq!(stranger.post(path, &wrong).await.0, 401);

    let admin = Browser::sign_in(&running).await;
    assert!(admin.open("/account").await.contains("Your role is admin"));
    assert_eq!(running.server.explorer_link(), "/");
    let again = [("code", code), ("name", "eve"), ("password", PASSWORD)];
    assert_eq!(stranger.post(path, &again).await.0, 401);
    assert_eq!(stranger.status(&link).await, 401);
    let (_, people) = running
        .client
        .call("GET", "/api/v1/people", &Value::Null)
        .await;
    assert_eq!(people["people"].as_array().unwrap().len(), 1, "{people}");
    assert_eq!(people["people"][0]["name"], ADMIN);
    assert!(!people.to_string().contains("argon2"), "{people}");
}

#[tokio::test]
async fn the_first_admin_can_be_given_by_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let with =
        |password: &'static str| Running::start_with(move |_| config(path).admin("ann", password));
    let running = with(PASSWORD).await;
    assert_eq!(running.server.explorer_link(), "/");
    Browser::stranger(&running.client)
        .by_password("Ann", PASSWORD)
        .await;
    running.stop().await;
    // What is there wins: a password that was changed does not come back.
    let running = with("another one altogether").await;
    let stranger = Browser::stranger(&running.client);
    let old = [("name", "ann"), ("password", "another one altogether")];
    assert_eq!(stranger.post("/signin", &old).await.0, 401);
    stranger.by_password("ann", PASSWORD).await;
    running.stop().await;
}

#[tokio::test]
async fn a_password_link_works_once_and_only_the_last() {
    let running = Running::start().await;
    let client = &running.client;
    let (id, first) = add(client, "bob", "viewer").await;
    let second = link(client, &id).await;
    let set = async |code: &str, password: &str| {
        let stranger = Browser::stranger(client);
        let fields = [("code", code), ("password", password)];
        stranger.post("/signin/link", &fields).await.0
    };
    assert_eq!(set(&first, PASSWORD).await, 401);
    assert_eq!(set(&second, "short").await, 400);
    assert_eq!(set(&second, PASSWORD).await, 303);
    assert_eq!(set(&second, "another long password").await, 401);
    let bob = Browser::stranger(client).by_password("BOB", PASSWORD).await;
    assert_eq!(bob.status("/").await, 200);
    // A link that is not used yet leaves the session; used, it ends it.
    let third = link(client, &id).await;
    assert_eq!(bob.status("/").await, 200);
    assert_eq!(set(&third, "another long password").await, 303);
    assert_eq!(bob.status("/").await, 401);
}

#[tokio::test]
async fn a_link_used_twice_at_once_sets_one_password() {
    let running = Running::start().await;
    let client = &running.client;
    let (_, code) = add(client, "bob", "viewer").await;
    let passwords: Vec<_> = (0..4).map(|n| format!("{PASSWORD} {n}")).collect();
    let set = passwords.iter().map(|password| {
        let stranger = Browser::stranger(client);
        let code = code.as_str();
        async move {
            let fields = [("code", code), ("password", password.as_str())];
            stranger.post("/signin/link", &fields).await.0
        }
    });
    let mut statuses = futures_util::future::join_all(set).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 401, 401, 401]);
}

#[tokio::test]
async fn people_are_managed_over_the_api() {
    let running = Running::start().await;
    let client = &running.client;
    let call = async |method: &str, path: &str, body: Value| client.call(method, path, &body).await;
    let bob = enter(client, "bob", "viewer").await;
    let (_, list) = call("GET", "/api/v1/people", Value::Null).await;
    let id = list["people"][0]["id"].as_str().unwrap();
    let path = format!("/api/v1/people/{id}");

    assert_eq!(bob.status("/people").await, 403);
    let (status, person) = call("PATCH", &path, json!({"role": "admin"})).await;
    assert_eq!((status, &person["role"]), (200, &json!("admin")));
    assert_eq!(bob.status("/people").await, 200, "at once");
    for (change, field) in [
        (json!({"role": "viewer"}), "role"),
        (json!({"disabled": true}), "disabled"),
    ] {
        let (status, problem) = call("PATCH", &path, change).await;
        assert_eq!(
            (status, &problem["field"]),
            (409, &json!(field)),
            "the last admin stays"
        );
    }
    enter(client, "ann", "admin").await;
    let (status, person) = call("PATCH", &path, json!({"disabled": true})).await;
    assert_eq!(status, 200);
    assert!(person["disabled_at"].is_string(), "{person}");
    assert_eq!(bob.status("/").await, 401, "their sessions end");
    let stranger = Browser::stranger(client);
    let fields = [("name", "bob"), ("password", PASSWORD)];
    assert_eq!(stranger.post("/signin", &fields).await.0, 401);
    let (status, problem) = call("POST", &format!("{path}/password-link"), Value::Null).await;
    assert_eq!((status, &problem["field"]), (409, &json!("id")));
    let (status, _) = call("PATCH", &path, json!({"disabled": false})).await;
    assert_eq!(status, 200);
    assert_eq!(bob.status("/").await, 401, "they stay ended");
    assert_eq!(stranger.post("/signin", &fields).await.0, 303);

    for (body, status, field) in [
        (json!({"name": "ANN", "role": "viewer"}), 409, "name"),
        (json!({"name": "a b", "role": "viewer"}), 400, "name"),
        (
            json!({"name": "x".repeat(129), "role": "viewer"}),
            400,
            "name",
        ),
        (json!({"role": "viewer"}), 400, "name"),
        (json!({"name": "eve"}), 400, "role"),
        (json!({"name": "eve", "role": "root"}), 400, "role"),
        (
            json!({"name": "eve", "role": "viewer", "password": "x"}),
            400,
            "password",
        ),
    ] {
        let (found, problem) = call("POST", "/api/v1/people", body).await;
        assert_eq!(
            (found, &problem["field"]),
            (status, &json!(field)),
            "{problem}"
        );
    }
    let nobody = "/api/v1/people/0123456789abcdef";
    assert_eq!(
        call("PATCH", nobody, json!({"role": "viewer"})).await.0,
        404
    );
    assert_eq!(call("GET", nobody, Value::Null).await.0, 404);
}

#[tokio::test]
async fn people_are_managed_by_forms() {
    let running = Running::start().await;
    let admin = Browser::sign_in(&running).await;
    let fields = [("name", "bob@example.com"), ("role", "operator")];
    let (status, _, page) = admin.send("/people", &fields).await;
    assert_eq!(status, 200);
    let (_, code) = page.split_once("/signin/link?code=").unwrap();
    let code = code.split('"').next().unwrap();
    let bob = Browser::stranger(&running.client);
    let bob = bob.by_link(code, "", PASSWORD).await;
    assert!(bob.open("/account").await.contains("Your role is operator"));
    let page = admin.open("/people").await;
    assert!(page.contains("bob@example.com") && !page.contains(code));
    assert_eq!(admin.send("/people", &fields).await.0, 409);

    let (_, people) = running
        .client
        .call("GET", "/api/v1/people", &Value::Null)
        .await;
    let id = people["people"][1]["id"].as_str().unwrap();
    let path = format!("/people/{id}");
    let (status, place, _) = admin.send(&path, &[("role", "viewer")]).await;
    assert_eq!((status, place.as_str()), (303, "/people"));
    assert!(bob.open("/account").await.contains("Your role is viewer"));
    assert_eq!(admin.send(&path, &[("disabled", "yes")]).await.0, 303);
    assert_eq!(bob.status("/").await, 401);
    // A viewer is told why a form changes nothing.
    assert_eq!(admin.send(&path, &[("disabled", "no")]).await.0, 303);
    let bob = Browser::stranger(&running.client);
    let bob = bob.by_password("bob@example.com", PASSWORD).await;
    let token = csrf(&bob.open("/account").await);
    let (status, _, page) = bob.post("/actions/settings", &[("csrf", &token)]).await;
    assert_eq!(status, 403);
    assert!(
        page.contains("This takes the role admin, and yours is viewer."),
        "{page}"
    );
}
