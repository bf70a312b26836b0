//! What people are told of what playbooks did: events in, notices out.

use serde_json::{Value, json};

use super::{Agent, NONE, guessed, with};
use crate::actions::browser::Browser;
use crate::client::{Client, Running};
use crate::enrichment::Files;
use crate::enrichment::mmdb::Mmdb;

const DELIVERIES: &str = "/api/v1/notifications/deliveries";
const HERE: &str = "203.0.113.7";

/// Adds a webhook that nothing is sent to within a minute.
async fn listen(client: &Client) {
    let hook = json!({"name": "hook", "kind": "webhook", "url": "https://hooks.example.com/"});
    let path = "/api/v1/notifications/destinations";
    let (status, added) = client.call("POST", path, &hook).await;
    assert_eq!(status, 201, "{added}");
}

/// All that is told, the newest delivery first.
pub(super) async fn told(client: &Client) -> Vec<Value> {
    let (_, page) = client.call("GET", DELIVERIES, &NONE).await;
    let mut told = Vec::new();
    for delivery in page["deliveries"].as_array().unwrap() {
        let path = format!("{DELIVERIES}/{}", delivery["id"].as_str().unwrap());
        let (_, mut found) = client.call("GET", &path, &NONE).await;
        let notices = found["told"].take();
        told.extend(notices.as_array().unwrap().iter().cloned());
    }
    told
}

pub(super) fn lines(notice: &Value) -> Vec<&str> {
    let details = notice["details"].as_array().unwrap();
    details.iter().map(|line| line.as_str().unwrap()).collect()
}

async fn guess(running: &Running) {
    let mut shop = Agent::new(running, "shop").await;
    for _ in 0..6 {
        shop.login(HERE, "ann@b.example", false).await;
    }
}

#[tokio::test]
async fn what_was_done_to_whom_until_when_and_where_it_comes_from() {
    let files = Files::new();
    let countries = Mmdb::of_countries(&[("203.0.113.0/24", "FR")]);
    files.write("country.mmdb", countries.bytes());
    files.write("tor.txt", "203.0.113.7\n");
    let running = files.server().await;
    let client = &running.client;
    listen(client).await;
    client.put_playbook(&guessed()).await;
    guess(&running).await;
    let runs = client.until_runs(1).await;
    let action = &client.actions("").await[0];
    let until = action["expires_at"].as_str().unwrap();
    let until = format!("{} {}", &until[..10], &until[11..19]);
    let notice = &told(client).await[0];
    assert_eq!(notice["id"], runs[0]["id"]);
    assert_eq!(notice["title"], "Guessed passwords blocked 203.0.113.7");
    let blocked = format!("Address blocked for 5 minutes, until {until} UTC");
    let (rest, events) = (&lines(notice)[..5], lines(notice)[5]);
    assert_eq!(
        rest,
        [
            "6 events in 5 minutes",
            "Application: shop",
            "Country: FR",
            "On the lists: tor",
            &blocked,
        ]
    );
    assert!(events.starts_with("Events: ") && events.ends_with(" and 3 more"));

    let (_, page) = client.call("GET", DELIVERIES, &NONE).await;
    let delivery = page["deliveries"][0]["id"].as_str().unwrap();
    let admin = Browser::sign_in(&running).await;
    let page = admin
        .open(&format!("/notifications/deliveries/{delivery}"))
        .await;
    let run = format!("href=\"/runs/{}\"", runs[0]["id"].as_str().unwrap());
    assert!(
        page.contains(&run) && page.contains("href=\"/playbooks/guessed\""),
        "{page}"
    );
    running.stop().await;
}

#[tokio::test]
async fn what_was_counted_is_that_of_the_rule_that_fired() {
    let running = Running::start().await;
    let client = &running.client;
    listen(client).await;
    let shadow = |slug: &str, fields: Value| {
        let base = json!({
            "slug": slug, "name": slug, "stage": "shadow", "actor": "user", "trigger": {"event": slug},
            "period": "1h", "responses": [{"action": "redirect_user", "url": "https://b.example/", "duration": "permanent"}],
        });
        with(base, fields)
    };
    let grouped = json!({"distinct": {"of": "ip", "at_least": 2}, "at_least": 2, "group_by": "properties.plan"});
    let playbooks = [
        shadow("distinct", grouped),
        shadow(
            "ratio",
            json!({"at_least": 2, "ratio": {"event": "b", "at_least": 2}}),
        ),
        shadow("moved", json!({"first_seen": "ip", "period": "24h"})),
    ];
    let mut shop = Agent::new(&running, "shop").await;
    let ann = json!({"user_identifiers": {"id": "7"}, "properties": {"plan": "free"}});
    for playbook in &playbooks {
        client.put_playbook(playbook).await;
    }
    shop.track(HERE, "b", ann.clone()).await;
    for (n, playbook) in playbooks.iter().enumerate() {
        let slug = playbook["slug"].as_str().unwrap();
        shop.track(HERE, slug, ann.clone()).await;
        shop.track("203.0.113.8", slug, ann.clone()).await;
        client.until_runs(n + 1).await;
    }
    let told = told(client).await;
    let [new, ratio, distinct] = &told[..] else {
        panic!("three notices: {told:?}");
    };
    assert_eq!(distinct["title"], "distinct would have redirected id 7");
    let lines_of = |notice| lines(notice)[..2].join("; ");
    let counted = "2 events with 2 different values of ip in 1 hour";
    let grouped = format!("{counted}; Group: properties.plan free");
    assert_eq!(lines_of(distinct), grouped);
    let would = "User would have been redirected to https://b.example/ for ever";
    assert_eq!(lines(distinct)[3], would);
    let counted = "2 events beside 1 of the others in 1 hour; Application: shop";
    assert_eq!(lines_of(ratio), counted);
    let counted = "A new value of ip in 24 hours: 203.0.113.8; Application: shop";
    assert_eq!(lines_of(new), counted);
    running.stop().await;
}

#[tokio::test]
async fn a_playbook_without_responses_is_recorded_and_told() {
    let running = Running::start().await;
    let client = &running.client;
    listen(client).await;
    client
        .put_playbook(&with(guessed(), json!({"responses": []})))
        .await;
    guess(&running).await;
    let runs = client.until_runs(1).await;
    assert_eq!(runs[0]["outcome"], "recorded");
    assert!(client.actions("").await.is_empty());
    let notice = &told(client).await[0];
    assert_eq!(notice["title"], "Guessed passwords fired on 203.0.113.7");
    assert!(lines(notice).contains(&"It has no responses: nothing was done"));
    running.stop().await;
}
