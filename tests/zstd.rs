//! The feature `zstd`.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use sqreen::Event;
use support::{Backend, agent, assert_settled, patient_config};

/// Sends an event to a backend that offers these encodings, and returns which one was used.
async fn encoding(offered: &[&str], text: &str) -> Option<String> {
    let backend = Backend::offering(offered).await;
    let sqreen = agent(patient_config(&backend));
    sqreen.track(Event::from("packed").property("text", text.to_owned()));
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(backend.event("packed").options.properties["text"], text);
    let encodings = &backend.seen().encodings;
    assert_eq!(encodings.len(), 1);
    encodings[0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn zstd_is_used_where_it_is_offered() {
    let long = "abcdefgh".repeat(1_000);
    let used = async |offered: &[&str]| encoding(offered, &long).await;
    assert_eq!(used(&["zstd"]).await.as_deref(), Some("zstd"));
    assert_eq!(used(&["gzip", "zstd"]).await.as_deref(), Some("zstd"));
    assert_eq!(used(&["gzip"]).await.as_deref(), Some("gzip"));
    assert_eq!(used(&["br"]).await, None);
    assert_eq!(used(&[]).await, None);
    assert_eq!(encoding(&["zstd"], "short").await, None, "not worth it");
}
