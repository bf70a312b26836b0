//! Addresses that are not blocked by mistake.

use serde_json::{Value, json};

use super::super::client::{Running, block, record, uuid};

#[tokio::test]
async fn critical_addresses_are_refused_with_the_reason() {
    let running = Running::start().await;
    for (net, reason) in [
        ("10.1.2.3", "is private (10.0.0.0/8)"),
        ("192.168.0.0/24", "is private (192.168.0.0/16)"),
        ("127.0.0.1", "is loopback (127.0.0.0/8)"),
        ("::ffff:127.0.0.1", "is loopback"),
        ("169.254.169.254", "is link-local (169.254.0.0/16)"),
        ("0.0.0.0", "is unspecified"),
        ("239.1.1.1", "is multicast (224.0.0.0/4)"),
        ("100.64.0.1", "is shared by a provider's network"),
        ("192.0.0.0/8", "contains 192.168.0.0/16, which is private"),
        ("0.0.0.0/0", "is wider than /8"),
        ("8.0.0.0/7", "is wider than /8"),
        ("::1", "is loopback (::1/128)"),
        ("fd12::/16", "is private (fc00::/7)"),
        ("fe80::1", "is link-local (fe80::/10)"),
        ("2000::/15", "is wider than /16"),
    ] {
        let body = block(&["203.0.113.7", net]);
        let (status, problem) = running.client.call("POST", "/api/v1/actions", &body).await;
        assert_eq!(
            (status, &problem["field"]),
            (409, &json!("ip_cidr")),
            "{net} {problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(reason) && detail.contains("allow_critical"),
            "{detail}"
        );
    }
    assert!(running.client.actions("").await.is_empty());
    // Documentation ranges are addresses as any other.
    running
        .client
        .act(&block(&[
            "203.0.113.0/24",
            "198.51.100.7",
            "192.0.2.1",
            "2001:db8::/32",
        ]))
        .await;
}

#[tokio::test]
async fn an_operator_can_insist_and_it_is_kept() {
    let running = Running::start().await;
    let client = &running.client;
    let body = json!({"action": "block_ip", "ip_cidr": ["10.1.2.3"], "allow_critical": true});
    let action = client.act(&body).await;
    assert_eq!(action["critical"], "10.1.2.3 is private (10.0.0.0/8)");
    assert_eq!(client.actions("").await[0]["critical"], action["critical"]);
    // It counts for this action alone.
    assert_eq!(
        client
            .call("POST", "/api/v1/actions", &block(&["10.1.2.4"]))
            .await
            .0,
        409
    );
    client
        .call(
            "PUT",
            "/api/v1/actions/settings",
            &json!({"allow_critical_ips": true}),
        )
        .await;
    let action = client.act(&block(&["10.1.2.4"])).await;
    assert_eq!(action["critical"], "10.1.2.4 is private (10.0.0.0/8)");
}

#[tokio::test]
async fn proxies_of_an_app_are_critical_to_it() {
    let running = Running::start().await;
    let client = &running.client;
    let passed_on = |n: u64, client: &str, peer: &str| {
        let mut record = record(&[(&uuid(n), "a")]);
        record["client_ip"] = json!(client);
        record["request"]["remote_ip"] = json!(peer);
        record
    };
    let session = client.login("shop").await;
    let records = json!([
        passed_on(1, "203.0.113.7", "8.8.8.8"),
        passed_on(2, "9.9.9.9", "::ffff:9.9.9.9")
    ]);
    client.batch(&session, records).await;
    // Whoever talks to an old agent can send a header that makes it look like a proxy.
    let old = client
        .login_as("shop", &super::super::client::old("golang"))
        .await;
    let old = old["session_id"].as_str().unwrap();
    client
        .batch(old, json!([passed_on(3, "203.0.113.8", "7.7.7.7")]))
        .await;

    let post = async |ip: &str, app: Option<&str>| -> (u16, Value) {
        let body = json!({"action": "block_ip", "ip_cidr": [ip], "app": app});
        client.call("POST", "/api/v1/actions", &body).await
    };
    for app in [None, Some("shop")] {
        let (status, problem) = post("8.8.8.8", app).await;
        let detail = "ip_cidr: 8.8.8.8 passes requests on to shop: it is a proxy";
        assert_eq!(status, 409);
        assert!(
            problem["detail"].as_str().unwrap().starts_with(detail),
            "{problem}"
        );
        let (status, problem) = post("8.8.0.0/16", app).await;
        assert_eq!(status, 409);
        assert!(
            problem["detail"]
                .as_str()
                .unwrap()
                .contains("contains 8.8.8.8, which passes"),
            "{problem}"
        );
    }
    assert_eq!(
        post("8.8.8.8", Some("blog")).await.0,
        201,
        "it is none of this app's"
    );
    for client in ["203.0.113.7", "9.9.9.9", "7.7.7.7"] {
        assert_eq!(post(client, None).await.0, 201, "{client}");
    }
}
