//! Security responses, from the operator's decision to what the client gets.
//!
//! What a pack may hold and which action wins is shown beside the code, in `src/actions/tests`;
//! the tonic service in `examples/tonic`.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

#[cfg(feature = "axum")]
mod addresses;
#[cfg(feature = "axum")]
mod answers;
mod hyper_service;
#[cfg(feature = "axum")]
mod layers;
#[cfg(feature = "axum")]
mod outages;
#[cfg(feature = "axum")]
mod packs;
#[cfg(feature = "axum")]
mod playbooks;
#[cfg(feature = "axum")]
mod real;
#[cfg(feature = "axum")]
mod reports;
mod scripted;
#[cfg(feature = "axum")]
mod shop;
#[cfg(feature = "axum")]
mod stream;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "axum")]
mod switches;
#[cfg(feature = "axum")]
mod users;

use std::time::Duration;

use tokio::time::Instant;

/// For whatever comes in the end; far more than it takes.
const DEADLINE: Duration = Duration::from_secs(40);

/// Asks until the answer is yes.
async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < DEADLINE, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn http() -> reqwest::Client {
    // The SDK brings TLS without a provider for all; an error says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy();
    client
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap()
}
