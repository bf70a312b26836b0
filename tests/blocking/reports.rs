//! What is told of an action's application.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqreen::protocol::Action;
use sqreen::{ConfigBuilder, UserIdentifiers};

use super::scripted::{self, block_ip, block_user, change, redirect_ip};
use super::shop::{Shop, status};
use super::support::{Backend, Fault, On, Stored, assert_balanced, assert_settled, patient_config};
use super::until;

const MALLORY: &str = "203.0.113.7";
const EVE: &str = "203.0.113.8";
const ANN: &str = "email=ann@example.com";

fn config(backend: &Backend) -> ConfigBuilder {
    patient_config(backend).heartbeat(Duration::from_secs(3_600))
}

/// A shop that has the actions, before any request was stopped.
async fn open(
    actions: Vec<Action>,
    configure: impl FnOnce(ConfigBuilder) -> ConfigBuilder,
) -> (Shop, Backend) {
    let last = block_user("last", &[("email", "last@example.com")]);
    let backend = scripted::start([actions, vec![last]].concat()).await;
    let shop = Shop::open(configure(config(&backend))).await;
    let last = UserIdentifiers::new("email", "last@example.com");
    until("the pack is there", async || shop.sqreen.is_blocked(&last)).await;
    (shop, backend)
}

fn property<'a>(event: &'a Stored, name: &str) -> &'a Value {
    event.options.properties.get(name).unwrap_or(&Value::Null)
}

