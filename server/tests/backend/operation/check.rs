//! `check`: every damage is found, and its file named.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{field, printed, run, until};
use crate::client::{Client, record, uuid};
use crate::process::{Process, command};

/// Two segments and a journal with events, of a server that runs no longer.
async fn data(dir: &Path) {
    let mut serve = command();
    serve.args(["--addr", "127.0.0.1:0", "--seal-rows", "10", "--data-dir"]);
    serve.arg(dir);
    let mut process = Process::run(serve);
    let client = Client::new(&process.url());
    let session = client.login("shop").await;
    for (n, (from, count)) in [(0, 10), (10, 10), (20, 4)].into_iter().enumerate() {
        until("what came before is sealed", async || {
            files(dir, "segments", "parquet").len() == n
        })
        .await;
        let ids: Vec<_> = (from..from + count).map(uuid).collect();
        let events: Vec<_> = ids.iter().map(|id| (id.as_str(), "a")).collect();
        client.batch(&session, json!([record(&events)])).await;
    }
    // While it runs, too.
    let told = printed(dir, &["check"]);
    assert_eq!(field(&told, "events"), "24", "{told}");
    // An orderly end would leave nothing that waits for the playbooks.
    process.kill();
}

fn files(dir: &Path, folder: &str, end: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(dir.join("events").join(folder)).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|found| found == end));
    files.sort();
    files
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// What `check` prints where it finds damage.
fn found(dir: &Path) -> String {
    let output = run(dir, &["check"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    told
}

#[tokio::test]
async fn a_flipped_byte_is_found_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path()).await;
    let told = printed(dir.path(), &["check"]);
    assert_eq!(
        (field(&told, "events"), field(&told, "damage")),
        ("24".into(), "0".into())
    );

    let segments = files(dir.path(), "segments", "parquet");
    assert_eq!(segments.len(), 2);
    let good = fs::read(&segments[0]).unwrap();
    flip(&segments[0]);
    let told = found(dir.path());
    let name = segments[0].file_name().unwrap().to_str().unwrap();
    assert!(told.contains(name), "{told}");
    assert_eq!(
        (field(&told, "events"), field(&told, "damage")),
        ("14".into(), "1".into())
    );
    fs::write(&segments[0], good).unwrap();

    let journal = files(dir.path(), "journal", "journal").pop().unwrap();
    let good = fs::read(&journal).unwrap();
    flip(&journal);
    let told = found(dir.path());
    let name = journal.file_name().unwrap().to_str().unwrap();
    assert!(
        told.contains(name) && field(&told, "events") == "20",
        "{told}"
    );
    fs::write(&journal, &good).unwrap();

    // An unfinished write was never answered.
    fs::write(&journal, [&good[..], &good[..20]].concat()).unwrap();
    let told = printed(dir.path(), &["check"]);
    assert_eq!(field(&told, "unfinished_bytes"), "20");
    fs::write(&journal, &good).unwrap();

    // What is kept for the consumer is looked at, and counted once.
    let kept = files(dir.path(), "journal", "kept");
    assert_eq!(kept.len(), 2);
    let good = fs::read(&kept[0]).unwrap();
    flip(&kept[0]);
    let told = found(dir.path());
    let name = kept[0].file_name().unwrap().to_str().unwrap();
    assert!(
        told.contains(name) && field(&told, "events") == "24",
        "{told}"
    );
    fs::write(&kept[0], good).unwrap();

    // Whoever closes it leaves nothing beside the file, where the kill left all.
    printed(dir.path(), &["token", "list"]);
    let state = dir.path().join("state.sqlite");
    let mut bytes = fs::read(&state).unwrap();
    bytes[100..].fill(0xff);
    fs::write(&state, bytes).unwrap();
    let told = found(dir.path());
    assert!(told.contains("state.sqlite"), "{told}");
}
