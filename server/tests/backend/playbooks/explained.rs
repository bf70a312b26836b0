//! What the page of a run says: what it did or would have done, on what events, and what came after.

use std::time::Duration;

use serde_json::json;

use super::super::actions::browser::Browser;
use super::{Agent, NONE, guessed, with};
use crate::client::Running;
use crate::operation::{metrics, until};

/// The newest run of the playbook, as its page.
async fn page_of(running: &Running, browser: &Browser, slug: &str) -> String {
    let runs = running.client.runs(&format!("playbook={slug}")).await;
    browser
        .open(&format!("/runs/{}", runs[0]["id"].as_str().unwrap()))
        .await
}

/// Waits until the page of a run says all of this: how long it counts events hangs on the machine.
async fn until_said(running: &Running, browser: &Browser, slug: &str, said: &[&str]) {
    until(&format!("{slug} says {said:?}"), async || {
        let page = page_of(running, browser, slug).await;
        said.iter().all(|text| page.contains(text))
    })
    .await;
}

#[tokio::test]
async fn beside_a_shadow_stands_what_its_actor_did_and_met() {
    let running = Running::start().await;
    let (client, browser) = (&running.client, Browser::sign_in(&running).await);
    let shadow = with(guessed(), json!({"stage": "shadow"}));
    let respond = |action| json!([{"action": action, "duration": "5min"}]);
    for (actor, action) in [
        ("ip", "block_ip"),
        ("ip_range", "block_ip"),
        ("user", "block_user"),
    ] {
        let slug = actor.replace('_', "-");
        let fields = json!({"slug": slug, "actor": actor, "responses": respond(action)});
        client.put_playbook(&with(shadow.clone(), fields)).await;
    }
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    client.until_runs(3).await;
    for slug in ["ip", "ip-range", "user"] {
        let said = [
            "its stage was shadow",
            "What it would have done",
            ">0 events</a>",
            "No successful login",
            "No other action met them meanwhile.",
        ];
        until_said(&running, &browser, slug, &said).await;
    }

    // A neighbour, the same user from elsewhere, and the address itself.
    let carts = json!({
        "slug": "carts", "name": "Carts", "stage": "enforce", "actor": "ip", "at_least": 2, "period": "5min",
        "trigger": {"event": "cart.tried"}, "responses": respond("block_ip"),
    });
    client.put_playbook(&carts).await;
    shop.login("203.0.113.8", "eve@b.example", true).await;
    shop.login("198.51.100.1", "ann@b.example", true).await;
    shop.login("203.0.113.7", "ann@b.example", true).await;
    for _ in 0..2 {
        shop.track("203.0.113.7", "cart.tried", json!({})).await;
    }
    client.until_runs(4).await;
    let lifted = json!({"action": "block_ip", "ip_cidr": ["203.0.113.0/28"], "duration_s": 60});
    let lifted = client.act(&lifted).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/actions/{lifted}");
    assert_eq!(client.call("DELETE", &path, &NONE).await.0, 200);
    let user =
        json!({"action": "block_user", "users": [{"email": "ann@b.example"}], "duration_s": 60});
    client.act(&user).await;
    let elsewhere = json!({"action": "block_ip", "ip_cidr": ["192.0.2.1"], "duration_s": 60});
    client.act(&elsewhere).await;

    let said = [
        ">3 events</a>",
        "1 successful login,",
        "cart.tried <small>2</small>",
        "users.login <small>1</small>",
        "2 other actions met them meanwhile",
        "by playbook carts",
        "by token of the configuration",
        "lifted",
    ];
    until_said(&running, &browser, "ip", &said).await;
    let said = [
        ">4 events</a>",
        "2 successful logins, the first at",
        "2 other actions met them meanwhile",
    ];
    until_said(&running, &browser, "ip-range", &said).await;
    let said = [
        ">2 events</a>",
        "2 successful logins, the first at",
        "1 other action met them meanwhile",
        "block the user",
    ];
    until_said(&running, &browser, "user", &said).await;
    let page = page_of(&running, &browser, "user").await;
    assert!(!page.contains("cart.tried"), "it has no user: {page}");
    // What a run itself put in force is not what else met them.
    let said = ["What it did", "1 other action met them meanwhile"];
    until_said(&running, &browser, "carts", &said).await;
}

