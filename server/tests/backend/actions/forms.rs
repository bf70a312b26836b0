//! What the forms of the actions' page do, and who may send them.

use serde_json::{Value, json};

use super::super::client::{Running, block};
use super::browser::{ADMIN, Browser, csrf, form};

#[tokio::test]
async fn forms_block_and_lift() {
    let running = Running::start().await;
    let client = &running.client;
    let browser = Browser::sign_in(&running).await;
    for (duration, seconds) in [
        ("300", Some(300)),
        ("900", Some(900)),
        ("3600", Some(3_600)),
        ("21600", Some(21_600)),
        ("86400", Some(86_400)),
        ("permanent", None),
    ] {
        let page = browser.open("/actions").await;
        assert!(
            page.contains(&format!("<option value=\"{duration}\"")),
            "{duration} is on offer"
        );
        let fields = [
            ("action", "block_ip"),
            ("ip", " 203.0.113.0/24 "),
            ("duration", duration),
            ("app", "shop"),
            ("comment", "bots & <b>more</b>"),
        ];
        let (status, place, _) = browser.send("/actions", &fields).await;
        assert_eq!((status, place.as_str()), (303, "/actions"));
        let action = &client.actions("").await[0];
        let time = |name: &str| {
            action[name].as_str().map(|text| {
                text.parse::<sqreen::protocol::Timestamp>()
                    .unwrap()
                    .as_micros()
                    / 1_000_000
            })
        };
        assert_eq!(
            time("expires_at"),
            seconds.map(|seconds| time("created_at").unwrap() + seconds)
        );
        assert_eq!(
            (&action["app"], &action["created_by"]),
            (&json!("shop"), &json!(ADMIN))
        );
        assert_eq!(action["ip_cidr"], json!(["203.0.113.0/24"]));
    }
    let page = browser.open("/actions").await;
    assert!(
        page.contains("bots &amp; &lt;b&gt;more&lt;/b&gt;") && !page.contains("<b>more"),
        "{page}"
    );

    let user = form(&[
        ("action", "block_user"),
        ("user", "email=a=b@c.example\r\n id = 42 \r\n"),
        ("match_any", "on"),
        ("dry_run", "on"),
    ]);
    assert_eq!(browser.send("/actions", &user).await.0, 303);
    let action = client.actions("").await[0].clone();
    assert_eq!(
        action["users"],
        json!([{"email": "a=b@c.example", "id": "42"}])
    );
    assert_eq!(
        (&action["match_any"], &action["dry_run"], &action["app"]),
        (&json!(true), &json!(true), &Value::Null)
    );

    let lift = format!("/actions/{}/lift", action["id"].as_str().unwrap());
    assert_eq!(browser.send(&lift, &[]).await.0, 303);
    let past = client.actions("state=past").await;
    assert_eq!(
        (&past[0]["id"], &past[0]["lifted_by"]),
        (&action["id"], &json!(ADMIN))
    );
    assert!(
        browser
            .open("/actions")
            .await
            .contains("lifted by admin@example.com")
    );
}

#[tokio::test]
async fn forms_redirect_where_an_address_is_given() {
    let running = Running::start().await;
    let browser = Browser::sign_in(&running).await;
    for (whom, field, value) in [("ip", "ip", "203.0.113.7"), ("user", "user", "id=42")] {
        let kind = format!("block_{whom}");
        let mut fields = form(&[("action", kind.as_str()), (field, value)]);
        fields.push(("url", "not absolute"));
        let (status, _, page) = browser.send("/actions", &fields).await;
        assert_eq!(status, 400);
        assert!(page.contains("value=\"not absolute\""), "{page}");
        fields.pop();
        fields.push(("url", "https://shop.example/help"));
        assert_eq!(browser.send("/actions", &fields).await.0, 303);
        let action = &running.client.actions("").await[0];
        let kind = json!(format!("redirect_{whom}"));
        let url = json!("https://shop.example/help");
        assert_eq!((&action["action"], &action["url"]), (&kind, &url));
        let page = browser.open("/actions").await;
        assert!(page.contains("to https://shop.example/help"), "{page}");
    }
}

#[tokio::test]
async fn a_refused_form_says_why_and_keeps_what_was_typed() {
    let running = Running::start().await;
    let browser = Browser::sign_in(&running).await;
    let wrong = form(&[("action", "block_ip"), ("ip", "1.2.3<script>")]);
    let (status, _, page) = browser.send("/actions", &wrong).await;
    assert_eq!(status, 400);
    assert!(
        page.contains("not an IPv4 or IPv6 address")
            && page.contains("value=\"1.2.3&lt;script&gt;\""),
        "{page}"
    );
    assert!(
        page.contains("value=\"by hand\"") && !page.contains("<script>"),
        "{page}"
    );
    let wrong = form(&[("action", "block_user"), ("user", "nobody")]);
    let (status, _, page) = browser.send("/actions", &wrong).await;
    assert_eq!(status, 400);
    assert!(page.contains("is not of the form name=value"), "{page}");
    for wrong in [
        vec![("action", "block_user"), ("user", ""), ("duration", "60")],
        vec![
            ("action", "block_user"),
            ("user", "a=1\na=2"),
            ("duration", "60"),
        ],
        vec![
            ("action", "block_ip"),
            ("ip", "203.0.113.7"),
            ("duration", "soon"),
        ],
        vec![("action", "block_ip"), ("ip", "203.0.113.7")],
        vec![("ip", "203.0.113.7"), ("duration", "60")],
    ] {
        let (status, _, page) = browser.send("/actions", &wrong).await;
        assert_eq!(status, 400, "{wrong:?}");
        assert!(page.contains("role=\"alert\""));
    }

    let critical = form(&[("action", "block_ip"), ("ip", "192.168.1.7")]);
    assert!(!browser.open("/actions").await.contains("allow_critical"));
    let (status, _, page) = browser.send("/actions", &critical).await;
    assert_eq!(status, 409);
    assert!(
        page.contains("192.168.1.7 is private (192.168.0.0/16)")
            && page.contains("name=\"allow_critical\"")
    );
    assert!(running.client.actions("").await.is_empty());
    let meant = form(&[
        ("action", "block_ip"),
        ("ip", "192.168.1.7"),
        ("allow_critical", "on"),
    ]);
    assert_eq!(browser.send("/actions", &meant).await.0, 303);
    assert!(
        browser
            .open("/actions")
            .await
            .contains("Although 192.168.1.7 is private")
    );
}

