//! Notifications: the API, the pages, and receivers on real sockets. What time does to them is tested where the clock
//! can be moved, in `src/notify/tests`.

mod api;
mod https;
mod pages;
mod receiver;
mod secrets;
mod smtp;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
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

/// A certificate of `localhost` that its maker alone signed: the file of it, and a server that has it.
fn certificate(dir: &Path) -> (PathBuf, ServerConfig) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let pem = dir.join("cert.pem");
    std::fs::write(&pem, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    (pem, config)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}
