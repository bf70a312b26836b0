//! Events are told where their address is, and are found, counted and grouped by it.

use serde_json::{Value, json};

use super::mmdb::{Mmdb, RECORD_SIZES};
use super::{Files, known, send, told};
use crate::actions::browser::Browser;
use crate::client::{Client, Running, old, record, uuid};
use crate::events::encoded;

/// Addresses of clients, and what is known of each.
fn expected() -> [(&'static str, Value); 7] {
    [
        ("203.0.113.7", json!(["FR", 64_500, ["tor", "hosting"]])),
        // IPv4 as a socket for both families has it.
        ("::ffff:203.0.113.8", json!(["FR", 64_500, ["hosting"]])),
        ("203.0.113.200", json!(["FR", 4_200_000_000_u32, []])),
        ("198.51.100.7", json!(["DE", null, []])),
        ("198.51.100.200", json!([null, null, []])),
        // A database of IPv4 alone says nothing of it, and does no harm.
        ("2001:db8::7", json!(["BR", null, ["tor"]])),
        ("2001:db9::7", json!([null, null, []])),
    ]
}

/// A server with an event of each of the addresses, in their order.
async fn stocked(files: &Files) -> Running {
    let running = files.server().await;
    for (n, (ip, _)) in (0..).zip(expected()) {
        send(&running.client, n, ip).await;
    }
    running
}

async fn get(client: &Client, path: &str) -> Value {
    let path = format!("/api/v1/events{path}");
    let (status, answer) = client.call("GET", &path, &Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// The numbers of the events that a filter, as it stands in a URL, takes.
async fn found(client: &Client, filter: &str) -> Vec<u64> {
    let events = client.events(&format!("filter={filter}")).await;
    let mut numbers: Vec<u64> = (0..expected().len() as u64)
        .filter(|n| events.iter().any(|event| event["id"] == uuid(*n)))
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers.len(), events.len());
    numbers
}

#[tokio::test]
async fn events_are_told_what_the_files_say_of_their_address() {
    let files = known();
    let running = stocked(&files).await;
    let client = &running.client;
    for (n, (ip, expected)) in (0..).zip(expected()) {
        assert_eq!(told(client, n).await, expected, "{ip}");
    }
    for (filter, numbers) in [
        ("country:FR", &[0, 1, 2][..]),
        ("country:fr,br", &[0, 1, 2, 5]),
        ("-has:country", &[4, 6]),
        ("asn:64500", &[0, 1]),
        ("asn>64500", &[2]),
        ("network:tor", &[0, 5]),
        ("network:tor,hosting", &[0, 1, 5]),
        ("network:tor -network:hosting", &[5]),
        (r#"network:"[\"tor\"]""#, &[5]),
        ("-has:network", &[2, 3, 4, 6]),
    ] {
        assert_eq!(found(client, &encoded(filter)).await, numbers, "{filter}");
    }
    for wrong in ["country:FRA", "asn:AS64500", "country>1"] {
        let path = format!("/api/v1/events?filter={}", encoded(wrong));
        let (status, answer) = client.call("GET", &path, &Value::Null).await;
        assert_eq!(
            (status, &answer["field"]),
            (400, &json!("filter")),
            "{answer}"
        );
    }

    let csv = client.api("/api/v1/events/export?format=csv").send().await;
    let csv = csv.unwrap().text().await.unwrap();
    assert!(csv.lines().next().unwrap().ends_with("country,asn,network"));
    assert!(
        csv.contains(",FR,64500,\"[\"\"tor\"\",\"\"hosting\"\"]\""),
        "{csv}"
    );
}

#[tokio::test]
async fn every_record_size_and_both_versions_are_read() {
    for version in [4, 6] {
        for size in RECORD_SIZES {
            let files = Files::new();
            let database = Mmdb::new(version, size)
                .country("203.0.113.0/24", "FR")
                .country("198.51.100.7/32", "DE");
            files.write("country.mmdb", database.bytes());
            let running = files.server().await;
            for (n, ip, country) in [
                (0, "203.0.113.255", json!("FR")),
                (1, "::ffff:198.51.100.7", json!("DE")),
                (2, "198.51.100.6", Value::Null),
                (3, "2001:db8::7", Value::Null),
            ] {
                send(&running.client, n, ip).await;
                let told = told(&running.client, n).await;
                assert_eq!(told, json!([country, null, []]), "{version}, {size}, {ip}");
            }
        }
    }
}

#[tokio::test]
async fn countries_are_counted_over_time_and_with_their_users() {
    let files = known();
    let running = stocked(&files).await;
    let client = &running.client;
    let groups = get(client, "/groups?by=country").await;
    let rows = groups["groups"].as_array().unwrap().iter();
    let rows: Vec<_> = rows
        .map(|row| {
            json!([
                row["value"],
                row["events"],
                row["ips"]["count"],
                row["users"]["count"]
            ])
        })
        .collect();
    assert_eq!(
        rows,
        [
            json!(["FR", 3, 3, 3]),
            json!(["BR", 1, 1, 1]),
            json!(["DE", 1, 1, 1]),
        ]
    );
    assert_eq!(groups["absent"], 2);
    let groups = get(client, "/groups?by=asn").await;
    assert_eq!(groups["groups"][0]["value"], "64500");
    let day = "from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z&bucket_s=43200";
    let histogram = get(client, &format!("/histogram?by=country&{day}")).await;
    assert_eq!(
        histogram["series"],
        json!([
            {"value": "FR", "counts": [3, 0]},
            {"value": "BR", "counts": [1, 0]},
            {"value": "DE", "counts": [1, 0]},
        ])
    );
    assert_eq!(histogram["absent"], json!([2, 0]));
}

/// The filter of the link with this text, as it stands in the page.
fn link(page: &str, text: &str) -> String {
    let text = text.replace('"', "&quot;");
    let (before, _) = page
        .split_once(&format!("\">{text}</a>"))
        .unwrap_or_else(|| panic!("no link {text}: {page}"));
    let (_, href) = before.rsplit_once("href=\"").unwrap();
    let (_, query) = href.split_once("filter=").unwrap();
    query.split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn the_link_of_a_group_leads_to_its_events() {
    let files = known();
    let running = stocked(&files).await;
    let browser = Browser::sign_in(&running).await;
    for (by, groups) in [
        (
            "network",
            &[
                ("[\"tor\",\"hosting\"]", &[0][..]),
                ("[\"hosting\"]", &[1]),
                ("[\"tor\"]", &[5]),
            ][..],
        ),
        ("country", &[("FR", &[0, 1, 2]), ("BR", &[5])]),
        ("asn", &[("64500", &[0, 1]), ("4200000000", &[2])]),
    ] {
        let page = browser.open(&format!("/?group={by}&by={by}")).await;
        for (value, numbers) in groups {
            let filter = link(&page, value);
            assert_eq!(found(&running.client, &filter).await, *numbers, "{filter}");
            // It is a filter that people can go on with.
            browser.open(&format!("/?filter={filter}")).await;
        }
    }
}

#[tokio::test]
async fn lists_are_proposed_one_by_one() {
    let files = known();
    let running = files.server().await;
    let now = sqreen::protocol::Timestamp::now();
    let session = running.client.login("shop").await;
    for (n, ip) in [(0, "203.0.113.7"), (1, "203.0.113.8"), (2, "198.51.100.7")] {
        let mut record = record(&[(&uuid(n), "a")]);
        record["client_ip"] = json!(ip);
        record["observed"]["sdk"][0]["time"] = json!(now);
        running.client.batch(&session, json!([record])).await;
    }
    let browser = Browser::sign_in(&running).await;
    for (query, expected) in [
        (
            "field=network&start=",
            json!([{"test": "network:hosting", "events": 2}, {"test": "network:tor", "events": 1}]),
        ),
        (
            "field=network&start=to",
            json!([{"test": "network:tor", "events": 1}]),
        ),
        (
            "field=country&start=F",
            json!([{"test": "country:FR", "events": 2}]),
        ),
    ] {
        let request = browser.client.get(&format!("/complete?{query}"));
        let answer = request.header("cookie", &browser.cookie).send().await;
        let proposed: Value = answer.unwrap().json().await.unwrap();
        assert_eq!(proposed, expected, "{query}");
    }
}

#[tokio::test]
async fn events_of_old_agents_are_told_too() {
    let files = known();
    let running = files.server().await;
    let client = &running.client;
    let time = "2026-11-23T10:00:00.000Z";
    let counts = json!({"{\"keys\":[[\"uid\",\"ann\"]],\"ip\":\"203.0.113.7\"}": 1});
    let mut tracked = record(&[("", "python")]);
    tracked["client_ip"] = json!("203.0.113.7");
    let actor = json!({"ip_addresses": ["203.0.113.7", "198.51.100.7"]});
    let point = json!({"type": "point", "signal_name": "sq.sdk.node", "time": time, "payload": {}});
    let mut alone = point.clone();
    alone["signal_name"] = json!("sq.sdk.alone");
    alone["actor"] = actor.clone();
    for (agent, path, body) in [
        ("python", "/sqreen/v0/batch", json!({"batch": [tracked]})),
        (
            "nodejs",
            "/batches",
            json!([{"data": [point], "actor": actor, "context": {}, "time": time}, alone]),
        ),
        (
            "nodejs",
            "/sqreen/v0/metrics",
            json!({"metrics": [{"name": "sdk-login-fail", "start": time, "finish": time, "observation": counts}]}),
        ),
    ] {
        let login = client.login_as("shop", &old(agent)).await;
        let session = login["session_id"].as_str().unwrap();
        let answer = client.send(session, path, &body).await;
        assert_eq!(answer.status(), 200, "{path}");
    }
    let events = client.all_events().await;
    let mut names: Vec<_> = events.iter().map(|event| event["name"].clone()).collect();
    names.sort_by_key(Value::to_string);
    assert_eq!(names, ["alone", "node", "python", "users.login"]);
    for event in events {
        let told = json!([event["country"], event["asn"], event["network"]]);
        assert_eq!(told, json!(["FR", 64_500, ["tor", "hosting"]]), "{event}");
    }
}
