//! A backend on a loopback socket that speaks the wire protocol and misbehaves on command.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test binary uses its own part of this module"
)]

mod actions;
mod backend;
mod stored;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use sqreen::{Config, ConfigBuilder, ShutdownReport, Sqreen, Stats};
use tokio::task::JoinHandle;

pub use self::backend::{Backend, Fault, On, Seen};
pub use self::stored::Stored;

pub const TOKEN: &str = "test-token";

/// Settings towards a backend, quick enough for tests.
pub fn config(backend: &Backend) -> ConfigBuilder {
    config_to(backend.address)
}

/// As [`config`], for tests that count calls: a slow machine is no fault.
pub fn patient_config(backend: &Backend) -> ConfigBuilder {
    config(backend)
        .request_timeout(Duration::from_secs(20))
        .shutdown_timeout(Duration::from_secs(20))
}

pub fn config_to(address: SocketAddr) -> ConfigBuilder {
    Config::builder()
        .token(TOKEN)
        .app_name("tests")
        .url(format!("http://{address}"))
        .max_staleness(Duration::from_millis(20))
        .request_timeout(Duration::from_millis(300))
        .shutdown_timeout(Duration::from_secs(5))
}

pub fn agent(config: ConfigBuilder) -> Sqreen {
    Sqreen::new(config.build().unwrap()).unwrap()
}

/// Serves an app on a socket of its own.
pub async fn serve(app: Router) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, task)
}

/// The program of an example, built by `cargo test` along with the tests.
pub fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.ancestors().nth(2).unwrap();
    let example = target.join("examples").join(name);
    assert!(
        example.exists(),
        "not built: run `cargo build --example {name}`, or `cargo test` without `--test`"
    );
    example
}

pub fn sum(counts: &std::collections::BTreeMap<String, u64>) -> u64 {
    counts.values().sum()
}

/// Every event has one outcome, and the sums are exact.
#[track_caller]
pub fn assert_balanced(stats: &Stats) {
    let outcomes = stats.accepted + stats.duplicate + sum(&stats.rejected) + sum(&stats.dropped);
    assert_eq!(outcomes + stats.pending, stats.tracked, "{stats:?}");
}

/// As [`assert_balanced`], after a shutdown: nothing is left, and what the agent takes for
/// stored is what the backend stored, once.
#[track_caller]
pub fn assert_settled(report: &ShutdownReport, backend: &Backend) {
    let stats = &report.stats;
    assert_balanced(stats);
    assert_eq!((stats.pending, stats.pending_bytes), (0, 0), "{stats:?}");
    let stored = backend.events().len() as u64;
    assert_eq!(stored, backend.seen().ids.len() as u64, "stored once each");
    assert_eq!(stats.accepted + stats.duplicate, stored, "{stats:?}");
}
