//! `/api/v1/actions` and `/api/v1/allowlist`: decisions, their history, and what is refused.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Running, block};

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
        "match_any": false, "comment": "credential stuffing", "origin": "operator", "critical": null,
        "created_at": action["created_at"], "created_by": "api", "expires_at": action["expires_at"],
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
        (&json!("lifted"), &json!("api"))
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
async fn wrong_fields_are_named() {
    let running = Running::start().await;
    let client = &running.client;
    let user = json!({"email": "a@b.example"});
    let long = |n: usize| "x".repeat(n);
    let ips: Vec<_> = (0..1_001)
        .map(|n| format!("203.0.{}.{}", n / 256, n % 256))
        .collect();
    let many = |n: usize| {
        (0..n)
            .map(|n| (n.to_string(), json!("x")))
            .collect::<serde_json::Map<_, _>>()
    };
    for (body, field, limit) in [
        (json!({}), "action", "block_ip, redirect_ip"),
        (json!({"action": "block"}), "action", "block_ip"),
        (json!({"action": 7}), "action", "block_ip"),
        (json!({"action": "block_ip"}), "ip_cidr", "needs an address"),
        (
            json!({"action": "block_ip", "ip_cidr": []}),
            "ip_cidr",
            "needs an address",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": "203.0.113.7"}),
            "ip_cidr",
            "not a list",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7", 7]}),
            "ip_cidr",
            "[1]",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ips}),
            "ip_cidr",
            "1001 elements, the limit is 1000",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "users": [user]}),
            "users",
            "unknown",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "match_any": true}),
            "match_any",
            "block_user",
        ),
        (
            json!({"action": "block_user", "users": [user], "ip_cidr": ["203.0.113.7"]}),
            "ip_cidr",
            "unknown",
        ),
        (json!({"action": "block_user"}), "users", "needs a user"),
        (
            json!({"action": "block_user", "users": ["a@b.example"]}),
            "users",
            "[0]",
        ),
        (
            json!({"action": "block_user", "users": [{}]}),
            "users",
            "1 to 16",
        ),
        (
            json!({"action": "block_user", "users": [many(17)]}),
            "users",
            "1 to 16",
        ),
        (
            json!({"action": "block_user", "users": [{"": "x"}]}),
            "users",
            "1 to 128",
        ),
        (
            json!({"action": "block_user", "users": [{"email": ""}]}),
            "users",
            "1 to 8192",
        ),
        (
            json!({"action": "block_user", "users": [{"email": null}]}),
            "users",
            "email",
        ),
        (
            json!({"action": "block_user", "users": [user, {"email": ["a"]}]}),
            "users",
            "[1]",
        ),
        (
            json!({"action": "block_user", "users": [{"email": long(8_193)}]}),
            "users",
            "8192",
        ),
        (
            json!({"action": "block_user", "users": (0..40).map(|n| json!({"id": format!("{n}{}", long(8_000))}))
            .collect::<Vec<_>>()}),
            "users",
            "the limit is 262144",
        ),
        (
            json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.7"]}),
            "url",
            "needs where",
        ),
        (
            json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.7"], "url": "/sorry"}),
            "url",
            "absolute",
        ),
        (
            json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.7"], "url": "javascript:alert(1)"}),
            "url",
            "absolute",
        ),
        (
            json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.7"], "url": "https://a b"}),
            "url",
            "absolute",
        ),
        (
            json!({"action": "redirect_ip", "ip_cidr": ["203.0.113.7"], "url": format!("https://a/{}", long(2_048))}),
            "url",
            "2048",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "url": "https://a.example"}),
            "url",
            "redirect_ip",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": 0}),
            "duration_s",
            "0.001",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": -1}),
            "duration_s",
            "0.001",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": 1e300}),
            "duration_s",
            "315360000",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration_s": "300"}),
            "duration_s",
            "number",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "comment": long(1_001)}),
            "comment",
            "1000",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "comment": 7}),
            "comment",
            "text",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "app": ""}),
            "app",
            "1 to 256",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "dry_run": "yes"}),
            "dry_run",
            "true",
        ),
        (
            json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "duration": 300}),
            "duration",
            "unknown",
        ),
    ] {
        let (status, problem) = client.call("POST", "/api/v1/actions", &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{body} {problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.starts_with(field) && detail.contains(limit),
            "{detail}"
        );
    }
    for body in ["", "{", "[]", "7"] {
        let request = client
            .post("/api/v1/actions")
            .bearer_auth(super::client::API);
        let answer = request.body(body).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{body}");
        assert_eq!(answer.json::<Value>().await.unwrap()["field"], "body");
    }
    assert!(client.actions("").await.is_empty());
}

#[tokio::test]
async fn wrong_addresses_are_named() {
    let running = Running::start().await;
    for wrong in [
        "",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "01.2.3.4",
        " 1.2.3.4",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/",
        "1.2.3.4/08",
        "1.2.3.4/8/8",
        "1.2.3.4:80",
        "0x7f.0.0.1",
        "2130706433",
        "1.2.3.4-9",
        "1.2.3.*",
        "example.com",
        "[2001:db8::1]",
        "2001:db8::1::",
        "2001:db8::/129",
        "fe80::1%eth0",
        "::ffff:1.2.3.4/95",
        "１.2.3.4",
    ] {
        let body = block(&["203.0.113.7", wrong]);
        let (status, problem) = running.client.call("POST", "/api/v1/actions", &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!("ip_cidr")),
            "{wrong:?}: {problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.starts_with(&format!("ip_cidr[1]: {wrong:?}: ")),
            "{detail}"
        );
    }
    assert!(
        running.client.actions("").await.is_empty(),
        "nothing is half done"
    );
}

#[tokio::test]
async fn wrong_queries_and_unknown_ids_are_refused() {
    let running = Running::start().await;
    let client = &running.client;
    for (query, field) in [
        ("state=gone", "state"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("cursor=7", "cursor"),
        ("colour=red", "colour"),
        ("app=a&app=b", "app"),
    ] {
        let (status, problem) = client
            .call("GET", &format!("/api/v1/actions?{query}"), &NONE)
            .await;
        assert_eq!(
            (status, &problem["field"]),
            (400, &json!(field)),
            "{problem}"
        );
    }
    for (method, path) in [
        ("GET", "/api/v1/actions/0123456789abcdef"),
        ("DELETE", "/api/v1/actions/0123456789abcdef"),
        ("DELETE", "/api/v1/actions/nonsense"),
        ("DELETE", "/api/v1/allowlist/0123456789abcdef"),
        ("DELETE", "/api/v1/allowlist/é"),
    ] {
        assert_eq!(
            client.call(method, path, &NONE).await.0,
            404,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn decisions_want_the_token() {
    let running = Running::start().await;
    for (method, path) in [
        ("POST", "/api/v1/actions"),
        ("GET", "/api/v1/actions"),
        ("GET", "/api/v1/actions/0123456789abcdef"),
        ("DELETE", "/api/v1/actions/0123456789abcdef"),
        ("GET", "/api/v1/actions/settings"),
        ("PUT", "/api/v1/actions/settings"),
        ("POST", "/api/v1/allowlist"),
        ("GET", "/api/v1/allowlist"),
        ("DELETE", "/api/v1/allowlist/0123456789abcdef"),
    ] {
        let url = format!("{}{path}", running.client.url);
        let request = running.client.http.request(method.parse().unwrap(), url);
        let answer = request.json(&block(&["203.0.113.7"])).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{method} {path}");
    }
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
    assert_eq!((status, &removed["removed_by"]), (200, &json!("api")));
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