#[tokio::test]
async fn a_run_is_told_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let (client, browser) = (&running.client, Browser::sign_in(&running).await);
    client.put_playbook(&guessed()).await;
    let distinct = json!({
        "slug": "many", "name": "Many", "stage": "shadow", "actor": "ip", "period": "5min",
        "trigger": {"event": "users.login"}, "distinct": {"of": "user", "at_least": 2},
    });
    client.put_playbook(&distinct).await;
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    shop.login("203.0.113.7", "eve@b.example", false).await;
    client.until_runs(2).await;

    let page = page_of(&running, &browser, "many").await;
    assert!(
        page.contains("at least 7 events, 2 different values")
            && page.contains("of the events that made it fire are kept with it"),
        "{page}"
    );
    let page = page_of(&running, &browser, "guessed").await;
    assert!(
        page.contains("Counted: 6 events.") && page.contains("6 events made it fire."),
        "{page}"
    );

    // What neither a full table of actions nor a stage that changes in between can be had for here.
    let state = rusqlite::Connection::open(dir.path().join("state.sqlite")).unwrap();
    let sql = "UPDATE runs SET outcome = 'failed' WHERE slug = 'guessed';
               UPDATE runs SET outcome = 'shadowed', stage = 'draft' WHERE slug = 'many';";
    state.execute_batch(sql).unwrap();
    let page = page_of(&running, &browser, "many").await;
    assert!(page.contains("its stage was draft"), "{page}");
    assert!(!page.contains(">Undo<"), "there is nothing to undo: {page}");
    let runs = client.runs("playbook=guessed").await;
    let path = format!("/runs/{}", runs[0]["id"].as_str().unwrap());
    let page = browser.open(&path).await;
    assert!(
        page.contains("its responses could not all be taken") && page.contains(">Undo<"),
        "what it did before it failed is in force: {page}"
    );
    assert_eq!(client.actions("").await.len(), 1);
    let (status, place, _) = browser.send(&format!("{path}/undo"), &[]).await;
    assert_eq!((status, place), (303, path.clone()));
    assert!(client.actions("").await.is_empty());
    let page = browser.open(&path).await;
    assert!(
        page.contains("Undone by") && !page.contains(">Undo<"),
        "{page}"
    );
}

#[tokio::test]
async fn what_playbooks_had_to_do_without_is_told() {
    let running = Running::start().await;
    let (client, browser) = (&running.client, Browser::sign_in(&running).await);
    client.put_playbook(&guessed()).await;
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    client.until_runs(1).await;
    let page = browser.open("/playbooks").await;
    assert!(!page.contains("So far, "), "{page}");

    let hour = Duration::from_secs(3_600);
    for _ in 0..2 {
        shop.login_before(hour, "203.0.113.8").await;
    }
    let said = "So far, 2 events were too late to count, by more than ten minutes.";
    until("what was too late is told", async || {
        browser.open("/playbooks").await.contains(said)
    })
    .await;
    let series = metrics(client).await;
    for (name, value) in [
        ("events_total", 8.0),
        ("late_events_total", 2.0),
        ("missed_events_total", 0.0),
        ("firings_total", 1.0),
        ("runs_total", 1.0),
        ("evicted_actors_total", 0.0),
        ("trimmed_events_total", 0.0),
    ] {
        let name = format!("sqreen_playbooks_{name}");
        assert_eq!(series.get(&name), Some(&value), "{name}");
    }
    for name in ["actors", "actor_bytes", "checkpoint_bytes"] {
        let name = format!("sqreen_playbooks_{name}");
        assert!(series.contains_key(&name), "{name}");
    }
}

#[tokio::test]
async fn the_page_of_an_address_has_the_runs_of_its_ranges() {
    let running = Running::start().await;
    let (client, browser) = (&running.client, Browser::sign_in(&running).await);
    for actor in ["ip", "ip_range"] {
        let slug = actor.replace('_', "-");
        let fields = json!({"slug": slug, "actor": actor, "stage": "shadow"});
        client.put_playbook(&with(guessed(), fields)).await;
    }
    let mut shop = Agent::new(&running, "shop").await;
    for ip in ["2001:db8::1", "203.0.113.7"] {
        for _ in 0..6 {
            shop.login(ip, "ann@b.example", false).await;
        }
    }
    client.until_runs(4).await;
    for (ip, linked) in [
        ("2001:db8::2", ["actor=2001:db8::/64", "/playbooks/ip"]),
        ("203.0.113.7", ["actor=203.0.113.7", "actor=203.0.113.0/24"]),
    ] {
        let page = browser.open(&format!("/actor?ip={ip}")).await;
        for link in linked {
            assert!(page.contains(link), "{ip}, {link}: {page}");
        }
    }
    let page = browser.open("/actor?ip=203.0.113.8").await;
    assert!(page.contains("actor=203.0.113.0/24"), "{page}");
    assert!(!page.contains("actor=203.0.113.7"), "{page}");
    running.stop().await;
}
