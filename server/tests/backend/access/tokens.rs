//! Tokens on `/apps`, as forms make and revoke them.

use serde_json::{Value, json};

use super::super::actions::browser::Browser;
use super::super::client::{Client, Running};
use super::enter;

const PATH: &str = "/apps/tokens";

/// The token that the page shows.
fn shown(page: &str) -> String {
    let start = page.find("Copy it now").expect("a new token");
    let (_, code) = page[start..].split_once("<code>").unwrap();
    let code = code.split('<').next().unwrap();
    code.rsplit([' ', '=']).next().unwrap().to_owned()
}

async fn stored(client: &Client) -> Vec<Value> {
    let (_, mut answer) = client.call("GET", "/api/v1/tokens", &Value::Null).await;
    serde_json::from_value(answer["tokens"].take()).unwrap()
}

async fn status(client: &Client, method: &str, path: &str, token: &str) -> u16 {
    let url = format!("{}{path}", client.url);
    let request = client.http.request(method.parse().unwrap(), url);
    let body = json!({"action": "block_ip", "ip_cidr": ["203.0.113.1"]});
    let request = request.bearer_auth(token).json(&body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_token_of_each_kind_is_made_shown_once_and_revoked() {
    let running = Running::start().await;
    let client = &running.client;
    let admin = Browser::sign_in(&running).await;
    for (chosen, read, act) in [
        ("viewer", 200, 403),
        ("operator", 200, 201),
        ("admin", 200, 201),
    ] {
        let fields = [("for", chosen), ("app", ""), ("comment", "<b>dash</b>")];
        let (made, _, page) = admin.send(PATH, &fields).await;
        assert_eq!(made, 200);
        assert!(
            page.contains(&format!("New token for the API as {chosen}")),
            "{page}"
        );
        let token = shown(&page);
        assert!(
            page.contains(&format!("Authorization: Bearer {token}")),
            "{page}"
        );
        let later = admin.open("/apps").await;
        assert!(!later.contains(&token), "shown once");
        assert!(later.contains(&format!("the API as {chosen}")) && !later.contains("<b>dash"));
        assert_eq!(status(client, "GET", "/api/v1/actions", &token).await, read);
        assert_eq!(
            status(client, "POST", "/api/v1/actions", &token).await,
            act,
            "{chosen}"
        );

        let id = stored(client).await[0]["id"].as_str().unwrap().to_owned();
        let (revoked, place, _) = admin.send(&format!("{PATH}/{id}/revoke"), &[]).await;
        assert_eq!((revoked, place.as_str()), (303, "/apps#tokens"));
        assert_eq!(status(client, "GET", "/api/v1/actions", &token).await, 401);
    }
    for (chosen, app, serves) in [("app", "shop", "shop"), ("org", "", "blog")] {
        let fields = [("for", chosen), ("app", app), ("comment", "")];
        let (_, _, page) = admin.send(PATH, &fields).await;
        let token = shown(&page);
        assert!(page.contains(&format!("SQREEN_TOKEN={token}")), "{page}");
        assert_eq!(client.login_with(&token, "blog").await, 200, "{chosen}");
        let (_, known) = client.call("GET", "/api/v1/apps", &Value::Null).await;
        // The last heard first.
        assert_eq!(known["agents"][0]["app"], serves, "{known}");
    }
    let (_, log) = client.call("GET", "/api/v1/audit", &Value::Null).await;
    let noted = log.to_string();
    assert!(
        noted.contains("token_created") && noted.contains("token_revoked"),
        "{noted}"
    );
    running.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said_and_none_is_made() {
    let running = Running::start().await;
    let client = &running.client;
    let admin = Browser::sign_in(&running).await;
    let before = stored(client).await;
    let long = "x".repeat(257);
    for (chosen, app, comment, wrong) in [
        ("", "", "", "for: there is none of this name"),
        ("root", "", "", "for: there is none of this name"),
        (
            "app",
            "",
            "kept <b>",
            "app: expected a name of 1 to 256 bytes",
        ),
        (
            "org",
            "shop",
            "",
            "app: only tokens of one application have it",
        ),
        (
            "viewer",
            "shop",
            "",
            "app: only tokens of one application have it",
        ),
        (
            "viewer",
            "",
            long.as_str(),
            "comment: longer than 256 bytes",
        ),
    ] {
        let fields = [("for", chosen), ("app", app), ("comment", comment)];
        let (status, _, page) = admin.send(PATH, &fields).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(page.contains(wrong), "{page}");
        let kept = comment.replace('<', "&lt;").replace('>', "&gt;");
        assert!(page.contains(&format!("value=\"{kept}\"")), "{page}");
    }
    for id in ["none", "0123456789abcdef"] {
        let (status, _, page) = admin.send(&format!("{PATH}/{id}/revoke"), &[]).await;
        assert_eq!(status, 404);
        assert!(page.contains("There is no token of this id."), "{page}");
    }
    assert_eq!(stored(client).await, before);

    let operator = enter(client, "olga", "operator").await;
    let page = operator.open("/apps").await;
    assert!(page.contains("Admins make and revoke them.") && !page.contains("Make a token"));
    let fields = [("for", "viewer"), ("app", ""), ("comment", "")];
    assert_eq!(operator.send(PATH, &fields).await.0, 403);
    assert_eq!(stored(client).await, before);
    running.stop().await;
}
