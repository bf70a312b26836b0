//! The quickstart example, run as a program and driven over HTTP.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "in a test, a failure is a panic")]

#[path = "quickstart/playbook.rs"]
mod playbook;
mod support;

use std::collections::HashSet;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use support::example;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout};

const IP: &str = "198.51.100.7";
const USER_AGENT: &str = "quickstart-test/1.0";
/// For whatever comes in the end; far more than it takes.
const DEADLINE: Duration = Duration::from_secs(20);

fn client() -> reqwest::Client {
    // The SDK brings TLS without a provider for all; an error says that another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder();
    client.no_proxy().user_agent(USER_AGENT).build().unwrap()
}

/// The example, running; killed when dropped.
struct Demo {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    app: String,
    explorer: String,
    server: String,
    api_token: String,
    ingest_token: String,
    http: reqwest::Client,
}

impl Demo {
    async fn start(data_dir: Option<&Path>) -> Self {
        Self::start_in(None, data_dir).await
    }

    async fn start_in(temporary: Option<&Path>, data_dir: Option<&Path>) -> Self {
        let mut command = Command::new(example("quickstart"));
        if let Some(dir) = temporary {
            command.env("TMPDIR", dir);
        }
        command.args(["--app-addr", "127.0.0.1:0", "--server-addr=127.0.0.1:0"]);
        if let Some(dir) = data_dir {
            command.arg("--data-dir").arg(dir);
        }
        command.stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut values = Vec::new();
        for name in ["app", "explorer", "api_token", "ingest_token"] {
            let line = timeout(DEADLINE, stdout.next_line()).await.unwrap();
            let line = line.unwrap().unwrap();
            let value = line.strip_prefix(name).and_then(|l| l.strip_prefix('='));
            values.push(value.unwrap_or_else(|| panic!("{name}: {line}")).to_owned());
        }
        let [app, explorer, api_token, ingest_token] = values.try_into().unwrap();
        let server = reqwest::Url::parse(&explorer).unwrap();
        Self {
            child,
            stdout,
            app,
            explorer,
            server: server.origin().ascii_serialization(),
            api_token,
            ingest_token,
            http: client(),
        }
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.get(format!("{}{path}", self.app));
        request.header("x-forwarded-for", IP)
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.post(format!("{}{path}", self.app));
        request.header("x-forwarded-for", IP)
    }

