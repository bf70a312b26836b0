//! A server that has much of everything. What others send holds what takes the most room in HTML.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sqreen::protocol::Timestamp;

use super::super::actions::browser::{ADMIN, Browser, PASSWORD};
use super::super::client::{Client, Running, block, old, sdk, uuid};

pub(super) struct Filled {
    pub(super) browser: Browser,
    /// The addresses of pages.
    pub(super) actors: Vec<String>,
    pub(super) events: Vec<String>,
    /// Ids, and a slug.
    pub(super) runs: Vec<String>,
    pub(super) deliveries: Vec<String>,
    pub(super) destinations: Vec<String>,
    pub(super) playbook: String,
    /// By the path of a list: texts of which each is on one of its pages.
    pub(super) listed: BTreeMap<&'static str, Vec<String>>,
}

/// A text of so many bytes that starts so.
fn long(start: &str, bytes: usize, fill: &str) -> String {
    let mut text = start.to_owned();
    while text.len() + fill.len() <= bytes {
        text += fill;
    }
    text
}

fn hostile(start: &str, bytes: usize) -> String {
    long(start, bytes, "\"")
}

impl Filled {
    pub(super) async fn new(running: &Running) -> Self {
        let client = &running.client;
        Browser::sign_in(running).await;
        let mut listed = BTreeMap::new();
        listed.insert("/people", people(client).await);
        sessions(client).await;
        let browser = Browser::sign_in(running).await;
        tokens(client).await;
        listed.insert("/delivery", agents(client).await);
        listed.insert("/actions", actions(client).await);
        listed.insert("/playbooks", playbooks(client).await);
        let (destinations, deliveries) = notifications(client).await;
        listed.insert("/notifications", (0..40).map(destination).collect());
        listed.insert("/views", views(client).await);
        let events = events(client).await;
        let runs = runs(client).await;
        let user: String = (0..16)
            .map(|n| format!("&user.{n}={}", "v".repeat(110)))
            .collect();
        Self {
            browser,
            actors: vec![
                "/actor?ip=203.0.113.7".to_owned(),
                format!("/actor?{}", &user[1..]),
            ],
            events,
            runs,
            deliveries,
            destinations,
            playbook: slug(0),
            listed,
        }
    }
}

