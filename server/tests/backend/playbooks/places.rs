//! Playbooks on what is known of addresses, wherever they are written.

use serde_json::{Value, json};

use super::{Agent, NONE, with};
use crate::actions::browser::Browser;
use crate::client::{Client, Running};
use crate::enrichment::mmdb::Mmdb;
use crate::enrichment::{Files, until_gauge};
use crate::operation::{printed, run};

const FRANCE: &str = "203.0.113.1";
const EXIT: &str = "203.0.113.7";
const BRAZIL: &str = "198.51.100.1";

fn known() -> Files {
    let files = Files::new();
    let countries = [("203.0.113.0/24", "FR"), ("198.51.100.0/24", "BR")];
    files.write("country.mmdb", Mmdb::of_countries(&countries).bytes());
    let asns = Mmdb::new(6, 32).asn("203.0.113.0/24", 64_500);
    files.write("asn.mmdb", asns.bytes());
    files.write("tor.txt", EXIT);
    files
}

/// A template, in this stage.
async fn template(client: &Client, slug: &str, stage: &str) -> Value {
    let mut template = client.template(slug).await;
    assert_eq!(template["family"], "Places");
    template.as_object_mut().unwrap().remove("family");
    with(template, json!({"stage": stage}))
}

fn actors(runs: &[Value]) -> Value {
    runs.iter().map(|run| run["actor"].clone()).collect()
}

#[tokio::test]
async fn templates_of_places_act_on_what_the_files_say() {
    let files = known();
    let running = files.server().await;
    let client = &running.client;
    let tor = template(client, "tor-logins", "enforce").await;
    let new_country = template(client, "new-country", "shadow").await;
    for playbook in [&tor, &new_country] {
        client.put_playbook(playbook).await;
    }
    let mut shop = Agent::new(&running, "shop").await;
    // Whoever tries a password is not the user.
    shop.login(EXIT, "eve@b.example", false).await;
    for (ip, email) in [
        (FRANCE, "ann@b.example"),
        (EXIT, "bob@b.example"),
        (BRAZIL, "ann@b.example"),
        (FRANCE, "ann@b.example"),
    ] {
        shop.login(ip, email, true).await;
    }
    client.until_runs(2).await;
    let runs = client.runs("playbook=tor-logins").await;
    assert_eq!(actors(&runs), json!([{"email": "bob@b.example"}]));
    let actions = client.actions("").await;
    assert_eq!(actions.len(), 1);
    assert_eq!(actions[0]["users"], json!([{"email": "bob@b.example"}]));
    let runs = client.runs("playbook=new-country").await;
    assert_eq!(actors(&runs), json!([{"email": "ann@b.example"}]));
    assert_eq!(runs[0]["counted"]["value"], "BR");
}

#[tokio::test]
async fn a_backtest_takes_what_was_known_when_the_events_came() {
    let files = known();
    let running = files.server().await;
    let client = &running.client;
    let mut shop = Agent::new(&running, "shop").await;
    for (ip, email) in [
        (EXIT, "ann@b.example"),
        (FRANCE, "bob@b.example"),
        (BRAZIL, "ann@b.example"),
    ] {
        shop.login(ip, email, true).await;
    }
    // Now it is the other way round.
    files.replace("tor.txt", format!("{FRANCE}\n{BRAZIL}\n"));
    until_gauge(client, "entries", "list:tor", 2).await;
    for (slug, expected) in [
        ("tor-logins", json!([{"email": "ann@b.example"}])),
        ("new-country", json!([{"email": "ann@b.example"}])),
    ] {
        let playbook = template(client, slug, "draft").await;
        let body = json!({"playbook": playbook});
        let path = "/api/v1/playbooks/backtest";
        let (status, found) = client.call("POST", path, &body).await;
        assert_eq!(status, 200, "{found}");
        assert_eq!(actors(found["firings"].as_array().unwrap()), expected);
    }
}

/// The filter of the next test, and who meets it.
const WHERE: &str = "country:FR asn:64500 -network:tor";

async fn meets_the_filter(running: &Running) {
    let client = &running.client;
    let mut shop = Agent::new(running, "shop").await;
    for ip in [BRAZIL, EXIT, FRANCE] {
        shop.track(ip, "cart.pay", json!({})).await;
    }
    let runs = client.until_runs(1).await;
    assert_eq!(actors(&runs), json!([FRANCE]));
}

fn conditional() -> Value {
    json!({
        "slug": "abroad", "stage": "shadow", "actor": "ip", "at_least": 1, "period": "5min",
        "trigger": {"event": "cart.pay", "where": WHERE},
    })
}

#[tokio::test]
async fn conditions_are_taken_by_the_api() {
    let running = known().server().await;
    running.client.put_playbook(&conditional()).await;
    meets_the_filter(&running).await;
    let wrong = json!({"version": 0, "slug": "wrong", "trigger": {"event": "a", "where": "country:France"}});
    let path = "/api/v1/playbooks/wrong";
    let body = with(conditional(), wrong);
    let (status, problem) = running.client.call("PUT", path, &body).await;
    assert_eq!((status, &problem["field"]), (400, &json!("trigger.where")));
}

#[tokio::test]
async fn conditions_are_taken_by_the_editor() {
    let running = known().server().await;
    let browser = Browser::sign_in(&running).await;
    let fields = [
        ("slug", "abroad"),
        ("actor", "ip"),
        ("trigger.event", "cart.pay"),
        ("trigger.where", WHERE),
        ("detection", "threshold"),
        ("at_least", "1"),
        ("period", "5min"),
    ];
    let (status, place, page) = browser.send("/playbooks/new", &fields).await;
    assert_eq!(
        (status, place.as_str()),
        (303, "/playbooks/abroad"),
        "{page}"
    );
    let path = "/api/v1/playbooks/abroad";
    let (_, stored) = running.client.call("GET", path, &NONE).await;
    assert_eq!(stored["trigger"]["where"], WHERE, "{stored}");
    let stage = json!({"stage": "shadow"});
    let path = format!("{path}/stage");
    let (status, answer) = running.client.call("PUT", &path, &stage).await;
    assert_eq!(status, 200, "{answer}");
    meets_the_filter(&running).await;
    let page = browser.open("/playbooks/abroad/edit").await;
    assert!(page.contains(WHERE));
}

#[test]
fn conditions_are_taken_from_files() {
    let files = Files::new();
    let path = files.path("abroad.toml");
    let text = format!(
        r#"[[playbook]]
slug = "abroad"
actor = "ip"
trigger = {{ event = "cart.pay", where = "{WHERE}" }}
at_least = 1
period = "5min"

[[playbook.tests]]
name = "in France, in that system, on no list of exits"
given = [
  {{ at = "0s", name = "cart.pay", ip = "{BRAZIL}", country = "BR" }},
  {{ at = "1s", name = "cart.pay", ip = "{EXIT}", country = "FR", asn = 64500, network = ["hosting", "tor"] }},
  {{ at = "2s", name = "cart.pay", ip = "{FRANCE}", country = "FR", asn = 64500, network = ["hosting"] }},
]
expect = [{{ at = "2s", ip = "{FRANCE}" }}]
"#
    );
    files.write("abroad.toml", &text);
    let data = files.path("data");
    let file = path.to_str().unwrap();
    printed(&data, &["playbooks", "test", file]);
    // The test tells one that is in force from one that is not.
    files.write("abroad.toml", text.replace("-network:tor", "network:tor"));
    assert!(!run(&data, &["playbooks", "test", file]).status.success());
}
