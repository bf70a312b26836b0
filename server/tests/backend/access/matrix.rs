//! Each role against each route of the router's own table.

use reqwest::RequestBuilder;
use serde_json::Value;
use sqreen_server::{Needs, Role, Route, Server};

use super::super::actions::browser::{Browser, csrf};
use super::super::client::{API, Client, INGEST, Running};
use super::super::operation::{field, printed, until};
use super::enter;

/// The route's path, with an id that there is none of.
fn path(route: &Route) -> String {
    assert!(route.path.starts_with('/'));
    route.path.replace("{id}", "0123456789abcdef")
}

fn request(client: &Client, route: &Route) -> RequestBuilder {
    let url = format!("{}{}", client.url, path(route));
    client.http.request(route.method.parse().unwrap(), url)
}

/// The status, whatever the body is: a stream never ends.
async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

/// Whether the request passed the gate: what is behind it may not like it all the same.
fn passed(status: u16) -> bool {
    assert!(status < 500, "{status}");
    !matches!(status, 401 | 403)
}

/// Whether the route would end what the test itself goes on with.
fn ends_the_session(route: &Route) -> bool {
    route.path == "/signout"
}

#[tokio::test]
async fn tokens_of_the_api_open_what_their_role_does() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let client = &running.client;
    for role in Role::ALL {
        let args = ["token", "create", "api", "--role", role.name()];
        let token = field(&printed(dir.path(), &args), "token");
        let ask = async || status(client.get("/api/v1/outcomes").bearer_auth(&token)).await;
        until("the token is taken", async || ask().await == 200).await;
        for route in Server::routes() {
            let Needs::Api(needed) = route.needs else {
                continue;
            };
            let none = request(client, &route).send().await.unwrap();
            assert_eq!(none.status(), 401, "{route:?}");
            assert_eq!(none.headers()["content-type"], "application/problem+json");
            for wrong in ["", "guessed", INGEST] {
                let wrong = status(request(client, &route).bearer_auth(wrong)).await;
                assert_eq!(wrong, 401, "{route:?}");
            }
            let found = request(client, &route)
                .bearer_auth(&token)
                .send()
                .await
                .unwrap();
            let status = found.status().as_u16();
            assert_eq!(
                passed(status),
                role >= needed,
                "{role:?} {route:?}: {status}"
            );
            if role < needed {
                assert_eq!(status, 403);
                let problem: Value = found.json().await.unwrap();
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains(needed.name()), "{problem}");
            }
        }
    }
    running.stop().await;
}

#[tokio::test]
async fn people_see_and_change_what_their_role_does() {
    let running = Running::start().await;
    let client = &running.client;
    Browser::sign_in(&running).await;
    for role in Role::ALL {
        let browser = enter(client, role.name(), role.name()).await;
        let token = csrf(&browser.open("/account").await);
        let client = &browser.client;
        for route in Server::routes() {
            let own = || request(client, &route).header("cookie", &browser.cookie);
            let needed = match route.needs {
                Needs::Page(needed) => needed,
                Needs::Api(_) => {
                    assert_eq!(status(own()).await, 401, "a session is no token: {route:?}");
                    continue;
                }
                _ => continue,
            };
            let stranger = status(request(client, &route)).await;
            assert_eq!(stranger, 401, "{route:?}");
            if ends_the_session(&route) {
                continue;
            }
            if route.method == "GET" {
                let status = status(own()).await;
                assert_eq!(
                    passed(status),
                    role >= needed,
                    "{role:?} {route:?}: {status}"
                );
            } else {
                let form = |body: String| {
                    let request = own().header("content-type", "application/x-www-form-urlencoded");
                    status(request.body(body))
                };
                assert_eq!(form(String::new()).await, 403, "{route:?} without a token");
                let status = form(format!("csrf={token}")).await;
                // The wrong present password is refused like a role.
                let is_password = route.path == "/account/password";
                let expected = role >= needed && !is_password;
                assert_eq!(passed(status), expected, "{role:?} {route:?}: {status}");
            }
        }
        let (status, _, _) = browser.post("/signout", &[("csrf", &token)]).await;
        assert_eq!(status, 200);
    }
}

#[tokio::test]
async fn agents_need_what_agents_have() {
    let running = Running::start().await;
    let client = &running.client;
    for route in Server::routes() {
        match route.needs {
            Needs::Agent => {
                let none = status(request(client, &route)).await;
                let bearer = request(client, &route).bearer_auth(API);
                let key = bearer.header("x-api-key", API).header("x-session-key", API);
                assert_eq!((none, status(key).await), (401, 401), "{route:?}");
            }
            Needs::Nothing => {
                // The link has no code here.
                let found = status(request(client, &route)).await;
                let takes_code = (route.method, route.path) == ("GET", "/signin/link");
                assert_eq!(passed(found), !takes_code, "{route:?}: {found}");
            }
            _ => {}
        }
    }
}

#[test]
fn what_needs_nothing_is_known() {
    let open = Server::routes()
        .into_iter()
        .filter(|route| route.needs == Needs::Nothing);
    let open: Vec<_> = open.map(|route| (route.method, route.path)).collect();
    let known = [
        ("GET", "/ping"),
        ("GET", "/api/v1/openapi.json"),
        ("GET", "/signin"),
        ("POST", "/signin"),
        ("GET", "/signin/link"),
        ("POST", "/signin/link"),
        ("GET", "/assets/{name}"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
    ];
    assert_eq!(open, known);
}
