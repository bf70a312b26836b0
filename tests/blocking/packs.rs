//! Packs and lines that cannot be used: refused whole, what is in force stays, and the backend
//! hears why.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqreen::ConfigBuilder;
use sqreen::protocol::ActionsChange;

use super::scripted::{self, block_ip, change, pack, version};
use super::shop::Shop;
use super::support::{Backend, Fault, On, Seen, assert_settled, patient_config};

const MALLORY: &str = "203.0.113.7";
const EVE: &str = "203.0.113.8";
/// The longest line that is read.
const MAX_LINE: usize = 8 << 20;

fn config(backend: &Backend) -> ConfigBuilder {
    patient_config(backend).heartbeat(Duration::from_secs(1))
}

fn open(seen: &Seen) -> bool {
    seen.actions.stream.is_some()
}

/// The error of the last heartbeat.
fn error(seen: &Seen) -> Option<&str> {
    seen.beats.last()?.actions.as_ref()?.error.as_deref()
}

/// Actions of which one is wrong, and what names it.
fn one_wrong() -> [(Value, &'static str); 8] {
    let good = || serde_json::to_value(block_ip("good", EVE)).unwrap();
    let wrong = |field: &str, value: Value| {
        let mut action = serde_json::to_value(block_ip("wrong", MALLORY)).unwrap();
        *action.pointer_mut(field).unwrap() = value;
        json!([good(), action])
    };
    [
        (
            wrong("/parameters/ip_cidr/0", json!("203.0.113.700")),
            "parameters.ip_cidr",
        ),
        (
            wrong("/parameters/ip_cidr/0", json!("203.0.113.7/33")),
            "parameters.ip_cidr",
        ),
        (
            wrong("/parameters/ip_cidr", json!([])),
            "parameters.ip_cidr",
        ),
        (wrong("/duration", json!(-1)), "duration"),
        (wrong("/action_id", json!("good")), "action_id"),
        (wrong("/action_id", json!("")), "action_id"),
        (wrong("/action", json!("redirect_ip")), "parameters.url"),
        (wrong("/action", json!("block_user")), "parameters.users"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_with_one_wrong_action_is_refused_whole() {
    let cases = one_wrong().map(|(actions, named)| async move {
        let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
        let shop = Shop::open(config(&backend)).await;
        backend.wait_for(open).await;
        let (tag, _) = pack(version(9), Vec::new());
        let body = json!({"status": true, "actions": actions, "version": version(9)});
        backend.seen().actions.pack = Some((tag, body.to_string().into_bytes()));
        let reload = ActionsChange {
            reload: true,
            ..change(9, Vec::new(), &[])
        };
        backend.line(&reload);
        backend
            .wait_for(|seen| error(seen).is_some_and(|error| error.contains(named)))
            .await;
        assert_eq!(shop.status_from(MALLORY).await, 403, "{named}");
        assert_eq!(shop.status_from(EVE).await, 200, "{named}");
        let beat = backend
            .seen()
            .beats
            .last()
            .unwrap()
            .actions
            .clone()
            .unwrap();
        assert_eq!((beat.version, beat.live), (Some(version(0)), 1), "{named}");
    });
    join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_pack_keeps_what_is_in_force_until_a_good_one_comes() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(config(&backend)).await;
    backend.wait_for(open).await;
    let texts = [
        "<html>It works!</html>",
        "{\"status\":true,\"actions\":{\"a\":1}}",
        "{\"status\":true,\"actions\":[1]}",
        "{\"status\":false,\"actions\":[]}",
        "{\"actions\":[]}",
        "[]",
        "",
    ];
    for (seq, text) in (1..).zip(texts) {
        backend.seen().actions.pack = Some(("\"x\"".to_owned(), text.into()));
        backend.seen().beats.clear();
        let asked = backend.seen().actions.packs.len();
        backend.line(&change(seq * 10, Vec::new(), &[]));
        backend
            .wait_for(|seen| seen.actions.packs.len() > asked && error(seen).is_some())
            .await;
        assert_eq!(shop.status_from(MALLORY).await, 403, "{text}");
    }
    backend.seen().actions.pack = Some(pack(version(99), vec![block_ip("a-2", EVE)]));
    backend.line(&change(99, Vec::new(), &[]));
    shop.until_from(EVE, 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 200);
    let recovered = |seen: &Seen| {
        let state = seen.beats.last().and_then(|beat| beat.actions.clone());
        state.is_some_and(|state| state.version == Some(version(99)) && state.error.is_none())
    };
    backend.wait_for(recovered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_flow_while_actions_are_refused() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    backend.seen().actions.pack = Some(("\"x\"".to_owned(), b"garbage".to_vec()));
    let shop = Shop::open(config(&backend)).await;
    backend.wait_for(open).await;
    backend.raw_line(b"garbage".to_vec());
    backend.wait_for(|seen| error(seen).is_some()).await;
    for _ in 0..10 {
        shop.sqreen.track("tick");
    }
    backend.wait_for(|seen| seen.ids.len() == 10).await;
    let report = shop.sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert!(report.is_complete());
}

/// One that is no JSON, one that is no change, one with a wrong action, and one without an end.
#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_line_changes_nothing_and_has_the_pack_loaded() {
    let wrong = change(
        1,
        vec![block_ip("good", EVE), block_ip("wrong", "nowhere")],
        &["a-1"],
    );
    let lines = [
        b"{\"epoch\":\"e1\",\"seq\":1,\"lift\":[\"a-1\"".to_vec(),
        b"{\"epoch\":\"e1\",\"seq\":1,\"put\":7,\"lift\":[\"a-1\"]}".to_vec(),
        Vec::new(),
        vec![0xff; 100],
        serde_json::to_vec(&wrong).unwrap(),
        vec![b' '; MAX_LINE + 1],
    ];
    let cases = lines.map(|line| async move {
        let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
        backend.seen().actions.pack = Some(pack(version(0), Vec::new()));
        let shop = Shop::open(config(&backend)).await;
        backend.wait_for(open).await;
        let shown = String::from_utf8_lossy(line.get(..60).unwrap_or(&line)).into_owned();
        backend.raw_line(line);
        // What is in force is what the backend has: 304.
        backend
            .wait_for(|seen| !seen.actions.packs.is_empty() && error(seen).is_some())
            .await;
        assert_eq!(backend.seen().actions.packs[0].1, 304, "{shown}");
        assert_eq!(shop.status_from(MALLORY).await, 403, "{shown}");
        assert_eq!(shop.status_from(EVE).await, 200, "{shown}");
        // The next change is good, and the error forgotten.
        backend.wait_for(open).await;
        backend.line(&change(1, vec![block_ip("a-2", EVE)], &[]));
        shop.until_from(EVE, 403).await;
        backend.seen().beats.clear();
        backend.wait_for(|seen| !seen.beats.is_empty()).await;
        assert_eq!(error(&backend.seen()), None, "{shown}");
        assert_eq!(backend.seen().logins, 1);
    });
    join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backend_hears_of_a_bad_line_even_if_a_good_pack_follows_at_once() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(config(&backend)).await;
    backend.wait_for(open).await;
    backend.seen().beats.clear();
    backend.seen().actions.pack = Some(pack(version(1), vec![block_ip("a-2", EVE)]));
    backend.raw_line(b"garbage".to_vec());
    shop.until_from(EVE, 403).await;
    let told = |seen: &Seen| error(seen).is_some();
    backend.wait_for(told).await;
    // Once.
    backend.wait_for(|seen| !told(seen)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_actions_in_the_login_do_not_prevent_it() {
    let malformed = [
        json!(7),
        json!({"a": 1}),
        json!([1]),
        json!([{"action_id": 1}]),
    ];
    let wrong = one_wrong().map(|(actions, _)| actions);
    let cases = malformed
        .into_iter()
        .chain(wrong)
        .map(|actions| async move {
            let backend = scripted::start(Vec::new()).await;
            backend.seen().actions.in_login = Some(actions.clone());
            backend.seen().actions.pack = Some(pack(version(1), vec![block_ip("a-2", EVE)]));
            let shop = Shop::open(config(&backend)).await;
            shop.sqreen.track("tick");
            backend
                .wait_for(|seen| seen.ids.len() == 1 && error(seen).is_some())
                .await;
            assert_eq!(shop.status_from(MALLORY).await, 200, "{actions}");
            assert_eq!(shop.status_from(EVE).await, 200, "{actions}");
            // The stream goes on from nothing.
            backend.wait_for(open).await;
            assert_eq!(backend.seen().actions.streams, [""], "{actions}");
            backend.line(&ActionsChange {
                reload: true,
                ..change(1, Vec::new(), &[])
            });
            shop.until_from(EVE, 403).await;
            assert_eq!(backend.seen().logins, 1);
        });
    join_all(cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_login_with_malformed_actions_keeps_what_is_in_force() {
    let backend = scripted::start(vec![block_ip("a-1", MALLORY)]).await;
    let shop = Shop::open(config(&backend)).await;
    shop.until_from(MALLORY, 403).await;
    {
        let mut seen = backend.seen();
        seen.actions.in_login = Some(json!([{"action": "block_ip", "action_id": "x"}]));
        seen.add_fault((On::Beat, Fault::Answer(401, Vec::new())));
    }
    backend
        .wait_for(|seen| seen.logins == 2 && error(seen).is_some())
        .await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn kinds_of_a_later_protocol_are_skipped() {
    let mut later = block_ip("a-1", MALLORY);
    later.action = "quarantine".to_owned();
    let backend = scripted::start(vec![later, block_ip("a-2", EVE)]).await;
    let shop = Shop::open(config(&backend)).await;
    shop.until_from(EVE, 403).await;
    assert_eq!(shop.status_from(MALLORY).await, 200);
    backend.wait_for(|seen| !seen.beats.is_empty()).await;
    assert_eq!(error(&backend.seen()), None);
}
