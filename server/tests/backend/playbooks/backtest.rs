//! Backtests: the same as a live run over the same events, and what they tell beside it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use sqreen_server::playbooks::engine::{Engine, Firing, Limits};
use sqreen_server::playbooks::{Actor, Detection, Playbook, backtest, file};
use sqreen_server::store::{
    EmbeddedStore, EventId, EventStore, ScanMonitor, StoreOptions, StoredEvent, TimeRange,
};

use super::{Agent, NONE, guessed, with};
use crate::client::{API, Running};
use crate::events::Events;

const PATH: &str = "/api/v1/playbooks/backtest";
const START: i64 = 1_700_000_000_000_000;

/// One playbook of each detection and actor.
const PLAYBOOKS: &str = r#"
[[playbook]]
slug = "failures"
actor = "ip"
trigger = { event = "users.login", where = "properties.success:false" }
cancel = { event = "users.login", where = "properties.success:true" }
at_least = 8
period = "30min"

[[playbook]]
slug = "accounts"
actor = "ip_range"
trigger = { event = "users.*", apps = ["shop"] }
distinct = { of = "user.email", at_least = 6 }
period = "10min"
cooldown = "1min"

[[playbook]]
slug = "mostly-wrong"
actor = "user"
trigger = { event = "users.login", where = "-properties.success:true" }
ratio = { event = "users.login", where = "properties.success:true", at_least = 1.5 }
at_least = 5
period = "2h"

[[playbook]]
slug = "new-place"
actor = "user"
trigger = { event = ["users.login", "cart.pay"] }
first_seen = "ip"
group_by = "app"
period = "1h"
"#;

/// Two thousand events within ten hours, of a few people at a few places, the same each time.
fn history() -> Vec<StoredEvent> {
    let mut state = 7_u64;
    let mut below = |limit: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % limit
    };
    let mut time = START;
    let event = |number: u128| {
        time += 1 + i64::try_from(below(36_000_000)).unwrap();
        let name = ["users.login", "users.login", "users.signup", "cart.pay"];
        let name = name[usize::try_from(below(4)).unwrap()];
        let app = ["shop", "blog"][usize::try_from(below(2)).unwrap()];
        let id = EventId::from_bytes(number.to_be_bytes());
        let mut event = StoredEvent::new(id, time, time, app, name);
        event.ip = Some(format!("203.0.{}.{}", below(4), below(8)).parse().unwrap());
        let email = format!("{}@b.example", below(12));
        event.user = (below(10) > 0).then(|| [("email".to_owned(), email.into())].into());
        let success = json!({"success": below(4) == 0});
        event.properties = (name == "users.login")
            .then(|| serde_json::from_value::<Map<String, Value>>(success).unwrap());
        event
    };
    (1..=2_000).map(event).collect()
}

fn playbooks() -> Vec<Arc<Playbook>> {
    let entries = file::read(PLAYBOOKS).unwrap();
    let playbooks = entries.into_iter().map(|entry| Arc::new(entry.playbook));
    playbooks.collect()
}

async fn stored(events: &[StoredEvent]) -> (EmbeddedStore, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().seal_rows(300);
    let store = EmbeddedStore::open(dir.path(), options).unwrap();
    // The newest first, so that the order is the store's doing.
    for events in events.rchunks(70) {
        store.append(events.to_vec()).await.unwrap();
    }
    (store, dir)
}

/// What the live engine makes of the events, as each arrives.
fn live(playbook: &Arc<Playbook>, events: &[StoredEvent]) -> Vec<Firing> {
    let mut engine = Engine::new(Limits::default(), [3; 16]);
    engine.set(vec![Arc::clone(playbook)]);
    let mut firings = Vec::new();
    events
        .iter()
        .for_each(|event| engine.feed(event, &mut firings));
    firings
}

fn actors(firings: &[Firing]) -> BTreeSet<Actor> {
    firings.iter().map(|firing| firing.actor.clone()).collect()
}

