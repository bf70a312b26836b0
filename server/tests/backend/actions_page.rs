//! The actions' page: what it shows, what its forms do, and who may send them.

use serde_json::{Value, json};

use super::client::{API, Client, Running, block, old, record, sdk, uuid};

/// Someone who has signed in.
struct Browser {
    client: Client,
    cookie: String,
}

impl Browser {
    async fn sign_in(running: &Running) -> Self {
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        let client = Client {
            http: http.build().unwrap(),
            ..running.client.clone()
        };
        let answer = client
            .get(&format!("/signin?token={API}"))
            .send()
            .await
            .unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        Self { client, cookie }
    }

    async fn open(&self, path: &str) -> String {
        let answer = self
            .client
            .get(path)
            .header("cookie", &self.cookie)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let csp = answer.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(csp.starts_with("default-src 'none'"), "{csp}");
        answer.text().await.unwrap()
    }

    /// Sends a form as it is; returns status, where it leads and the page.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let body: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encode(value)))
            .collect();
        let request = self.client.post(path).header("cookie", &self.cookie);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(body.join("&")).send().await.unwrap();
        let status = answer.status().as_u16();
        let place = answer
            .headers()
            .get("location")
            .map(|place| place.to_str().unwrap().to_owned());
        (
            status,
            place.unwrap_or_default(),
            answer.text().await.unwrap(),
        )
    }

    /// Sends a form with the page's token.
    async fn send(&self, path: &str, fields: &[(&str, &str)]) -> (u16, String, String) {
        let csrf = csrf(&self.open("/actions").await);
        let fields: Vec<_> = fields
            .iter()
            .copied()
            .chain([("csrf", csrf.as_str())])
            .collect();
        self.post(path, &fields).await
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn csrf(page: &str) -> String {
    let start = "name=\"csrf\" value=\"";
    let (_, rest) = page.split_once(start).expect("a form with a token");
    rest.split('"').next().unwrap().to_owned()
}

/// What a block's form sends, beside its target.
const HOUR: [(&str, &str); 3] = [("duration", "3600"), ("app", ""), ("comment", "by hand")];

fn form<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    more.iter().copied().chain(HOUR).collect()
}

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
            (&json!("shop"), &json!("explorer"))
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
        (&action["id"], &json!("explorer"))
    );
    assert!(
        browser
            .open("/actions")
            .await
            .contains("lifted by explorer")
    );
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
        page.contains("value=\"by hand\"") && !page.contains("<script"),
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
        cookie: "sqreen_explorer=guessed".to_owned(),
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