async fn made(client: &Client, path: &str, body: &Value) -> Value {
    let (status, answer) = client.call("POST", path, body).await;
    assert!([200, 201].contains(&status), "{path}: {answer}");
    answer
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

async fn people(client: &Client) -> Vec<String> {
    let mut names = Vec::new();
    for n in 0..110 {
        let name = long(&format!("person-{n}-"), 128, "a");
        made(
            client,
            "/api/v1/people",
            &json!({"name": name, "role": "viewer"}),
        )
        .await;
        // The name alone is also in the label of its form.
        names.push(format!("Role of {name}"));
    }
    names
}

async fn sessions(client: &Client) {
    for _ in 0..50 {
        let browser = Browser::stranger(client);
        let request = browser.request("/signin", &[("name", ADMIN), ("password", PASSWORD)]);
        let request = request.header("user-agent", hostile("", 300));
        assert_eq!(request.send().await.unwrap().status(), 303);
    }
}

async fn tokens(client: &Client) {
    for n in 0..50 {
        let body =
            json!({"kind": "api", "role": "viewer", "comment": hostile(&format!("{n} "), 256)});
        let token = made(client, "/api/v1/tokens", &body).await;
        if n % 2 == 0 {
            let path = format!("/api/v1/tokens/{}", id(&token));
            assert_eq!(client.call("DELETE", &path, &Value::Null).await.0, 200);
        }
    }
}

/// Agents of many hosts and applications, all of which lose events and are not fully kept.
async fn agents(client: &Client) -> Vec<String> {
    let mut hosts = Vec::new();
    for n in 0..30 {
        let app = hostile(&format!("app-{n}-"), 200);
        let host = format!("host-{n}-");
        let mut login = sdk();
        login["hostname"] = hostile(&host, 250).into();
        login["environment"] = hostile("", 200).into();
        let answer = client.login_as(&app, &login).await;
        let session = answer["session_id"].as_str().unwrap();
        let reasons: Map<_, _> = (0..64)
            .map(|r| (hostile(&format!("{r}"), 60), json!(r + 1)))
            .collect();
        let outcomes = json!({
            "instance": format!("i-{n}"), "tracked": 5_000, "accepted": 840, "duplicate": 0, "pending": 0,
            "rejected": reasons, "dropped": reasons,
        });
        client.beat(session, &json!({"outcomes": outcomes})).await;
        let answer = client.login_as(&app, &old("nodejs")).await;
        let session = answer["session_id"].as_str().unwrap();
        let kinds: Vec<_> = (0..5)
            .map(|k| json!({"name": hostile(&format!("{k}"), 60), "start": "2026-11-23T10:00:00Z", "observation": {"a": 1}}))
            .collect();
        client.beat(session, &json!({"metrics": kinds})).await;
        hosts.push(format!(">{host}&quot;"));
    }
    hosts
}

/// Actions in force, others that have ended, and an allow list.
async fn actions(client: &Client) -> Vec<String> {
    let mut listed = Vec::new();
    for n in 0..60 {
        let users: Vec<Value> = (0..6)
            .map(|u| {
                let pairs =
                    (0..16).map(|p| (format!("{n}-{p}"), json!(hostile(&format!("{u}"), 500))));
                Value::Object(pairs.collect())
            })
            .collect();
        let mut body = if n % 2 == 0 {
            json!({"action": "block_user", "users": users})
        } else {
            block(&[&format!("203.0.{n}.7")])
        };
        body["comment"] = hostile("", 1_000).into();
        body["duration_s"] = 3_600.into();
        let action = client.act(&body).await;
        if n % 3 == 0 {
            let path = format!("/api/v1/actions/{}", id(&action));
            assert_eq!(client.call("DELETE", &path, &Value::Null).await.0, 200);
        } else {
            listed.push(format!("id=\"a-{}\"", id(&action)));
        }
    }
    // All of them meet the address, and with it the pages of its events and of itself.
    for n in 0..40 {
        let mut body = block(&["203.0.113.0/24", &format!("198.18.{n}.0/24")]);
        body["comment"] = "many".into();
        client.act(&body).await;
    }
    for n in 0..20 {
        let paths: Vec<_> = (0..100)
            .map(|p| long(&format!("/{n}/{p}/"), 1_000, "a"))
            .collect();
        let body =
            json!({"paths": paths, "ips": ["203.0.113.0/24"], "comment": hostile("", 1_000)});
        let entry = made(client, "/api/v1/allowlist", &body).await;
        listed.push(format!("/actions/allowlist/{}/remove", id(&entry)));
    }
    listed
}

fn slug(n: usize) -> String {
    long(&format!("p-{n}-"), 64, "a")
}

async fn playbooks(client: &Client) -> Vec<String> {
    let mut listed = Vec::new();
    for n in 0..40 {
        let events: Vec<_> = (0..32).map(|e| long(&format!("e{e}."), 100, "a")).collect();
        let body = json!({
            "slug": slug(n), "name": hostile(&format!("{n} "), 128), "description": hostile("", 2_000), "actor": "user",
            "trigger": {"event": events, "where": format!("path:\"{}\"", "a".repeat(2_000))}, "at_least": 6, "period": "5min",
            "version": 0,
        });
        let (status, stored) = client
            .call("PUT", &format!("/api/v1/playbooks/{}", slug(n)), &body)
            .await;
        assert_eq!(status, 201, "{stored}");
        listed.push(format!("href=\"/playbooks/{}\"", slug(n)));
    }
    listed
}

fn destination(n: usize) -> String {
    format!(
        "aria-label=\"Remove {}\"",
        long(&format!("hook-{n}-"), 100, "a")
    )
}

/// Destinations, and tests that fail; returns the ids of some of both.
async fn notifications(client: &Client) -> (Vec<String>, Vec<String>) {
    let (mut destinations, mut deliveries) = (Vec::new(), Vec::new());
    for n in 0..40 {
        let slugs: Vec<_> = (0..40).map(slug).collect();
        let url = long("https://127.0.0.1/", 2_000, "a");
        let name = long(&format!("hook-{n}-"), 100, "a");
        let body = json!({"name": name, "kind": "webhook", "url": url, "playbooks": slugs});
        let added = made(client, "/api/v1/notifications/destinations", &body).await;
        let path = format!("/api/v1/notifications/destinations/{}/test", id(&added));
        destinations.push(id(&added));
        deliveries.push(id(&made(client, &path, &Value::Null).await));
    }
    destinations.truncate(1);
    deliveries.truncate(3);
    (destinations, deliveries)
}

async fn views(client: &Client) -> Vec<String> {
    let mut listed = Vec::new();
    for n in 0..80 {
        let place = format!("/?filter=path:{}", "a".repeat(1_000));
        made(
            client,
            "/api/v1/views",
            &json!({"name": hostile(&format!("view {n} "), 100), "place": place}),
        )
        .await;
        listed.push(format!("aria-label=\"Remove view {n} &quot;"));
    }
    listed
}

fn record(n: u64, ip: &str, name: &str, options: &Value) -> Value {
    let time = Timestamp::now();
    json!({
        "event_type": "request_record", "version": "20171208", "client_ip": ip,
        "request": {"rid": "r", "verb": "GET", "path": format!("/{}", hostile("", 900)), "user_agent": hostile("", 900)},
        "response": {"status": 204},
        "observed": {"sdk": [{"id": uuid(n), "time": time, "name": "track", "args": [name, options]}]},
    })
}

/// Events of everything that is long; returns the addresses of the pages of two of them.
async fn events(client: &Client) -> Vec<String> {
    let session = client.login("shop").await;
    let records: Vec<_> = (0..12)
        .map(|n| {
            let text = hostile(&format!("{n}"), 900);
            let properties: Map<_, _> = (0..60).map(|p| (format!("p{p}"), json!(text))).collect();
            let user: Map<_, _> = (0..16)
                .map(|p| (format!("{p}"), json!("v".repeat(110))))
                .collect();
            record(
                n,
                "203.0.113.7",
                &hostile("", 256),
                &json!({"user_identifiers": user, "properties": properties}),
            )
        })
        .collect();
    client.batch(&session, Value::Array(records)).await;
    let deep: Map<_, _> = (0..100)
        .map(|p| (hostile(&format!("{p}"), 300), json!(hostile("", 300))))
        .collect();
    let options = json!({"properties": {"deep": deep}});
    let deep = json!([record(99, "203.0.113.7", "deep", &options)]);
    let answer = client.batch(&session, deep).await;
    assert_eq!(answer["accepted"], 1, "{answer}");
    let events = client.events("limit=1000").await;
    let page = |event: &Value| {
        format!(
            "/event/{}?time={}",
            id(event),
            event["time"].as_str().unwrap()
        )
    };
    let deep = events.iter().find(|event| event["name"] == "deep").unwrap();
    let other = events.iter().find(|event| event["name"] != "deep").unwrap();
    vec![page(deep), page(other)]
}

/// Runs, one of them of many events; returns their ids.
async fn runs(client: &Client) -> Vec<String> {
    let rule = |slug: &str, at_least: u64| {
        json!({
            "slug": slug, "stage": "enforce", "actor": "user", "trigger": {"event": slug, "where": format!("-path:\"{}\"", "a".repeat(2_000))},
            "at_least": at_least, "period": "5min", "version": 0, "max_actors_per_hour": 1_000,
            "responses": [{"action": "redirect_user", "url": format!("https://a.example/{}", "a".repeat(2_000)), "duration": ["5min"]}],
        })
    };
    for (slug, at_least) in [("once", 1), ("often", 300)] {
        let path = format!("/api/v1/playbooks/{slug}");
        let (status, stored) = client.call("PUT", &path, &rule(slug, at_least)).await;
        assert_eq!(status, 201, "{stored}");
    }
    let session = client.login("shop").await;
    let of = |n: u64, name: &str, user: u64| {
        let email = hostile(&format!("{user}"), 300);
        record(
            1_000 + n,
            "198.51.100.7",
            name,
            &json!({"user_identifiers": {"email": email}}),
        )
    };
    let once: Vec<_> = (0..60).map(|n| of(n, "once", n)).collect();
    let often: Vec<_> = (0..300).map(|n| of(100 + n, "often", 0)).collect();
    client.batch(&session, Value::Array(once)).await;
    client.batch(&session, Value::Array(often)).await;
    let runs = client.until_runs(61).await;
    let of = |slug: &str| id(runs.iter().find(|run| run["playbook"] == slug).unwrap());
    vec![of("once"), of("often")]
}