fn reports(backend: &Backend, name: &str) -> Vec<Stored> {
    let mut events = backend.events();
    events.retain(|event| event.name == name);
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_is_reported_with_its_action_actor_and_status() {
    let mut redirect = block_user("a-4", &[("email", "bob@example.com")]);
    redirect.action = "redirect_user".to_owned();
    redirect.parameters.url = Some("https://help.example/".to_owned());
    let actions = vec![
        block_ip("a-1", MALLORY),
        redirect_ip("a-2", EVE, "https://help.example/"),
        block_user("a-3", &[("email", "ann@example.com")]),
        redirect,
    ];
    let (shop, backend) = open(actions, |config| config).await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
    assert_eq!(shop.status_from(EVE).await, 303);
    assert_eq!(shop.status_by(ANN).await, 403);
    assert_eq!(shop.status_by("email=bob@example.com").await, 303);
    let report = shop.sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, 4);
    let user = |email: &str| json!({"user": {"email": email}});
    for (name, id, status, output) in [
        ("block_ip", "a-1", 403, json!({"ip_address": MALLORY})),
        ("redirect_ip", "a-2", 303, json!({"ip_address": EVE})),
        ("block_user", "a-3", 403, user("ann@example.com")),
        ("redirect_user", "a-4", 303, user("bob@example.com")),
    ] {
        let event = backend.event(&format!("sq.action.{name}"));
        assert_eq!(event.call, "track", "{name}");
        assert_eq!(property(&event, "action_id"), id, "{name}");
        assert_eq!(property(&event, "output"), &output, "{name}");
        assert_eq!(event.status(), Some(status), "{name}");
        assert_eq!(
            event.user("email"),
            output["user"]["email"].as_str(),
            "{name}"
        );
        for absent in ["dry_run", "suppressed"] {
            assert_eq!(property(&event, absent), &Value::Null, "{name}");
        }
    }
    let event = backend.event("sq.action.block_ip");
    assert_eq!(event.record.client_ip.as_deref(), Some(MALLORY));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_that_asks_for_no_report_gets_none() {
    let mut silent = block_ip("a-1", MALLORY);
    silent.send_response = false;
    let (shop, backend) = open(vec![silent], |config| config).await;
    assert_eq!(shop.status_from(MALLORY).await, 403);
    let report = shop.sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(
        (report.stats.tracked, report.stats.suppressed_reports),
        (0, 0)
    );
}

/// Reports of one actor come 10 seconds apart.
#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_reported_once_in_a_while_and_what_was_left_out_is_told_later() {
    let actions = vec![
        block_ip("a-1", "203.0.113.0/24"),
        block_user("a-2", &[("email", "ann@example.com")]),
    ];
    let (shop, backend) = open(actions, |config| config).await;
    let mut left_out = 0;
    for _ in 0..5 {
        assert_eq!(shop.status_from(MALLORY).await, 403);
    }
    // Others are none of its business: another actor, another action.
    assert_eq!(shop.status_from(EVE).await, 403);
    assert_eq!(shop.status_by(ANN).await, 403);
    until("it is reported again", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let before = shop.sqreen.stats();
        assert_eq!(shop.status_from(MALLORY).await, 403);
        let after = shop.sqreen.stats();
        left_out = after.suppressed_reports;
        assert_balanced(&after);
        after.tracked > before.tracked
    })
    .await;
    let report = shop.sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.suppressed_reports, left_out);
    let of = reports(&backend, "sq.action.block_ip");
    let told = |ip: &str| -> Vec<Value> {
        let of = of
            .iter()
            .filter(|event| property(event, "output")["ip_address"] == ip);
        of.map(|event| property(event, "suppressed").clone())
            .collect()
    };
    assert!(left_out >= 4, "{left_out}");
    assert_eq!(told(MALLORY), [Value::Null, json!(left_out)]);
    assert_eq!(told(EVE), [Value::Null]);
    assert_eq!(reports(&backend, "sq.action.block_user").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_many_actors_never_costs_a_login() {
    const QUEUE: u64 = 100;
    const LOGINS: usize = 50;
    let (shop, backend) = open(vec![block_ip("a-1", "198.18.0.0/15")], |config| {
        config.queue_events(QUEUE as usize)
    })
    .await;
    // The backend takes no events for now.
    for _ in 0..10_000 {
        backend
            .seen()
            .add_fault((On::Batch, Fault::Answer(503, Vec::new())));
    }
    for login in 0..LOGINS / 2 {
        let user = UserIdentifiers::new("email", format!("{login}@example.com"));
        shop.sqreen.auth_track(true, user);
    }
    let flood = (0..1_000).map(|actor| {
        let request = shop.from(&format!("198.18.{}.{}", actor / 250, actor % 250), "/");
        status(request)
    });
    for status in join_all(flood).await {
        assert_eq!(status, 403);
    }
    assert_balanced(&shop.sqreen.stats());
    for login in LOGINS / 2..LOGINS {
        let user = UserIdentifiers::new("email", format!("{login}@example.com"));
        shop.sqreen.auth_track(true, user);
    }
    let stats = shop.sqreen.stats();
    assert_balanced(&stats);
    assert!(stats.pending <= QUEUE, "{stats:?}");
    let left_out = stats.suppressed_reports;
    assert_eq!(stats.tracked + left_out, 1_000 + LOGINS as u64);
    backend.recover();
    let report = shop.sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let logins = backend.events();
    let logins = logins.iter().filter(|event| event.call == "auth_track");
    assert_eq!(logins.count(), LOGINS, "{:?}", report.stats);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_is_reported_and_stops_nothing() {
    let mut ip = block_ip("a-1", MALLORY);
    let mut user = block_user("a-2", &[("email", "ann@example.com")]);
    (ip.dry_run, user.dry_run) = (true, true);
    let (shop, backend) = open(vec![ip, user, block_ip("a-3", EVE)], |config| config).await;
    assert_eq!(shop.status_from(MALLORY).await, 200);
    assert_eq!(status(shop.by(ANN, "/question")).await, 200);
    assert!(
        !shop
            .sqreen
            .is_blocked(&UserIdentifiers::new("email", "ann@example.com"))
    );
    assert_eq!(shop.status_from(EVE).await, 403);
    // One in its place that is none.
    backend.line(&change(1, vec![block_ip("a-1", MALLORY)], &[]));
    shop.until_from(MALLORY, 403).await;
    let report = shop.sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let ips = reports(&backend, "sq.action.block_ip");
    let dry = ips
        .iter()
        .filter(|event| property(event, "dry_run") == true);
    let dry: Vec<_> = dry
        .map(|event| (property(event, "action_id"), event.status()))
        .collect();
    assert_eq!(dry, [(&json!("a-1"), Some(200))]);
    let user = backend.event("sq.action.block_user");
    assert_eq!(
        (property(&user, "dry_run"), user.status()),
        (&json!(true), Some(200))
    );
    assert_eq!(user.user("email"), Some("ann@example.com"));
}
