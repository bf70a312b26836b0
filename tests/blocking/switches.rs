//! What keeps actions from being enforced: the backend's dry run, and the app's kill switch.

use std::time::Duration;

use serde_json::json;
use sqreen::UserIdentifiers;

use super::real::Real;
use super::scripted::{self, block_ip, block_user};
use super::shop::Shop;
use super::support::patient_config;
use super::until;

const MALLORY: &str = "203.0.113.7";
const ANN: &str = "email=ann@example.com";

#[tokio::test(flavor = "multi_thread")]
async fn the_global_dry_run_records_all_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend.set(json!({"dry_run": true})).await;
    backend.block_ip(MALLORY).await;
    backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    let shop = Shop::open(backend.config()).await;
    // The reports say when the actions are there.
    until("reported", async || {
        assert_eq!(shop.status_from(MALLORY).await, 200);
        !backend.events("sq.action.block_ip").await.is_empty()
    })
    .await;
    assert_eq!(shop.status_by(ANN).await, 200);
    assert!(
        !shop
            .sqreen
            .is_blocked(&UserIdentifiers::new("email", "ann@example.com"))
    );
    until("reported", async || {
        !backend.events("sq.action.block_user").await.is_empty()
    })
    .await;
    for name in ["sq.action.block_ip", "sq.action.block_user"] {
        for event in backend.events(name).await {
            assert_eq!(event["properties"]["dry_run"], true, "{event}");
            assert_eq!(event["status"], 200, "{event}");
        }
    }
    backend.set(json!({"dry_run": false})).await;
    shop.until_from(MALLORY, 403).await;
    shop.until_by(ANN, 403).await;
    backend.set(json!({"dry_run": true})).await;
    shop.until_from(MALLORY, 200).await;
    assert_eq!(shop.status_by(ANN).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_of_one_action_is_recorded_at_the_backend() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let action = json!({"action": "block_ip", "ip_cidr": [MALLORY], "dry_run": true});
    let id = backend.act(action).await;
    let shop = Shop::open(backend.config()).await;
    until("reported", async || {
        assert_eq!(shop.status_from(MALLORY).await, 200);
        !backend.events("sq.action.block_ip").await.is_empty()
    })
    .await;
    let event = backend.events("sq.action.block_ip").await.remove(0);
    assert_eq!(event["properties"]["action_id"], id, "{event}");
    assert_eq!(event["properties"]["dry_run"], true, "{event}");
    assert_eq!(
        (&event["ip"], &event["status"]),
        (&json!(MALLORY), &json!(200)),
        "{event}"
    );
}

/// `SQREEN_IGNORE_ACTIONS` sets the same; its parsing is shown beside the code.
#[tokio::test(flavor = "multi_thread")]
async fn the_kill_switch_ignores_all_actions_and_asks_for_none() {
    let ann = UserIdentifiers::new("email", "ann@example.com");
    let actions = vec![
        block_ip("a-1", MALLORY),
        block_user("a-2", &[("email", "ann@example.com")]),
    ];
    let backend = scripted::start(actions).await;
    let config = patient_config(&backend).heartbeat(Duration::from_secs(1));
    let shop = Shop::open(config.ignore_actions(true)).await;
    // The login was taken, and what would have followed it.
    backend.wait_for(|seen| seen.beats.len() == 2).await;
    assert_eq!(shop.status_from(MALLORY).await, 200);
    assert_eq!(shop.status_by(ANN).await, 200);
    assert!(!shop.sqreen.is_blocked(&ann));
    let report = shop.sqreen.shutdown().await;
    assert_eq!(
        (report.stats.tracked, report.stats.suppressed_reports),
        (0, 0)
    );
    let seen = backend.seen();
    assert!(seen.actions.streams.is_empty() && seen.actions.packs.is_empty());
    assert!(
        seen.beats.iter().all(|beat| beat.actions.is_none()),
        "it has no state to tell"
    );
}
