//! The live streams of pages, and how every stream ends with what let its reader in.

use serde_json::{Value, json};

use super::Events;
use crate::access::enter;
use crate::actions::browser::Browser;
use crate::client::{Client, Running, record, uuid};

async fn send(client: &Client, session: &str, n: u64) {
    client
        .batch(session, json!([record(&[(&uuid(n), "a")])]))
        .await;
}

async fn open(browser: &Browser, path: &str) -> Events {
    let request = browser.client.get(path).header("cookie", &browser.cookie);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    Events::of(answer)
}

/// The next of the stream is the row of this event.
async fn shown(events: &mut Events, n: u64) {
    let (name, row) = events.next().await.unwrap();
    let link = format!("/event/{}?", uuid(n));
    assert!(
        name == "found" && row.as_str().unwrap().contains(&link),
        "{name}: {row}"
    );
}

#[tokio::test]
async fn nothing_is_lost_between_a_page_and_its_stream() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let browser = Browser::sign_in(&running).await;
    send(client, &session, 1).await;
    for page in ["/?from=2026-11-23T00:00:00Z", "/actor?ip=198.51.100.7"] {
        let page = browser.open(page).await;
        assert!(page.contains(&uuid(1)) && !page.contains(&uuid(2)));
    }
    send(client, &session, 2).await;
    let caught_up = async |events: &mut Events, more: bool| {
        let told = ("caught_up".to_owned(), json!({"more": more}));
        assert_eq!(events.next().await, Some(told));
    };
    let mut streams = Vec::new();
    for path in [
        "/live?from=2026-11-23T00:00:00Z",
        "/actor/live?ip=198.51.100.7",
    ] {
        let mut events = open(&browser, path).await;
        shown(&mut events, 1).await;
        shown(&mut events, 2).await;
        caught_up(&mut events, false).await;
        streams.push(events);
    }
    let mut other = open(&browser, "/actor/live?ip=203.0.113.9").await;
    caught_up(&mut other, false).await;
    let mut last = open(&browser, "/live?limit=1").await;
    shown(&mut last, 2).await;
    caught_up(&mut last, true).await;
    streams.push(last);
    send(client, &session, 3).await;
    for events in &mut streams {
        shown(events, 3).await;
    }
    running.server.drain();
    assert_eq!(other.next().await, None, "nothing of another address");
}

#[tokio::test]
async fn a_stream_ends_with_the_session_or_the_token_that_opened_it() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let call = async |method: &str, path: &str, body: &Value| {
        let (status, answer) = client.call(method, path, body).await;
        assert!(status < 300, "{path}: {answer}");
        answer
    };
    let watching = async |browser: &Browser| {
        let mut events = open(browser, "/live").await;
        while events.next().await.unwrap().0 != "caught_up" {}
        events
    };
    let stays = enter(client, "stays@example.com", "viewer").await;
    let mut stays = watching(&stays).await;

    let leaves = enter(client, "leaves@example.com", "viewer").await;
    let mut left = watching(&leaves).await;
    assert_eq!(leaves.send("/signout", &[]).await.0, 200);
    // Not even what is stored at once is shown any longer.
    send(client, &session, 1).await;
    assert_eq!(left.next().await, None, "signed out");

    let disabled = enter(client, "disabled@example.com", "viewer").await;
    let mut watched = watching(&disabled).await;
    let people = call("GET", "/api/v1/people", &Value::Null).await;
    let mut people = people["people"].as_array().unwrap().iter();
    let person = people
        .find(|person| person["name"] == "disabled@example.com")
        .unwrap();
    let path = format!("/api/v1/people/{}", person["id"].as_str().unwrap());
    call("PATCH", &path, &json!({"disabled": true})).await;
    assert_eq!(watched.next().await, None, "disabled, and nothing stored");

    let body = json!({"kind": "api", "role": "viewer", "comment": "watches"});
    let made = call("POST", "/api/v1/tokens", &body).await;
    let request = client.get("/api/v1/events/live");
    let request = request.bearer_auth(made["token"].as_str().unwrap());
    let mut events = Events::of(request.send().await.unwrap());
    let id = made["id"].as_str().unwrap();
    let revoke = client
        .http
        .delete(format!("{}/api/v1/tokens/{id}", client.url));
    let revoke = revoke.bearer_auth(crate::client::API).send().await.unwrap();
    assert!(revoke.status().is_success(), "{revoke:?}");
    send(client, &session, 2).await;
    assert_eq!(events.next().await, None, "revoked");

    shown(&mut stays, 1).await;
    shown(&mut stays, 2).await;
}
