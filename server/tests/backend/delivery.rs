//! What became of the events: `/api/v1/outcomes` and the pages that show it.

use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::actions::browser::Browser;
use super::captures::{CAPTURES, replay};
use super::client::{Client, Running, old, record, sdk, uuid};

/// The rows of the ledger, each without when it was heard.
async fn outcomes(client: &Client) -> Vec<Value> {
    let (status, mut answer) = client.call("GET", "/api/v1/outcomes", &Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    let mut rows: Vec<Value> = serde_json::from_value(answer["outcomes"].take()).unwrap();
    for row in &mut rows {
        assert!(row.as_object_mut().unwrap().contains_key("heard_at"));
        row.as_object_mut().unwrap().remove("heard_at");
    }
    rows
}

/// The login of the SDK in this version, as this running agent.
fn version(version: &str, instance: &str) -> Value {
    let mut login = sdk();
    login["agent_version"] = version.into();
    login["instance"] = instance.into();
    login
}

/// Logs in as the SDK in this version and tells that this many events were tracked and accepted.
async fn tell(client: &Client, login: &Value, tracked: u64) {
    let session = client.try_login("shop", login).await.unwrap();
    let outcomes = json!({"instance": "", "tracked": tracked, "accepted": tracked});
    client.beat(&session, &json!({"outcomes": outcomes})).await;
}

fn sums(rows: &[Value]) -> Vec<Value> {
    let rows = rows.iter();
    rows.map(|row| {
        json!([
            row["agent"],
            row["version"],
            row["instances"],
            row["tracked"],
            row["accepted"]
        ])
    })
    .collect()
}

#[tokio::test]
async fn versions_of_one_host_are_counted_apart_also_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    tell(&running.client, &version("0.1.0", "a"), 5).await;
    tell(&running.client, &version("0.2.0", "b"), 3).await;
    let expected = [
        json!(["rust", "0.1.0", 1, 5, 5]),
        json!(["rust", "0.2.0", 1, 3, 3]),
    ];
    assert_eq!(sums(&outcomes(&running.client).await), expected);
    running.stop().await;
    let running = Running::at(dir.path()).await;
    // The same agent goes on; what is new in its totals is added.
    tell(&running.client, &version("0.2.0", "b"), 4).await;
    let rows = outcomes(&running.client).await;
    assert_eq!(sums(&rows)[0], expected[0]);
    assert_eq!(sums(&rows)[1], json!(["rust", "0.2.0", 1, 4, 4]));
    let page = Browser::sign_in(&running).await.open("/delivery").await;
    assert!(
        page.contains("rust/0.1.0") && page.contains("rust/0.2.0"),
        "{page}"
    );
}

#[tokio::test]
async fn what_was_counted_before_versions_is_kept_as_of_an_unknown_one() {
    let dir = tempfile::tempdir().unwrap();
    let former = json!({"apps": {"shop": {"web-1": {
        "retired": {"tracked": 10, "accepted": 9, "dropped": {"queue_full": 1}}, "retired_instances": 2,
        "instances": [{"instance": "a", "tracked": 5, "accepted": 5}],
    }}}});
    std::fs::write(dir.path().join("outcomes.json"), former.to_string()).unwrap();
    let running = Running::at(dir.path()).await;
    let page = Browser::sign_in(&running).await.open("/delivery").await;
    assert!(
        page.contains("unknown version") && page.contains("queue_full 1"),
        "{page}"
    );
    assert_eq!(
        sums(&outcomes(&running.client).await),
        [json!(["", "", 3, 15, 14])]
    );
    // An agent that ran then, and tells its version now, is counted once.
    tell(&running.client, &version("0.2.0", "a"), 7).await;
    let expected = [json!(["", "", 2, 10, 9]), json!(["rust", "0.2.0", 1, 7, 7])];
    assert_eq!(sums(&outcomes(&running.client).await), expected);
    running.stop().await;
    let running = Running::at(dir.path()).await;
    assert_eq!(sums(&outcomes(&running.client).await), expected);
}

