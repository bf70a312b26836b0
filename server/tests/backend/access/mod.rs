//! People, sessions, roles, throttling and the audit log.

mod audit;
mod forms;
mod matrix;
mod offers;
mod people;
mod program;
mod sessions;
mod throttle;
mod tokens;

use serde_json::{Value, json};

use super::actions::browser::Browser;
use super::client::Client;

const PASSWORD: &str = "long enough for anyone";

/// Adds a person over the API; returns their id and the code of the link to set a password.
async fn add(client: &Client, name: &str, role: &str) -> (String, String) {
    let body = json!({"name": name, "role": role});
    let (status, person) = client.call("POST", "/api/v1/people", &body).await;
    assert_eq!(status, 201, "{person}");
    let id = person["id"].as_str().unwrap().to_owned();
    let code = link(client, &id).await;
    (id, code)
}

/// Makes a link to set a password over the API, and returns its code.
async fn link(client: &Client, id: &str) -> String {
    let path = format!("/api/v1/people/{id}/password-link");
    let (status, made) = client.call("POST", &path, &Value::Null).await;
    assert_eq!(status, 201, "{made}");
    let link = made["link"].as_str().unwrap();
    link.split_once("code=").unwrap().1.to_owned()
}

/// Adds a person, who signs in.
pub(crate) async fn enter(client: &Client, name: &str, role: &str) -> Browser {
    let (_, code) = add(client, name, role).await;
    let browser = Browser::stranger(client);
    browser.by_link(&code, name, PASSWORD).await
}
