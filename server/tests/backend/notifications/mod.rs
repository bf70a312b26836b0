//! Notifications: the API, the pages, and receivers on real sockets. What time does to them is tested where the clock
//! can be moved, in `src/notify/tests`.

mod api;
mod https;
mod pages;
mod receiver;
mod secrets;
mod smtp;

use serde_json::{Value, json};

use super::client::{Client, Running};

async fn start() -> Running {
    Running::start_with(|config| config.notify_internal(true)).await
}

const DESTINATIONS: &str = "/api/v1/notifications/destinations";
const DELIVERIES: &str = "/api/v1/notifications/deliveries";

/// Adds a destination, and returns it.
async fn add(client: &Client, name: &str, kind: &str, url: &str) -> Value {
    let body = json!({"name": name, "kind": kind, "url": url});
    let (status, added) = client.call("POST", DESTINATIONS, &body).await;
    assert_eq!(status, 201, "{added}");
    added
}

/// Has a destination tested, and returns the delivery.
async fn test(client: &Client, destination: &Value) -> Value {
    let path = format!("{DESTINATIONS}/{}/test", text(destination, "id"));
    let (status, delivery) = client.call("POST", &path, &Value::Null).await;
    assert_eq!(status, 200, "{delivery}");
    delivery
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}