#[tokio::test]
async fn events_of_old_agents_are_counted_by_the_server() {
    let running = Running::start().await;
    let client = &running.client;
    let login = client.login_as("shop", &old("golang")).await;
    let session = login["session_id"].as_str().unwrap();
    let nameless = uuid(3);
    let long = "x".repeat(257);
    let events = [
        (uuid(1), "a"),
        (uuid(2), "b"),
        (uuid(1), "a"),
        (nameless, ""),
        (uuid(4), long.as_str()),
    ];
    let events: Vec<_> = events
        .iter()
        .map(|(id, name)| (id.as_str(), *name))
        .collect();
    let batch = json!({"batch": [record(&events)]});
    let answer = client.send(session, "/sqreen/v0/batch", &batch).await;
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({"status": true})
    );
    let expected = json!({"app": "shop", "host": "web-2", "agent": "golang", "version": "1", "counted_by": "server",
        "other": false, "instances": null, "tracked": null, "accepted": 2, "duplicate": 1,
        "rejected": {"name: not 1 to 256 bytes": 2}, "dropped": null, "pending": null, "corrected": null});
    assert_eq!(json!(outcomes(client).await), json!([expected]));
    // What the SDK sends, it counts itself.
    let session = client.login("shop").await;
    client
        .batch(&session, json!([record(&[(&uuid(9), "c")])]))
        .await;
    assert_eq!(outcomes(client).await.len(), 1);
    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/delivery").await;
    for text in ["golang/1", "name: not 1 to 256 bytes 2", "not told"] {
        assert!(page.contains(text), "{text}: {page}");
    }
}

#[tokio::test]
async fn the_recorded_traffic_of_an_old_agent_is_counted() {
    for capture in &CAPTURES {
        let running = Running::start().await;
        let many = capture.events().len();
        for sent in [1, 2] {
            replay(&running, capture, |_, body| body.to_string()).await;
            let rows = outcomes(&running.client).await;
            assert_eq!(rows.len(), 1, "{}: {rows:?}", capture.name);
            let of = [&rows[0]["agent"], &rows[0]["version"], &rows[0]["host"]];
            assert_eq!(of, ["nodejs", "1.64.2", "web-1"]);
            let counts = json!([
                rows[0]["accepted"],
                rows[0]["duplicate"],
                rows[0]["rejected"]
            ]);
            assert_eq!(
                counts,
                json!([many, many * (sent - 1), {}]),
                "{}",
                capture.name
            );
        }
    }
}