#[tokio::test]
async fn the_allow_list_and_the_dry_run_have_forms() {
    let running = Running::start().await;
    let client = &running.client;
    let browser = Browser::sign_in(&running).await;
    let fields = [("allowed", "198.51.100.0/24  /health"), ("comment", "ours")];
    assert_eq!(browser.send("/actions/allowlist", &fields).await.0, 303);
    let (_, allowlist) = client.call("GET", "/api/v1/allowlist", &Value::Null).await;
    let entry = &allowlist["entries"][0];
    assert_eq!(
        (&entry["ips"], &entry["paths"]),
        (&json!(["198.51.100.0/24"]), &json!(["/health"]))
    );
    let (status, _, page) = browser
        .send(
            "/actions/allowlist",
            &[("allowed", "nonsense"), ("comment", "")],
        )
        .await;
    assert!(
        status == 400 && page.contains("value=\"nonsense\""),
        "{page}"
    );
    let remove = format!(
        "/actions/allowlist/{}/remove",
        entry["id"].as_str().unwrap()
    );
    assert_eq!(browser.send(&remove, &[]).await.0, 303);
    assert!(
        browser
            .open("/actions")
            .await
            .contains("The allow list is empty.")
    );

    let settings = async || {
        client
            .call("GET", "/api/v1/actions/settings", &Value::Null)
            .await
            .1["dry_run"]
            .clone()
    };
    assert_eq!(
        browser
            .send("/actions/settings", &[("dry_run", "on")])
            .await
            .0,
        303
    );
    assert_eq!(settings().await, true);
    assert!(
        browser
            .open("/actions")
            .await
            .contains("nothing is stopped")
    );
    assert_eq!(
        browser
            .send("/actions/settings", &[("dry_run", "off")])
            .await
            .0,
        303
    );
    assert_eq!(settings().await, false);
}

#[tokio::test]
async fn forms_of_other_sites_change_nothing() {
    let running = Running::start().await;
    let client = &running.client;
    let action = client.act(&block(&["203.0.113.7"])).await;
    let allowed = json!({"ips": ["198.51.100.7"]});
    let (_, entry) = client.call("POST", "/api/v1/allowlist", &allowed).await;
    let browser = Browser::sign_in(&running).await;
    let other = Browser::sign_in(&running).await;
    let foreign = csrf(&other.open("/actions").await);
    assert_ne!(foreign, csrf(&browser.open("/actions").await));
    let lift = format!("/actions/{}/lift", action["id"].as_str().unwrap());
    let remove = format!(
        "/actions/allowlist/{}/remove",
        entry["id"].as_str().unwrap()
    );
    let forms = [
        (
            "/actions",
            form(&[("action", "block_ip"), ("ip", "203.0.113.9")]),
        ),
        (lift.as_str(), Vec::new()),
        ("/actions/settings", vec![("dry_run", "on")]),
        (
            "/actions/allowlist",
            vec![("allowed", "203.0.113.9"), ("comment", "")],
        ),
        (remove.as_str(), Vec::new()),
    ];
    let stranger = Browser {
        client: browser.client.clone(),
        cookie: "sqreen_session=guessed".to_owned(),
    };
    for (path, fields) in &forms {
        for token in [None, Some(""), Some("guessed"), Some(foreign.as_str())] {
            let mut fields = fields.clone();
            fields.extend(token.map(|token| ("csrf", token)));
            let (status, _, page) = browser.post(path, &fields).await;
            assert_eq!(status, 403, "{path} {token:?}");
            assert!(page.contains("Nothing was changed"), "{page}");
        }
        let mut fields = fields.clone();
        fields.push(("csrf", &foreign));
        assert_eq!(stranger.post(path, &fields).await.0, 401, "{path}");
    }
    assert_eq!(client.actions("").await, [action]);
    let (_, allowlist) = client.call("GET", "/api/v1/allowlist", &Value::Null).await;
    assert_eq!(allowlist["entries"], json!([entry]));
    let (_, settings) = client
        .call("GET", "/api/v1/actions/settings", &Value::Null)
        .await;
    assert_eq!(settings["dry_run"], false);
    let answer = client.get("/actions").send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn unknown_ids_are_said_to_be_unknown() {
    let running = Running::start().await;
    let browser = Browser::sign_in(&running).await;
    for path in [
        "/actions/0123456789abcdef/lift",
        "/actions/nonsense/lift",
        "/actions/allowlist/0123456789abcdef/remove",
    ] {
        let (status, _, page) = browser.send(path, &[]).await;
        assert_eq!(status, 404, "{path}");
        assert!(page.contains("There is none of this id"), "{page}");
    }
}
