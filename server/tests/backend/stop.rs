//! The program's end, its log and its options.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::client::{API, Client, INGEST};
use super::process::{Process, command};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_exits_with_0_and_what_was_acknowledged_stored() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    let count: Arc<AtomicU64> = Arc::default();
    let loads = [0, 1_000_000].map(|from| {
        let load = client.clone().load(from, Arc::clone(&count));
        tokio::spawn(load)
    });
    while count.load(Ordering::SeqCst) < 400 {
        assert!(process.is_running(), "{}", process.log());
        tokio::task::yield_now().await;
    }
    let ended = tokio::task::spawn_blocking(move || (process.terminate(), process));
    let mut acknowledged = BTreeSet::new();
    for load in loads {
        acknowledged.extend(load.await.unwrap());
    }
    let (status, process) = ended.await.unwrap();
    let log = process.log();
    assert_eq!(status.code(), Some(0), "{log}");

    // What was answered is stored; and nothing was stored whose answer was torn off.
    let process = Process::start("127.0.0.1:0", dir.path());
    let events = Client::new(&process.url()).all_events().await;
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    let stored: BTreeSet<_> = ids.map(str::to_owned).collect();
    assert_eq!(stored.len(), events.len(), "stored once each");
    assert!(stored == acknowledged);

    let told = ["listening", "agent logged in", "stopping", "stopped"];
    let mut rest = log.as_str();
    for text in told {
        let at = rest.find(text).unwrap_or_else(|| panic!("{text}: {log}"));
        rest = &rest[at..];
    }
    assert!(!log.contains(INGEST) && !log.contains(API), "{log}");
}

#[test]
fn the_log_has_the_level_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    for (level, is_told) in [("info", true), ("", true), ("warn", false), ("off", false)] {
        let mut process = Process::start_with("127.0.0.1:0", dir.path(), level);
        assert!(process.terminate().success());
        assert_eq!(process.log().contains("INFO"), is_told, "{level:?}");
    }
    let refused = command().env("SQREEN_SERVER_LOG", "loud").output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(
        error.contains("SQREEN_SERVER_LOG") && error.contains("loud"),
        "{error}"
    );

    let help = command().arg("--help").output().unwrap();
    assert!(help.status.success() && help.stderr.is_empty());
    let help = String::from_utf8(help.stdout).unwrap();
    assert!(help.contains("SQREEN_SERVER_LOG"), "{help}");
}