#[tokio::test]
async fn a_backtest_tells_what_a_live_run_would_have_done() {
    let events = history();
    let (store, _dir) = stored(&events).await;
    let within = TimeRange {
        from: Some(events[400].time),
        to: Some(events[1_500].time),
    };
    for (range, events) in [(TimeRange::ALL, &events[..]), (within, &events[400..1_500])] {
        for playbook in playbooks() {
            let monitor = ScanMonitor::new();
            let found = backtest(&store, &playbook, range, &[], &monitor);
            let found = found.unwrap().unwrap();
            let mut expected = live(&playbook, events);
            assert!(!expected.is_empty(), "{} never fires", playbook.slug);
            assert_eq!(found.fired, expected.len() as u64, "{}", playbook.slug);
            assert_eq!(found.actors, actors(&expected).len() as u64);
            // Backtests do not tell the events, and tell the newest first.
            expected
                .iter_mut()
                .for_each(|firing| firing.events = Vec::new());
            expected.reverse();
            expected.truncate(1_000);
            assert_eq!(found.firings, expected, "{}", playbook.slug);
            assert_eq!((found.evicted, found.curve_evicted), (0, 0));
            assert!(!found.estimated);
        }
    }
}

#[tokio::test]
async fn the_curve_is_what_other_thresholds_would_have_done() {
    let events = history();
    let (store, _dir) = stored(&events).await;
    for playbook in playbooks() {
        let monitor = ScanMonitor::new();
        let found = backtest(&store, &playbook, TimeRange::ALL, &[], &monitor);
        let found = found.unwrap().unwrap();
        let mut own = None;
        for point in &found.curve {
            let mut other = Playbook::clone(&playbook);
            let whole = point.at_least as u64;
            let threshold = match &mut other.rule.detection {
                Detection::Threshold { events } => std::mem::replace(events, whole) as f64,
                Detection::Distinct { values, events, .. } => {
                    *events = whole;
                    std::mem::replace(values, whole) as f64
                }
                Detection::Ratio { at_least, .. } => std::mem::replace(at_least, point.at_least),
                Detection::FirstSeen { .. } => panic!("has no threshold"),
            };
            let expected = actors(&live(&Arc::new(other), &events)).len() as u64;
            let at = (&playbook.slug, point.at_least);
            assert_eq!(point.actors, expected, "{at:?}");
            if threshold == point.at_least {
                own = Some(expected);
            }
        }
        let has_threshold = !matches!(playbook.rule.detection, Detection::FirstSeen { .. });
        assert_eq!(own, has_threshold.then_some(found.actors));
        assert_eq!((18..=21).contains(&found.curve.len()), has_threshold);
        assert!(found.curve.is_sorted_by(|a, b| a.at_least < b.at_least));
    }
}

#[tokio::test]
async fn a_cancelled_backtest_tells_nothing() {
    let (store, _dir) = stored(&history()).await;
    let monitor = ScanMonitor::new();
    monitor.cancel();
    let playbook = &playbooks()[0];
    let found = backtest(&store, playbook, TimeRange::ALL, &[], &monitor);
    assert_eq!(found.unwrap(), None);
}

/// Four addresses: two guess, one of these is allowed, and one guesses right in the end; two do nothing wrong.
async fn attacked(running: &Running) {
    let entry = json!({"ips": ["203.0.113.8/31"], "comment": "ours"});
    let (status, entry) = running
        .client
        .call("POST", "/api/v1/allowlist", &entry)
        .await;
    assert_eq!(status, 201, "{entry}");
    let mut shop = Agent::new(running, "shop").await;
    for n in 0..7 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
        shop.login("203.0.113.8", &format!("{n}@b.example"), false)
            .await;
    }
    shop.login("203.0.113.7", "ann@b.example", true).await;
    shop.login("198.51.100.1", "bob@b.example", true).await;
    shop.login("198.51.100.2", "bob@b.example", false).await;
    shop.login("198.51.100.3", "bob@b.example", false).await;
}

