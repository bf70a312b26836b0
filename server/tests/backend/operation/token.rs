//! `token`, beside a server that runs.

use serde_json::{Value, json};

use super::{field, printed, refused, until};
use crate::client::{API, Client, sdk};
use crate::process::{Process, command};

#[tokio::test]
async fn new_and_revoked_tokens_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());

    let org = printed(
        dir.path(),
        &["token", "create", "org", "--comment", "web tier"],
    );
    let (id, token) = (field(&org, "id"), field(&org, "token"));
    assert!(
        token.starts_with("org_") && token.len() == 4 + 64,
        "{token}"
    );
    until("a new token is taken", async || {
        client.login_with(&token, "shop").await == 200
    })
    .await;

    // A session that it began ends with it.
    let login = client.post("/sqreen/v1/app-login").json(&sdk());
    let login = login.header("x-api-key", &token);
    let answer: Value = login.send().await.unwrap().json().await.unwrap();
    let session = answer["session_id"].as_str().unwrap();
    let beat = async || {
        let body = json!({});
        let answer = client.send(session, "/sqreen/v1/app-beat", &body).await;
        answer.status().as_u16()
    };
    assert_eq!(beat().await, 200);
    printed(dir.path(), &["token", "revoke", &id]);
    until("a session of a revoked token ends", async || {
        beat().await == 401
    })
    .await;
    assert_eq!(client.login_with(&token, "shop").await, 401);
    let again = refused(dir.path(), &["token", "revoke", &id]);
    assert!(again.contains(&id), "{again}");

    // It stays in the list, with when it was used and revoked; the token itself is nowhere.
    let list = printed(dir.path(), &["token", "list"]);
    let line = list.lines().find(|line| line.starts_with(&id)).unwrap();
    let fields: Vec<&str> = line.split('\t').collect();
    assert_eq!((fields[1], fields[2], fields[6]), ("org", "-", "web tier"));
    assert!(fields[4].contains('T') && fields[5].contains('T'), "{line}");
    assert!(!list.contains(&token));
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(64).any(|part| part == &token.as_bytes()[4..]);
            assert!(!found, "{}", path.display());
        }
    }
    assert!(!process.log().contains(&token));
}

#[tokio::test]
async fn an_app_token_is_bound_to_its_application() {
    let dir = tempfile::tempdir().unwrap();
    let app = printed(dir.path(), &["token", "create", "app", "shop"]);
    let token = field(&app, "token");
    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    // Node sends the name of its package beside any token.
    let signal = json!({"type": "point", "signal_name": "sq.sdk.cart", "time": "2026-11-23T10:00:00.000Z", "payload": {}});
    let request = client.post("/signals").header("x-api-key", &token);
    let request = request.header("x-app-name", "package-json").json(&signal);
    assert_eq!(request.send().await.unwrap().status(), 200);
    let events = client.events("").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["app"], "shop");
    // It opens nothing else.
    let api = client.get("/api/v1/events").bearer_auth(&token);
    assert_eq!(api.send().await.unwrap().status(), 401);
    assert_eq!(client.login_with(API, "shop").await, 401);
}

#[tokio::test]
async fn the_api_has_tokens_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    let api = printed(dir.path(), &["token", "create", "api"]);
    let (id, token) = (field(&api, "id"), field(&api, "token"));
    let ask = async |token: &str| {
        let request = client.get("/api/v1/events").bearer_auth(token);
        request.send().await.unwrap().status().as_u16()
    };
    until("a new token is taken", async || ask(&token).await == 200).await;
    // A page that it signed in to is closed with it.
    let form = client
        .post("/signin")
        .header("content-type", "application/x-www-form-urlencoded");
    let redirect = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let form = form.body(format!("token={token}")).build().unwrap();
    let signed_in = redirect.execute(form).await.unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = async || {
        let request = client.get("/").header("cookie", &cookie);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(page().await, 200);
    printed(dir.path(), &["token", "revoke", &id]);
    until("a revoked token is refused", async || {
        ask(&token).await == 401
    })
    .await;
    assert_eq!(page().await, 401);
    assert_eq!(ask(API).await, 200, "that of the configuration goes on");
}

#[tokio::test]
async fn the_first_start_makes_tokens_and_prints_them_once() {
    let dir = tempfile::tempdir().unwrap();
    let start = || {
        let mut command = command();
        command
            .env_remove("SQREEN_SERVER_INGEST_TOKEN")
            .env_remove("SQREEN_SERVER_API_TOKEN")
            .args(["serve", "--addr", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path());
        Process::run(command)
    };
    let first = start();
    let told = first.told.join("\n");
    let (ingest, api) = (field(&told, "ingest_token"), field(&told, "api_token"));
    assert_eq!(
        Client::new(&first.url()).login_with(&ingest, "shop").await,
        200
    );
    drop(first);
    let second = start();
    assert_eq!(second.told, Vec::<String>::new());
    let client = Client::new(&second.url());
    assert_eq!(client.login_with(&ingest, "shop").await, 200);
    let events = client.get("/api/v1/events").bearer_auth(&api);
    assert_eq!(events.send().await.unwrap().status(), 200);
}

#[test]
fn mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    for (args, error) in [
        (&["token", "create", "app", ""][..], "NAME"),
        (&["token", "create"], "create, list or revoke"),
        (&["token", "revoke", "7"], "ID"),
        (&["token", "revoke", "0123456789abcdef"], "0123456789abcdef"),
    ] {
        let errors = refused(dir.path(), args);
        assert!(errors.contains(error), "{args:?}: {errors}");
    }
}
