//! A backend that goes, comes back empty, or comes back with an older backup.

use std::path::Path;
use std::time::Instant;

use serde_json::json;

use super::real::Real;
use super::shop::Shop;

const MALLORY: &str = "203.0.113.7";
const EVE: &str = "203.0.113.8";
const ANN: &str = "email=ann@example.com";

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_backend_actions_stay_until_they_expire() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let start = Instant::now();
    backend.block_ip(MALLORY).await;
    backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by(ANN, 403).await;
    let short = json!({"action": "block_ip", "ip_cidr": [EVE], "duration_s": 3});
    backend.act(short).await;
    shop.until_from(EVE, 403).await;
    let address = backend.address;
    backend.stop().await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
    shop.until_from(EVE, 200).await;
    assert!(start.elapsed().as_secs_f64() >= 3.0);
    assert_eq!(shop.status_from(MALLORY).await, 403);
    assert_eq!(shop.status_by(ANN).await, 403);
    // The same backend again: what expired does not come back, and what follows comes at once.
    let backend = Real::start_at(address, dir.path()).await;
    backend.block_ip("203.0.113.9").await;
    shop.until_from("203.0.113.9", 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
    assert_eq!(shop.status_from(EVE).await, 200);
    let report = shop.sqreen.shutdown().await;
    assert!(report.is_complete(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_restarts_empty_has_all_lifted() {
    let [before, after] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let backend = Real::start(before.path()).await;
    backend.block_ip(MALLORY).await;
    backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by(ANN, 403).await;
    let address = backend.address;
    backend.stop().await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
    let backend = Real::start_at(address, after.path()).await;
    shop.until_from(MALLORY, 200).await;
    assert_eq!(shop.status_by(ANN).await, 200);
    backend.block_ip(EVE).await;
    shop.until_from(EVE, 403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_restored_from_an_older_backup_has_its_pack_taken() {
    let [live, backup] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let backend = Real::start(live.path()).await;
    let address = backend.address;
    let first = backend.block_ip(MALLORY).await;
    backend.stop().await;
    copy(live.path(), backup.path());

    let backend = Real::start_at(address, live.path()).await;
    backend.lift(&first).await;
    backend.block_ip(EVE).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_from(EVE, 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 200);
    backend.stop().await;

    // It never heard of what came after; the position may even be the same.
    let backend = Real::start_at(address, backup.path()).await;
    shop.until_from(MALLORY, 403).await;
    assert_eq!(shop.status_from(EVE).await, 200);
    backend.lift(&first).await;
    shop.until_from(MALLORY, 200).await;
}