    /// Text of an answer of the backend's API.
    async fn api(&self, path: &str) -> String {
        let request = self.http.get(format!("{}/api/v1/{path}", self.server));
        let answer = request.bearer_auth(&self.api_token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.text().await.unwrap()
    }

    /// Asks until the answer is as expected.
    async fn api_until(&self, path: &str, expected: impl Fn(&Value) -> bool) -> String {
        let start = Instant::now();
        loop {
            let text = self.api(path).await;
            if expected(&serde_json::from_str(&text).unwrap()) {
                return text;
            }
            assert!(start.elapsed() < DEADLINE, "{path}: still {text}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the example with a signal; nothing more than the four lines was printed.
    async fn stop(mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().unwrap().to_string();
        let kill = Command::new("kill").args([signal, &id]).status().await;
        assert!(kill.unwrap().success());
        let status = timeout(DEADLINE, self.child.wait()).await.unwrap();
        assert_eq!(self.stdout.next_line().await.unwrap(), None);
        status.unwrap()
    }
}

fn events(answer: &str) -> Vec<Value> {
    let answer: Value = serde_json::from_str(answer).unwrap();
    answer["events"].as_array().unwrap().clone()
}

/// Whether every event of the ledger has an outcome, and there are this many.
fn adds_up(outcomes: &Value, tracked: u64) -> bool {
    let sum = |counts: &Value| -> u64 {
        let counts = counts.as_object().unwrap().values();
        counts.map(|count| count.as_u64().unwrap()).sum()
    };
    let rows = outcomes["outcomes"].as_array().unwrap();
    rows.iter().any(|row| {
        let count = |name: &str| row[name].as_u64().unwrap();
        let ended = count("accepted")
            + count("duplicate")
            + sum(&row["rejected"])
            + sum(&row["dropped"])
            + count("pending");
        assert_eq!(ended, count("tracked"), "{row}");
        row["app"] == "quickstart" && count("tracked") == tracked && count("accepted") == tracked
    })
}

#[tokio::test]
async fn quickstart_events_arrive_with_who_from_where_and_on_what() {
    let demo = Demo::start(None).await;
    drive(&demo).await;

    let is_complete = |answer: &Value| answer["events"].as_array().unwrap().len() >= 6;
    let answer = demo.api_until("events", is_complete).await;
    let outcomes = demo.api_until("outcomes", |o| adds_up(o, 6)).await;
    let secrets = [
        "letmein",
        "guess-1",
        "4f2c9a17",
        "4111 1111",
        "55000055",
        "hunter2",
    ];
    for secret in secrets {
        assert!(!answer.contains(secret), "{secret}: {answer}");
        assert!(!outcomes.contains(secret), "{secret}: {outcomes}");
    }
    let events = events(&answer);
    assert_eq!(events.len(), 6, "{answer}");
    let find = |name: &str, status: Value| {
        let mut found = events
            .iter()
            .filter(|event| event["name"] == name && event["status"] == status);
        found.next().unwrap_or_else(|| panic!("{name}: {answer}"))
    };
    let ann = json!({"email": "ann@example.com"});
    let checks = [
        (
            "product.viewed",
            json!(200),
            "GET",
            "/products/42",
            json!(null),
        ),
        ("users.login", json!(401), "POST", "/login", ann.clone()),
        ("users.login", json!(200), "POST", "/login", ann.clone()),
        (
            "users.signup",
            json!(200),
            "POST",
            "/signup",
            json!({"email": "bob@example.com"}),
        ),
        ("cart.checkout", json!(200), "POST", "/checkout", ann),
        ("crash.triggered", json!(null), "GET", "/crash", json!(null)),
    ];
    for (name, status, method, path, user) in checks {
        let event = find(name, status);
        assert_eq!(event["app"], "quickstart");
        assert_eq!(event["ip"], IP, "{event}");
        assert_eq!(event["user_agent"], USER_AGENT, "{event}");
        assert_eq!(event["method"], method, "{event}");
        assert_eq!(event["path"], path, "{event}");
        assert_eq!(event["user"], user, "{event}");
    }

    let view = find("product.viewed", json!(200));
    assert_eq!(view["properties"], json!({"product_id": "42"}));
    assert_eq!(view["route"], "/products/{id}");
    assert_eq!(view["params"]["path"], json!({"id": "42"}));
    let query = json!({"q": "red shoes", "token": "<Redacted by Sqreen>"});
    assert_eq!(view["params"]["query"], query);
    let failed = find("users.login", json!(401));
    assert_eq!(failed["properties"]["success"], false);
    let good = find("users.login", json!(200));
    assert_eq!(good["properties"]["success"], true);
    let checkout = find("cart.checkout", json!(200));
    assert_eq!(checkout["properties"], json!({"items": 2}));
    let body = json!({
        "items": [{"sku": "shoe-42"}, {"sku": "sock-1"}],
        "card": "<Redacted by Sqreen>",
        "payment": {"password": "<Redacted by Sqreen>"},
        "note": "ring twice",
    });
    assert_eq!(checkout["body"], body);

    let status = demo.stop("-INT").await;
    assert!(status.success(), "{status}");
}

/// Uses every page of the shop.
async fn drive(demo: &Demo) {
    let home = demo.get("/").send().await.unwrap();
    assert_eq!(home.status(), StatusCode::OK);
    let home = home.text().await.unwrap();
    for path in [
        "/products/",
        "/login",
        "/signup",
        "/checkout",
        "/me",
        "/crash",
    ] {
        assert!(home.contains(&format!("data-path=\"{path}")), "{path}");
    }

    let view = demo.get("/products/42?q=red+shoes&token=4f2c9a17");
    assert_eq!(view.send().await.unwrap().status(), StatusCode::OK);
    for (password, status) in [
        ("guess-1", StatusCode::UNAUTHORIZED),
        ("letmein", StatusCode::OK),
    ] {
        let form = [("email", "ann@example.com"), ("password", password)];
        let login = demo.post("/login").form(&form).send().await.unwrap();
        assert_eq!(login.status(), status);
    }
    let form = [("email", "bob@example.com"), ("card", "5500005555555559")];
    let signup = demo.post("/signup").form(&form).send().await.unwrap();
    assert_eq!(signup.status(), StatusCode::OK);

    let cart = json!({
        "items": [{"sku": "shoe-42"}, {"sku": "sock-1"}],
        "card": "4111 1111 1111 1111",
        "payment": {"password": "hunter2"},
        "note": "ring twice",
    });
    let stranger = demo.post("/checkout").json(&cart).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    let checkout = demo.post("/checkout").json(&cart);
    let checkout = checkout.header("x-demo-user", "ann@example.com");
    assert_eq!(checkout.send().await.unwrap().status(), StatusCode::OK);

    let me = demo.get("/me").header("x-demo-user", "ann@example.com");
    let me: Value = me.send().await.unwrap().json().await.unwrap();
    assert_eq!(me, json!({"user": "ann@example.com"}));
    let stranger = demo.get("/me").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);

    // The handler panics: the connection closes without an answer.
    assert!(demo.get("/crash").send().await.is_err());
}

#[tokio::test]
async fn sigterm_loses_no_event() {
    const VIEWS: usize = 200;
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(Some(dir.path())).await;
    let views = (0..VIEWS).map(|id| {
        let view = demo.get(&format!("/products/{id}"));
        async move { view.send().await.unwrap().status() }
    });
    for status in futures_util::future::join_all(views).await {
        assert_eq!(status, StatusCode::OK);
    }
    let status = demo.stop("-TERM").await;
    assert!(status.success(), "{status}");

    let demo = Demo::start(Some(dir.path())).await;
    let answer = demo
        .api("events?filter=name:product.viewed&limit=1000")
        .await;
    let events = events(&answer);
    assert_eq!(events.len(), VIEWS);
    let products: HashSet<&str> = events
        .iter()
        .map(|event| event["properties"]["product_id"].as_str().unwrap())
        .collect();
    assert_eq!(products.len(), VIEWS);
    let outcomes = demo.api("outcomes").await;
    let outcomes = serde_json::from_str(&outcomes).unwrap();
    assert!(adds_up(&outcomes, VIEWS as u64), "{outcomes}");
    assert!(demo.stop("-TERM").await.success());
}

#[tokio::test]
async fn quickstart_prints_where_it_listens_and_how_to_get_in() {
    let temporary = tempfile::tempdir().unwrap();
    let left = || std::fs::read_dir(temporary.path()).unwrap().count();
    let demo = Demo::start_in(Some(temporary.path()), None).await;
    assert_eq!(left(), 1);
    for link in [&demo.app, &demo.explorer] {
        assert!(link.starts_with("http://127.0.0.1:"), "{link}");
    }
    assert_ne!(demo.api_token, demo.ingest_token);
    let api = format!("{}/api/v1/events", demo.server);
    for token in ["", &demo.ingest_token] {
        let answer = demo.http.get(&api).bearer_auth(token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    assert!(events(&demo.api("events").await).is_empty());

    // The link answers the page itself, also to a client without cookies, and again.
    for _ in 0..2 {
        let page = demo.http.get(&demo.explorer).send().await.unwrap();
        assert_eq!(page.status(), StatusCode::OK);
        assert!(page.text().await.unwrap().contains("<html"));
    }
    assert!(demo.stop("-TERM").await.success());
    assert_eq!(left(), 0, "the temporary directory is removed");
}

#[tokio::test]
async fn quickstart_refuses_bad_options_by_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken_address = taken.local_addr().unwrap().to_string();
    for (arguments, named, code) in [
        (vec!["--port", "1"], "--port: unknown option", 2),
        (vec!["--app-addr"], "--app-addr: needs a value", 2),
        (vec!["--data-dir="], "--data-dir: needs a value", 2),
        (vec!["--app-addr=here"], "--app-addr: `here` is not", 2),
        (
            vec!["--server-addr", &taken_address],
            "--server-addr: cannot listen",
            1,
        ),
    ] {
        let output = Command::new(example("quickstart"))
            .args(&arguments)
            .output();
        let output = timeout(DEADLINE, output).await.unwrap().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        assert!(stderr.contains(named), "{arguments:?}: {stderr}");
        assert!(output.stdout.is_empty());
    }
}

/// The cookie and the form token of someone who followed the explorer's link.
async fn sign_in(demo: &Demo) -> (String, String) {
    let page = demo.http.get(&demo.explorer).send().await.unwrap();
    let cookie = page.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = demo.http.get(format!("{}/actions", demo.server));
    let page = page.header("cookie", &cookie).send().await.unwrap();
    let page = page.text().await.unwrap();
    let (_, token) = page.split_once("name=\"csrf\" value=\"").unwrap();
    (cookie, token.split('"').next().unwrap().to_owned())
}

/// Asks until the answer has this status.
async fn status_becomes(status: StatusCode, request: impl Fn() -> reqwest::RequestBuilder) {
    let start = Instant::now();
    loop {
        let found = request().send().await.unwrap().status();
        if found == status {
            return;
        }
        assert!(start.elapsed() < DEADLINE, "still {found}, not {status}");
    }
}

#[tokio::test]
async fn a_block_in_the_explorer_stops_the_shops_next_request() {
    let demo = Demo::start(None).await;
    let (cookie, csrf) = sign_in(&demo).await;
    let view = || demo.get("/products/1");
    let me = || demo.get("/me").header("x-demo-user", "ann@example.com");
    status_becomes(StatusCode::OK, view).await;
    status_becomes(StatusCode::OK, me).await;

    let block = [
        ("action", "block_ip"),
        ("ip", IP),
        ("duration", "300"),
        ("app", ""),
        ("comment", "seen in the explorer"),
        ("csrf", &csrf),
    ];
    let form = demo.http.post(format!("{}/actions", demo.server));
    let form = form.header("cookie", cookie).form(&block);
    assert!(form.send().await.unwrap().status() != StatusCode::BAD_REQUEST);
    status_becomes(StatusCode::FORBIDDEN, view).await;
    let other = || demo.http.get(format!("{}/products/1", demo.app));
    status_becomes(StatusCode::OK, other).await;
    let reported = |events: &Value| events["events"][0]["status"] == 403;
    demo.api_until("events?filter=name:sq.action.block_ip", reported)
        .await;

    let actions: Value = serde_json::from_str(&demo.api("actions").await).unwrap();
    let id = actions["actions"][0]["id"].as_str().unwrap();
    let lift = demo
        .http
        .delete(format!("{}/api/v1/actions/{id}", demo.server));
    let lift = lift.bearer_auth(&demo.api_token).send().await.unwrap();
    assert!(lift.status().is_success());
    status_becomes(StatusCode::OK, view).await;

    let block = json!({"action": "block_user", "users": [{"email": "ann@example.com"}]});
    let post = demo.http.post(format!("{}/api/v1/actions", demo.server));
    let post = post.bearer_auth(&demo.api_token).json(&block);
    assert_eq!(post.send().await.unwrap().status(), StatusCode::CREATED);
    status_becomes(StatusCode::FORBIDDEN, me).await;
    assert!(demo.stop("-TERM").await.success());
}
