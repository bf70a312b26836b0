//! How changes come, from a backend whose stream the test writes.

use std::time::Duration;

use serde_json::json;
use sqreen::protocol::{ActionsChange, Command};
use sqreen::{ConfigBuilder, Sqreen, UserIdentifiers};

use super::scripted::{self, block_ip, block_user, change, pack, version};
use super::shop::Shop;
use super::support::{Backend, Fault, On, patient_config};
use super::until;

const MALLORY: &str = "203.0.113.7";
const EVE: &str = "203.0.113.8";

/// Settings under which nothing comes with a heartbeat.
fn config(backend: &Backend) -> ConfigBuilder {
    patient_config(backend).heartbeat(Duration::from_secs(3_600))
}

/// Whether this email is blocked, for tests without requests.
pub(super) fn blocks(sqreen: &Sqreen, email: &str) -> bool {
    sqreen.is_blocked(&UserIdentifiers::new("email", email.to_owned()))
}

async fn stream_is_open(backend: &Backend, times: usize) {
    let open = |seen: &super::support::Seen| seen.actions.streams.len() == times;
    backend.wait_for(open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logins_actions_are_enforced_before_any_line() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(config(&backend)).await;
    shop.until_from(MALLORY, 403).await;
    stream_is_open(&backend, 1).await;
    assert_eq!(backend.seen().actions.streams, ["epoch=e1&seq=0"]);
    assert!(backend.seen().actions.packs.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_enforced_without_a_heartbeat_or_another_call() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(config(&backend)).await;
    stream_is_open(&backend, 1).await;
    backend.line(&change(0, Vec::new(), &[]));
    backend.line(&change(1, vec![block_ip("a-2", EVE)], &[]));
    shop.until_from(EVE, 403).await;
    backend.line(&change(2, Vec::new(), &["a-1"]));
    shop.until_from(MALLORY, 200).await;
    assert_eq!(shop.status_from(EVE).await, 403);
    // One action in the place of another.
    backend.line(&change(3, vec![block_ip("a-3", MALLORY)], &["a-2"]));
    shop.until_from(MALLORY, 403).await;
    assert_eq!(shop.status_from(EVE).await, 200);
    let seen = backend.seen();
    assert_eq!((seen.logins, seen.beats.len()), (1, 0));
    assert_eq!(
        (seen.actions.streams.len(), seen.actions.packs.len()),
        (1, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_may_come_in_pieces_and_many_in_one() {
    let backend = scripted::start(Vec::new()).await;
    let shop = Shop::open(config(&backend)).await;
    stream_is_open(&backend, 1).await;
    let lines = (1..=200_u64).map(|seq| {
        let action = block_ip(&format!("a-{seq}"), &format!("198.51.100.{seq}"));
        serde_json::to_string(&change(seq, vec![action], &[])).unwrap()
    });
    let lines = lines.collect::<Vec<_>>().join("\n");
    let (start, end) = lines.as_bytes().split_at(lines.len() / 2 + 7);
    {
        let seen = backend.seen();
        let stream = seen.actions.stream.as_ref().unwrap();
        stream.send(start.to_vec().into()).unwrap();
    }
    shop.until_from("198.51.100.90", 403).await;
    backend.raw_line(end.to_vec());
    shop.until_from("198.51.100.200", 403).await;
    assert_eq!(shop.status_from("198.51.100.1").await, 403);
    assert!(backend.seen().actions.packs.is_empty());
}

/// A gap, another epoch, and a backend that says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_follow_has_the_whole_pack_loaded() {
    let other_epoch = ActionsChange {
        epoch: "e2".to_owned(),
        ..change(1, vec![block_ip("a-2", EVE)], &[])
    };
    let asked = ActionsChange {
        reload: true,
        ..change(7, Vec::new(), &[])
    };
    let gap = change(2, vec![block_ip("a-2", EVE)], &[]);
    let keepalive_ahead = change(3, Vec::new(), &[]);
    for line in [gap, keepalive_ahead, other_epoch, asked] {
        let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
        let shop = Shop::open(config(&backend)).await;
        stream_is_open(&backend, 1).await;
        let mut at = version(line.seq);
        at.epoch.clone_from(&line.epoch);
        backend.seen().actions.pack = Some(pack(at, vec![block_ip("a-2", EVE)]));
        backend.line(&line);
        shop.until_from(EVE, 403).await;
        assert_eq!(shop.status_from(MALLORY).await, 200, "{line:?}");
        // The stream goes on from there.
        let next = ActionsChange {
            epoch: line.epoch.clone(),
            ..change(line.seq + 1, Vec::new(), &["a-2"])
        };
        backend.line(&next);
        shop.until_from(EVE, 200).await;
        let seen = backend.seen();
        let tag = Some("\"e1-0\"".to_owned());
        assert_eq!(seen.actions.packs, [(tag, 200)], "{line:?}");
        assert_eq!(seen.actions.streams.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_did_not_change_keeps_all() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(config(&backend)).await;
    stream_is_open(&backend, 1).await;
    backend.seen().actions.pack = Some(pack(version(0), Vec::new()));
    let reload = ActionsChange {
        reload: true,
        ..change(0, Vec::new(), &[])
    };
    backend.line(&reload);
    backend
        .wait_for(|seen| !seen.actions.packs.is_empty())
        .await;
    let tag = "\"e1-0\"".to_owned();
    assert_eq!(backend.seen().actions.packs, [(Some(tag), 304)]);
    backend.line(&change(1, vec![block_ip("a-2", EVE)], &[]));
    shop.until_from(EVE, 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_stream_is_opened_again_at_the_position_reached() {
    let backend = scripted::start(Vec::new()).await;
    let shop = Shop::open(config(&backend)).await;
    stream_is_open(&backend, 1).await;
    for seq in 1..=3_u64 {
        let ip = format!("198.51.100.{seq}");
        backend.line(&change(seq, vec![block_ip(&ip, &ip)], &[]));
        shop.until_from(&ip, 403).await;
        backend.seen().actions.stream = None;
        stream_is_open(&backend, 1 + usize::try_from(seq).unwrap()).await;
        let last = backend.seen().actions.streams.last().cloned();
        assert_eq!(last, Some(format!("epoch=e1&seq={seq}")));
    }
    assert_eq!(shop.status_from("198.51.100.1").await, 403, "all the while");
    assert_eq!(backend.seen().logins, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_an_unknown_session_logs_in_again_at_once() {
    let unknown = (On::Stream, Fault::Answer(401, Vec::new()));
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(config(&backend)).await;
    stream_is_open(&backend, 1).await;
    {
        let mut seen = backend.seen();
        seen.add_fault(unknown);
        seen.login.actions = vec![block_ip("a-2", EVE)];
        seen.login.actions_version = Some(version(5));
        seen.actions.stream = None;
    }
    shop.until_from(EVE, 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 200);
    stream_is_open(&backend, 2).await;
    let seen = backend.seen();
    assert_eq!((seen.logins, seen.beats.len()), (2, 0));
    assert_eq!(seen.actions.streams[1], "epoch=e1&seq=5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_knows_no_session_costs_one_login_each_time() {
    let unknown = (On::Stream, Fault::Answer(401, Vec::new()));
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    for _ in 0..4 {
        backend.seen().add_fault(unknown.clone());
    }
    let shop = Shop::open(config(&backend)).await;
    stream_is_open(&backend, 1).await;
    assert_eq!(backend.seen().logins, 5);
    assert_eq!(shop.status_from(MALLORY).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_fails_is_tried_again() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let faults = [
        Fault::Answer(503, vec![("retry-after", "0".to_owned())]),
        Fault::Answer(404, Vec::new()),
        Fault::Answer(302, Vec::new()),
        Fault::Cut,
        Fault::Garbage,
    ];
    for fault in faults {
        backend.seen().add_fault((On::Stream, fault));
    }
    let shop = Shop::open(config(&backend)).await;
    stream_is_open(&backend, 1).await;
    backend.line(&change(1, vec![block_ip("a-2", EVE)], &[]));
    shop.until_from(EVE, 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
    assert_eq!(backend.seen().logins, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_without_a_stream_has_its_pack_loaded_on_command() {
    let ann = block_user("a-1", &[("email", "ann@example.com")]);
    let bob = block_user("a-2", &[("email", "bob@example.com")]);
    let backend = Backend::start().await;
    {
        let mut seen = backend.seen();
        seen.login.actions = vec![ann];
        // As an old backend writes it, without a version.
        let pack = json!({"status": true, "actions": [bob]});
        seen.actions.pack = Some(("\"old\"".to_owned(), pack.to_string().into_bytes()));
    }
    let shop = Shop::open(patient_config(&backend).heartbeat(Duration::from_secs(1))).await;
    until("ann is blocked", async || {
        blocks(&shop.sqreen, "ann@example.com")
    })
    .await;
    backend.seen().commands = vec![Command {
        name: "actions_reload".to_owned(),
        uuid: "c-1".to_owned(),
        ..Command::default()
    }];
    until("bob is blocked", async || {
        blocks(&shop.sqreen, "bob@example.com")
    })
    .await;
    assert!(!blocks(&shop.sqreen, "ann@example.com"));
    backend
        .wait_for(|seen| {
            seen.beats
                .iter()
                .any(|beat| beat.command_results.contains_key("c-1"))
        })
        .await;
    let seen = backend.seen();
    assert!(seen.actions.streams.is_empty());
    assert_eq!(seen.actions.packs, [(None, 200)], "once");
}
