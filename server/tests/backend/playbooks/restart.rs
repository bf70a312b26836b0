//! What playbooks know survives the server's end, and nothing is done twice.

use serde_json::json;

use super::{Agent, guessed};
use crate::client::Running;

#[tokio::test]
async fn failures_before_and_after_a_restart_count_together_and_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut sent = 0;
    for turn in 0..3 {
        let running = Running::at(dir.path()).await;
        if turn == 0 {
            running.client.put_playbook(&guessed()).await;
        }
        let mut shop = Agent::new(&running, "shop").await;
        shop.sent = sent;
        for _ in 0..2 {
            shop.login("203.0.113.7", "ann@b.example", false).await;
        }
        sent = shop.sent;
        if turn < 2 {
            running.stop().await;
            continue;
        }
        let runs = running.client.until_runs(1).await;
        assert_eq!(runs[0]["counted"]["events"], 6);
        running.stop().await;
    }
    let running = Running::at(dir.path()).await;
    let mut shop = Agent::new(&running, "shop").await;
    shop.sent = sent;
    for _ in 0..6 {
        shop.login("203.0.113.8", "ann@b.example", false).await;
    }
    let runs = running.client.until_runs(2).await;
    let actors: Vec<_> = runs.iter().map(|run| run["actor"].clone()).collect();
    assert_eq!(json!(actors), json!(["203.0.113.8", "203.0.113.7"]));
    assert_eq!(running.client.actions("").await.len(), 2);
    running.stop().await;
}
