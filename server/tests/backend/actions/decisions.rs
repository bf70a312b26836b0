//! Decisions and their history, over `/api/v1/actions` and `/api/v1/allowlist`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::client::{Running, block};

const NONE: Value = Value::Null;

#[tokio::test]
async fn an_action_is_made_found_and_lifted() {
    let running = Running::start().await;
    let client = &running.client;
    let body = json!({
        "action": "block_ip", "ip_cidr": ["203.0.113.7", "198.51.100.9/24", "::ffff:203.0.113.7", "2001:DB8::1/32"],
        "duration_s": 300, "comment": "credential stuffing", "app": "shop",
    });
    let action = client.act(&body).await;
    let id = action["id"].as_str().unwrap();
    let time = |name: &str| -> i64 {
        let text = action[name].as_str().unwrap();
        text.parse::<sqreen::protocol::Timestamp>()
            .unwrap()
            .as_micros()
    };
    assert_eq!(time("expires_at") - time("created_at"), 300_000_000);
    let expected = json!({
        "id": id, "state": "live", "action": "block_ip", "app": "shop",
        "ip_cidr": ["198.51.100.0/24", "203.0.113.7", "2001:db8::/32"], "users": [], "url": null, "dry_run": false,
        "match_any": false, "comment": "credential stuffing", "origin": "operator", "run": null, "critical": null,
        "created_at": action["created_at"], "created_by": "token of the configuration", "expires_at": action["expires_at"],
        "lifted_at": null, "lifted_by": null, "replaced_by": null,
    });
    assert_eq!(action, expected);
    let place = format!("/api/v1/actions/{id}");
    assert_eq!(
        client.call("GET", &place, &NONE).await,
        (200, action.clone())
    );
    assert_eq!(
        client.actions("state=live").await,
        std::slice::from_ref(&action)
    );
    assert!(client.actions("state=past").await.is_empty());

    let (status, lifted) = client.call("DELETE", &place, &NONE).await;
    assert_eq!(status, 200);
    assert_eq!(
        (&lifted["state"], &lifted["lifted_by"]),
        (&json!("lifted"), &json!("token of the configuration"))
    );
    assert_eq!(
        client.call("DELETE", &place, &NONE).await,
        (200, lifted.clone()),
        "lifting twice changes nothing"
    );
    assert!(client.actions("").await.is_empty());
    assert_eq!(client.actions("state=past").await, [lifted]);
}