#[tokio::test]
async fn events_lead_to_blocks_and_back() {
    let running = Running::start().await;
    let client = &running.client;
    let session = client.login("shop").await;
    let mut event = record(&[(&uuid(1), "cart.checkout")]);
    event["client_ip"] = json!("203.0.113.7");
    event["observed"]["sdk"][0]["args"][1] =
        json!({"user_identifiers": {"email": "a&b@c.example", "id": 42}});
    client.batch(&session, json!([event])).await;
    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/").await;
    let links: Vec<_> = page
        .split("class=\"choice\" href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert_eq!(
        links,
        [
            "/actions?user=email%3Da%26b%40c.example%0Aid%3D42&amp;app=shop#block-user",
            "/actions?ip=203.0.113.7&amp;app=shop#block-ip",
        ]
    );
    let filled = browser.open(&links[0].replace("&amp;", "&")).await;
    assert!(
        filled.contains(">email=a&amp;b@c.example\nid=42</textarea>"),
        "{filled}"
    );
    let filled = browser.open(&links[1].replace("&amp;", "&")).await;
    assert!(
        filled.contains("name=\"ip\" value=\"203.0.113.7\"")
            && filled.contains("name=\"app\" value=\"shop\"")
    );

    let user = form(&[
        ("action", "block_user"),
        ("user", "id=42\nemail=a&b@c.example"),
    ]);
    browser.send("/actions", &user).await;
    let ip = form(&[("action", "block_ip"), ("ip", "203.0.113.7")]);
    browser.send("/actions", &ip).await;
    let page = browser.open("/?app=shop").await;
    assert_eq!(
        (
            page.matches("Unblock").count(),
            page.matches(">Block<").count()
        ),
        (2, 0),
        "{page}"
    );

    // Unblocking leads back to the events.
    let id = client.actions("").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let lift = format!("/actions/{id}/lift");
    assert!(
        page.contains("name=\"back\" value=\"/?app=shop\""),
        "{page}"
    );
    let (status, place, _) = browser.send(&lift, &[("back", "/?app=shop")]).await;
    assert_eq!((status, place.as_str()), (303, "/?app=shop"));
    for elsewhere in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/signin",
    ] {
        assert_eq!(
            browser.send(&lift, &[("back", elsewhere)]).await.1,
            "/actions",
            "{elsewhere}"
        );
    }
    let page = browser.open("/").await;
    assert_eq!(
        (
            page.matches("Unblock").count(),
            page.matches(">Block<").count()
        ),
        (1, 1)
    );

    // Lifting a wider block would concern others, too: that is done where it is shown whole.
    let wide = client.act(&block(&["203.0.113.0/24"])).await;
    let page = browser.open("/").await;
    assert!(page.contains(&format!(
        "<a href=\"/actions#a-{}\">with 203.0.113.0/24</a>",
        wide["id"].as_str().unwrap()
    )));
    assert!(
        browser
            .open("/actions")
            .await
            .contains(&format!("id=\"a-{}\"", wide["id"].as_str().unwrap()))
    );
    // Another application's block is none here; one identifier can be enough.
    client
        .call(
            "DELETE",
            &format!("/api/v1/actions/{}", wide["id"].as_str().unwrap()),
            &Value::Null,
        )
        .await;
    client
        .act(&json!({"action": "block_ip", "ip_cidr": ["203.0.113.7"], "app": "blog"}))
        .await;
    assert!(browser.open("/").await.contains("/actions?ip=203.0.113.7"));
    client.act(&json!({"action": "block_user", "users": [{"id": "42"}], "match_any": true, "dry_run": true})).await;
    assert!(browser.open("/").await.contains("<strong>dry run</strong>"));
}

#[tokio::test]
async fn agents_and_their_errors_are_shown() {
    let running = Running::start().await;
    let client = &running.client;
    let browser = Browser::sign_in(&running).await;
    assert!(
        browser
            .open("/actions")
            .await
            .contains("No agent is logged in.")
    );
    let login = client.login_as("shop", &sdk()).await;
    let session = login["session_id"].as_str().unwrap();
    client.login_as("blog", &old("python")).await;
    client.act(&block(&["203.0.113.7"])).await;
    let state =
        json!({"version": login["actions_version"], "live": 3, "error": "pack: <too> large"});
    let commands = client.beat(session, &json!({"actions": state})).await;
    assert_eq!(commands[0]["name"], "actions_reload");
    let page = browser.open("/actions").await;
    for text in [
        "pack: &lt;too&gt; large",
        "3 in force",
        "at change 0 of 1",
        "rust/0.1.0",
        "python/1",
        "web-2",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let state = json!({"version": client.pack(session).await["version"], "live": 1});
    client.beat(session, &json!({"actions": state})).await;
    let page = browser.open("/actions").await;
    assert!(
        page.contains("up to date") && !page.contains("too&gt; large"),
        "{page}"
    );
}

#[tokio::test]
async fn pages_of_actions_follow() {
    let running = Running::start().await;
    let client = &running.client;
    for n in 0..51 {
        client.act(&block(&[&format!("203.0.113.{n}")])).await;
    }
    let browser = Browser::sign_in(&running).await;
    let page = browser.open("/actions").await;
    assert!(page.contains(">203.0.113.50</span>") && !page.contains(">203.0.113.0</span>"));
    let (_, next) = page.split_once("href=\"/actions?live=").unwrap();
    let next = browser
        .open(&format!(
            "/actions?live={}",
            next.split('"').next().unwrap()
        ))
        .await;
    assert!(next.contains(">203.0.113.0</span>") && !next.contains(">203.0.113.1</span>"));
}