#[tokio::test]
async fn beside_a_chart_are_the_counts_of_its_hours() {
    let dir = tempfile::tempdir().unwrap();
    let micros = |time: &str| time.parse::<Timestamp>().unwrap().as_micros();
    let hour = |time: &str, app: &str, accepted: u64, dropped: u64| {
        let told = json!({"accepted": accepted, "duplicate": 0, "rejected": 0, "dropped": dropped});
        json!([micros(time), app, told])
    };
    let row = |app: &str| {
        let source = json!({"app": app, "host": "web-1", "agent": "rust", "version": "0.1.0", "counted_by": "agent",
            "other": false});
        json!({"source": source, "row": {"sum": {"tracked": 1_000_000, "accepted": 1_000_000}, "instances": 1}})
    };
    let kept = json!({
        "rows": [row("shop"), row("blog")],
        "hours_since": micros("2026-11-01T10:30:00Z"),
        "hours": [
            hour("2026-11-01T10:00:00Z", "shop", 1, 0),
            hour("2026-11-01T11:00:00Z", "shop", 20, 5),
            hour("2026-11-01T11:00:00Z", "blog", 300, 0),
            hour("2026-11-01T12:00:00Z", "shop", 4_000, 0),
        ],
    });
    std::fs::write(dir.path().join("outcomes.json"), kept.to_string()).unwrap();
    let running = Running::at(dir.path()).await;
    let browser = Browser::sign_in(&running).await;
    for (query, expected) in [
        (
            "filter=app%3Ashop&from=2026-11-01T11:40:00Z&to=2026-11-01T11:55:00Z",
            "of shop, as told 1 Nov 11:00:00 – 1 Nov 12:00:00: 20 accepted, 0 sent twice and stored once, \
             <span class=\"bad\">0 rejected, 5 dropped</span> (20.0 % lost)</p>",
        ),
        (
            "from=2026-11-01T10:00:00Z&to=2026-11-01T12:00:00Z",
            "of all apps, as told 1 Nov 10:30:00 – 1 Nov 12:00:00: 321 accepted, 0 sent twice and stored once, \
             <span class=\"bad\">0 rejected, 5 dropped</span> (1.5 % lost). It is not counted before</p>",
        ),
        (
            "from=2026-10-01T10:00:00Z&to=2026-10-01T12:00:00Z",
            "of all apps, was not counted then, only since 1 Nov 10:30:00.</p>",
        ),
        (
            "last=15m",
            ": 0 accepted, 0 sent twice and stored once, <span",
        ),
    ] {
        let page = browser.open(&format!("/?{query}")).await;
        assert!(page.contains(expected), "{query}: {page}");
    }
    let path =
        "/api/v1/outcomes/within?app=shop&from=2026-11-01T11:59:00Z&to=2026-11-01T12:00:00.1Z";
    let (status, sums) = running.client.call("GET", path, &Value::Null).await;
    let expected = json!({"from": "2026-11-01T11:00:00.000000Z", "accepted": 4_020, "duplicate": 0, "rejected": 0,
        "dropped": 5});
    assert_eq!((status, sums), (200, expected));
    // What is told now is of this hour.
    tell(&running.client, &version("0.1.0", "a"), 7).await;
    let page = browser.open("/?filter=app%3Ashop&last=15m").await;
    assert!(page.contains(": 7 accepted, 0 sent twice"), "{page}");
}

#[tokio::test]
async fn agents_with_a_token_that_is_not_known_are_shown() {
    let running =
        Running::start_with(|config| config.trusted_proxies(["127.0.0.1/32".parse().unwrap()]))
            .await;
    let client = &running.client;
    let browser = Browser::sign_in(&running).await;
    assert_eq!(client.login_with(super::client::INGEST, "shop").await, 200);
    assert!(!browser.open("/apps").await.contains("Refused agents"));
    let wrong = "a-token-that-nobody-gave";
    for (ip, app) in [
        ("203.0.113.7", "<b>old</b>"),
        ("203.0.113.9", "blog"),
        ("203.0.113.9", "shop"),
    ] {
        let login = client
            .post("/sqreen/v1/app-login")
            .header("x-api-key", wrong);
        let login = login
            .header("x-app-name", app)
            .header("x-forwarded-for", ip);
        assert_eq!(login.json(&sdk()).send().await.unwrap().status(), 401);
    }
    let record = client.post("/sqreen/v0/batch").json(&json!({}));
    let bare = record.header("x-api-key", wrong).send().await.unwrap();
    assert_eq!(bare.status(), 401);
    let (status, apps) = client.call("GET", "/api/v1/apps", &Value::Null).await;
    assert_eq!((status, &apps["refused_requests"]), (200, &json!(4)));
    let refused = apps["refused"].as_array().unwrap().iter();
    let refused: Vec<_> = refused
        .map(|from| {
            assert!(from["last_at"].is_string());
            json!([from["ip"], from["app"], from["requests"]])
        })
        .collect();
    let expected = [
        json!(["127.0.0.1", null, 1]),
        json!(["203.0.113.9", "shop", 2]),
        json!(["203.0.113.7", "<b>old</b>", 1]),
    ];
    assert_eq!(refused, expected);
    assert!(!apps.to_string().contains(wrong));
    let page = browser.open("/apps").await;
    for text in [
        "4 requests without a token that is known",
        " from 127.0.0.1",
        "203.0.113.7",
        "&lt;b&gt;old",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(!page.contains(wrong), "{page}");
}