#[tokio::test]
async fn users_are_compared_as_texts() {
    let running = Running::start().await;
    let body = json!({
        "action": "redirect_user", "users": [{"id": 42, "admin": true}, {"email": "a@b.example"}],
        "url": "https://example.com/sorry?a=b", "match_any": true, "dry_run": true,
    });
    let action = running.client.act(&body).await;
    assert_eq!(
        action["users"],
        json!([{"admin": "true", "id": "42"}, {"email": "a@b.example"}])
    );
    assert_eq!(action["url"], "https://example.com/sorry?a=b");
    assert_eq!(
        (&action["match_any"], &action["dry_run"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(
        action["expires_at"], NONE,
        "without a duration it is for ever"
    );
}

#[tokio::test]
async fn posting_the_same_again_takes_the_place_of_the_one_before() {
    let running = Running::start().await;
    let client = &running.client;
    let first = client.act(&block(&["203.0.113.7", "203.0.113.8"])).await;
    let again = json!({"action": "block_ip", "ip_cidr": ["203.0.113.8/32", "203.0.113.7"], "duration_s": 60});
    let second = client.act(&again).await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(client.actions("").await, std::slice::from_ref(&second));
    let past = client.actions("state=past").await;
    assert_eq!(past.len(), 1);
    assert_eq!(
        (&past[0]["id"], &past[0]["state"]),
        (&first["id"], &json!("replaced"))
    );
    assert_eq!(past[0]["replaced_by"], second["id"]);

    // Another application, kind or set of targets is another action.
    let other = [
        json!({"action": "block_ip", "ip_cidr": ["203.0.113.7", "203.0.113.8"], "app": "shop"}),
        json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.7", "203.0.113.8"], "url": "http://a.example"}),
        block(&["203.0.113.7"]),
    ];
    for body in &other {
        client.act(body).await;
    }
    assert_eq!(client.actions("").await.len(), 4);
}

#[tokio::test]
async fn an_action_expires_by_itself() {
    let running = Running::start().await;
    let client = &running.client;
    let action = client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": 0.2}))
        .await;
    let asked = Instant::now();
    while !client.actions("").await.is_empty() {
        assert!(
            asked.elapsed() < Duration::from_secs(20),
            "it is in force still"
        );
    }
    let past = client.actions("state=past").await;
    assert_eq!(
        (&past[0]["id"], &past[0]["state"]),
        (&action["id"], &json!("expired"))
    );
    let place = format!("/api/v1/actions/{}", action["id"].as_str().unwrap());
    let (status, lifted) = client.call("DELETE", &place, &NONE).await;
    assert_eq!(
        (status, &lifted["state"]),
        (200, &json!("expired")),
        "it cannot be lifted any more"
    );

    let again = client.act(&block(&["203.0.113.7"])).await;
    assert_eq!(
        client.actions("").await,
        [again],
        "nothing was in its place"
    );
    assert_eq!(client.actions("state=past").await, past);
}

#[tokio::test]
async fn pages_follow_and_applications_are_told_apart() {
    let running = Running::start().await;
    let client = &running.client;
    let mut ids = Vec::new();
    for n in 0..7 {
        let app = [None, Some("shop"), Some("blog")][n % 3];
        let body = json!({"action": "block_ip", "ip_cidr": [format!("203.0.113.{n}")], "app": app});
        ids.push(client.act(&body).await["id"].clone());
    }
    let walk = async |query: &str| {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/actions?limit=2&{query}{cursor}");
            let (status, page) = client.call("GET", &path, &NONE).await;
            assert_eq!(status, 200, "{page}");
            seen.extend(
                page["actions"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|action| action["id"].clone()),
            );
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return seen,
            }
        }
    };
    let newest_first =
        |places: &[usize]| places.iter().map(|n| ids[*n].clone()).collect::<Vec<_>>();
    assert_eq!(walk("").await, newest_first(&[6, 5, 4, 3, 2, 1, 0]));
    assert_eq!(
        walk("state=live&app=shop").await,
        newest_first(&[6, 4, 3, 1, 0])
    );
    for n in [3, 0, 5, 1] {
        let place = format!("/api/v1/actions/{}", ids[n].as_str().unwrap());
        client.call("DELETE", &place, &NONE).await;
    }
    assert_eq!(walk("").await, newest_first(&[6, 4, 2]));
    assert_eq!(
        walk("state=past").await,
        newest_first(&[1, 5, 0, 3]),
        "the last ended first"
    );
    assert_eq!(walk("state=past&app=blog").await, newest_first(&[5, 0, 3]));
}

#[tokio::test]
async fn decisions_outlive_the_server_and_a_closed_store_takes_none() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let client = &running.client;
    let kept = client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": 3_600}))
        .await;
    let lifted = client.act(&block(&["203.0.113.8"])).await;
    let place = format!("/api/v1/actions/{}", lifted["id"].as_str().unwrap());
    let (_, lifted) = client.call("DELETE", &place, &NONE).await;
    let allowed =
        json!({"ips": ["198.51.100.0/24"], "paths": ["/health"], "comment": "monitoring"});
    let (status, allowed) = client.call("POST", "/api/v1/allowlist", &allowed).await;
    assert_eq!(status, 201);
    client
        .call("PUT", "/api/v1/actions/settings", &json!({"dry_run": true}))
        .await;
    running.server.close().await.unwrap();
    assert_eq!(
        client
            .call("POST", "/api/v1/actions", &block(&["203.0.113.9"]))
            .await
            .0,
        503
    );
    running.stop().await;

    let running = Running::at(dir.path()).await;
    let client = &running.client;
    assert_eq!(client.actions("").await, [kept]);
    assert_eq!(client.actions("state=past").await, [lifted]);
    let (_, allowlist) = client.call("GET", "/api/v1/allowlist", &NONE).await;
    assert_eq!(allowlist, json!({"entries": [allowed]}));
    let (_, settings) = client.call("GET", "/api/v1/actions/settings", &NONE).await;
    assert_eq!(
        settings,
        json!({"dry_run": true, "allow_critical_ips": false})
    );
    // What was in force can be replaced still.
    client.act(&block(&["203.0.113.7"])).await;
    assert_eq!(client.actions("").await.len(), 1);
}

