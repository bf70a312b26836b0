//! What is refused, and by which name.

use serde_json::{Value, json};

use super::super::client::{API, Running, block};

const NONE: Value = Value::Null;

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
        let request = client.post("/api/v1/actions").bearer_auth(API);
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