#[tokio::test]
async fn the_api_tells_the_blast_radius_and_the_same_as_the_runs() {
    let running = Running::start().await;
    let client = &running.client;
    let playbook = with(guessed(), json!({"stage": "shadow", "cooldown": "0s"}));
    client.put_playbook(&playbook).await;
    attacked(&running).await;
    let runs = client.until_runs(2).await;

    let (status, found) = client
        .call("POST", PATH, &json!({"playbook": playbook}))
        .await;
    assert_eq!(status, 200, "{found}");
    let numbers = [
        "events",
        "fired",
        "actors",
        "seen",
        "share",
        "signed_in",
        "allowed",
    ];
    let numbers = numbers.map(|name| found[name].clone());
    assert_eq!(json!(numbers), json!([18, 2, 2, 4, 0.5, 1, 1]));
    let told = |list: &[Value]| -> Vec<Value> {
        let fields = ["at", "actor", "group", "counted"];
        let told = list
            .iter()
            .map(|one| json!(fields.map(|name| one[name].clone())));
        told.collect()
    };
    assert_eq!(told(found["firings"].as_array().unwrap()), told(&runs));
    let at = |at_least: u64| {
        let points = found["curve"].as_array().unwrap().iter();
        let mut points = points.filter(|point| point["at_least"].as_f64() == Some(at_least as f64));
        points.next().unwrap()["actors"].clone()
    };
    assert_eq!(json!([at(1), at(6), at(7), at(8)]), json!([4, 2, 2, 0]));

    // Of a range, what is within.
    let body = json!({"playbook": playbook, "to": "2020-01-01T00:00:00Z"});
    let (status, found) = client.call("POST", PATH, &body).await;
    assert_eq!(
        (status, &found["events"], &found["seen"]),
        (200, &json!(0), &json!(0))
    );
}

#[tokio::test]
async fn a_stream_tells_progress_and_ends_with_the_answer() {
    let running = Running::start().await;
    let client = &running.client;
    attacked(&running).await;
    let body = json!({"playbook": guessed(), "from": 0});
    let (_, whole) = client.call("POST", PATH, &body).await;
    let open = async || {
        let request = client.post(PATH).bearer_auth(API).json(&body);
        let request = request.header("accept", "text/event-stream");
        Events::of(request.send().await.unwrap())
    };
    let mut events = open().await;
    loop {
        let (name, data) = events.next().await.unwrap();
        match name.as_str() {
            "progress" => assert!(data["scanned"].as_u64() <= data["rows"].as_u64()),
            "done" => break assert_eq!(data, whole),
            other => panic!("{other}: {data}"),
        }
    }
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn what_is_wrong_is_named_and_templates_can_be_tried() {
    let running = Running::start().await;
    let client = &running.client;
    for (body, field) in [
        (json!({}), "playbook"),
        (json!({"playbook": {"slug": "a"}}), "playbook.trigger"),
        (
            json!({"playbook": with(guessed(), json!({"period": "1s"}))}),
            "playbook.period",
        ),
        (json!({"playbook": guessed(), "from": "yesterday"}), "from"),
        (json!({"playbook": guessed(), "from": 2, "to": 1}), "from"),
        (json!({"playbook": guessed(), "until": 1}), "until"),
    ] {
        let (status, problem) = client.call("POST", PATH, &body).await;
        assert_eq!((status, &problem["field"]), (400, &json!(field)));
    }
    for slug in ["backtest", "templates"] {
        let body = json!({"playbook": with(guessed(), json!({"slug": slug}))});
        let (status, problem) = client.call("POST", PATH, &body).await;
        assert_eq!((status, &problem["field"]), (400, &json!("playbook.slug")));
    }
    let (status, list) = client
        .call("GET", "/api/v1/playbooks/templates", &NONE)
        .await;
    let templates = list["templates"].as_array().unwrap();
    assert_eq!((status, templates.len() >= 21), (200, true));
    for template in templates {
        let mut playbook = template.clone();
        let family = playbook.as_object_mut().unwrap().remove("family").unwrap();
        assert!(family.is_string());
        let (status, found) = client
            .call("POST", PATH, &json!({"playbook": playbook}))
            .await;
        assert_eq!((status, &found["fired"]), (200, &json!(0)), "{found}");
    }
}