#[tokio::test]
async fn the_allow_list_is_kept_with_its_history() {
    let running = Running::start().await;
    let client = &running.client;
    let body = json!({"ips": ["10.0.0.0/8", "::ffff:198.51.100.7"], "paths": ["/health"], "comment": "ours"});
    let (status, entry) = client.call("POST", "/api/v1/allowlist", &body).await;
    assert_eq!(status, 201, "critical addresses are welcome here");
    assert_eq!(entry["ips"], json!(["10.0.0.0/8", "198.51.100.7"]));
    let place = format!("/api/v1/allowlist/{}", entry["id"].as_str().unwrap());
    let (status, removed) = client.call("DELETE", &place, &NONE).await;
    assert_eq!(
        (status, &removed["removed_by"]),
        (200, &json!("token of the configuration"))
    );
    assert_eq!(client.call("DELETE", &place, &NONE).await, (200, removed));
    assert_eq!(
        client.call("GET", "/api/v1/allowlist", &NONE).await.1,
        json!({"entries": []})
    );

    let long = "x".repeat(1_024);
    for (body, field) in [
        (json!({}), "ips"),
        (json!({"ips": ["1.2.3"]}), "ips"),
        (json!({"paths": ["health"]}), "paths"),
        (json!({"paths": [7]}), "paths"),
        (json!({"paths": [format!("/{long}")]}), "paths"),
        (json!({"ips": vec!["203.0.113.7"; 101]}), "ips"),
        (json!({"ips": ["203.0.113.7"], "comment": long}), "comment"),
        (json!({"ips": ["203.0.113.7"], "app": "shop"}), "app"),
    ] {
        let (status, problem) = client.call("POST", "/api/v1/allowlist", &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{body} {problem}"
        );
    }
}

#[tokio::test]
async fn settings_that_are_not_named_stay() {
    let running = Running::start().await;
    let client = &running.client;
    let path = "/api/v1/actions/settings";
    assert_eq!(
        client.call("GET", path, &NONE).await.1,
        json!({"dry_run": false, "allow_critical_ips": false})
    );
    let (status, settings) = client.call("PUT", path, &json!({"dry_run": true})).await;
    assert_eq!(
        (status, settings),
        (200, json!({"dry_run": true, "allow_critical_ips": false}))
    );
    let (_, settings) = client
        .call("PUT", path, &json!({"allow_critical_ips": true}))
        .await;
    assert_eq!(
        settings,
        json!({"dry_run": true, "allow_critical_ips": true})
    );
    for (body, field) in [
        (json!({}), "dry_run"),
        (json!({"dry_run": 1}), "dry_run"),
        (json!({"dryrun": true}), "dryrun"),
    ] {
        let (status, problem) = client.call("PUT", path, &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn a_full_allow_list_takes_no_more() {
    let running = Running::start().await;
    let client = &running.client;
    let path = "/api/v1/allowlist";
    let mut last = json!(null);
    for n in 0..1_000 {
        let body = json!({"ips": [format!("203.0.{}.{}", n / 256, n % 256)]});
        let (status, entry) = client.call("POST", path, &body).await;
        assert_eq!(status, 201, "{entry}");
        last = entry["id"].clone();
    }
    let more = json!({"paths": ["/health"]});
    let (status, problem) = client.call("POST", path, &more).await;
    assert_eq!(status, 409);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("1000 entries, the limit"),
        "{problem}"
    );
    let place = format!("{path}/{}", last.as_str().unwrap());
    client.call("DELETE", &place, &NONE).await;
    assert_eq!(client.call("POST", path, &more).await.0, 201);
}
