use std::net::SocketAddr;

use serde_json::{Value, json};

use super::*;
use crate::{Server, ServerConfig};

const INGEST: &str = "ingest-token-of-the-tests";
const API: &str = "api-token-of-the-tests";

fn agent(app: &str) -> Agent {
    Agent {
        app: app.to_owned(),
        ..Agent::default()
    }
}

#[test]
fn the_longest_silent_session_makes_room() {
    let sessions = Sessions {
        limit: 2,
        ..Sessions::new()
    };
    let first = sessions.open(agent("a")).unwrap();
    let second = sessions.open(agent("b")).unwrap();
    assert!(sessions.hear(&first).is_some());
    let third = sessions.open(agent("c")).unwrap();
    assert!(sessions.hear(&second).is_none());
    assert_eq!(sessions.hear(&first).unwrap().app, "a");
    assert_eq!(sessions.hear(&third).unwrap().app, "c");
}

#[test]
fn a_silent_session_ends() {
    let sessions = Sessions {
        silence: Duration::ZERO,
        ..Sessions::new()
    };
    let key = sessions.open(agent("a")).unwrap();
    assert!(sessions.hear(&key).is_none());
}

#[test]
fn an_open_stream_keeps_a_session_and_is_no_sign_of_its_agent() {
    let sessions = Sessions::new();
    let key = sessions.open(agent("a")).unwrap();
    for _ in 0..3 {
        sessions.pass(Duration::from_secs(40 * 60));
        assert!(sessions.keep(&key).is_some());
    }
    let logged_in = sessions.agents(1).remove(0);
    assert!(logged_in.is_silent());
    assert_eq!(logged_in.silence.as_secs(), 7_200);
    sessions.pass(Duration::from_secs(60 * 60));
    assert!(sessions.keep(&key).is_none());
}

/// A server on a port of its own.
struct Running {
    server: Server,
    url: String,
    http: reqwest::Client,
    _dir: tempfile::TempDir,
}

impl Running {
    async fn start() -> Self {
        // The client wants a provider even for plain HTTP; another test may have set it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let config = ServerConfig::new(dir.path());
        let config = config.ingest_token(INGEST).api_token(API);
        let server = Server::start(config).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = server.router();
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = reqwest::Client::builder();
        let http = http.redirect(reqwest::redirect::Policy::none());
        Self {
            server,
            url,
            http: http.no_proxy().build().unwrap(),
            _dir: dir,
        }
    }

    async fn login(&self, host: &str, more: Value) -> String {
        let mut body = json!({"agent_type": "golang", "agent_version": "1", "hostname": host});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let request = self.http.post(format!("{}/sqreen/v1/app-login", self.url));
        let request = request
            .header("x-api-key", INGEST)
            .header("x-app-name", "shop");
        let answer: Value = request
            .json(&body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        answer["session_id"].as_str().unwrap().to_owned()
    }

    async fn beat(&self, session: &str) -> u16 {
        let request = self.http.post(format!("{}/sqreen/v1/app-beat", self.url));
        let request = request.header("x-session-key", session);
        let answer = request.json(&json!({})).send().await.unwrap();
        answer.status().as_u16()
    }

    /// How many agents are connected, and each with whether it is silent, the last heard first.
    async fn agents(&self) -> (u64, Vec<(String, bool)>) {
        let request = self.http.get(format!("{}/api/v1/apps", self.url));
        let answer = request.bearer_auth(API).send().await.unwrap();
        let apps: Value = answer.json().await.unwrap();
        let agents = apps["agents"].as_array().unwrap().iter();
        let agents = agents.map(|agent| {
            let host = agent["host"].as_str().unwrap().to_owned();
            (host, agent["silent"].as_bool().unwrap())
        });
        (
            apps["apps"][0]["agents"].as_u64().unwrap(),
            agents.collect(),
        )
    }

    /// A page, as the admin sees it.
    async fn page(&self, path: &str) -> String {
        let link = self.server.explorer_link();
        let (_, code) = link.split_once("code=").unwrap();
        let form = [
            ("code", code),
            ("name", "admin"),
            ("password", "a password of the tests"),
        ];
        let form = form.map(|(name, value)| format!("{name}={}", value.replace(' ', "+")));
        let request = self.http.post(format!("{}/signin/link", self.url));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form.join("&")).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let request = self.http.get(format!("{}{path}", self.url));
        let answer = request.header("cookie", cookie).send().await.unwrap();
        answer.text().await.unwrap()
    }
}

#[tokio::test]
async fn an_agent_that_missed_two_heartbeats_is_silent_and_not_connected() {
    let running = Running::start().await;
    let sessions = &running.server.shared.sessions;
    let pass = |seconds| sessions.pass(Duration::from_secs(seconds));
    let killed = running.login("killed", json!({})).await;
    let alive = running.login("alive", json!({})).await;
    let rare = json!({"capabilities": {"version": 1, "heartbeat_delay": 600}});
    running.login("rare", rare).await;
    pass(100);
    assert_eq!(running.beat(&alive).await, 200);
    let shown = |hosts: [(&str, bool); 3]| {
        hosts
            .map(|(host, silent)| (host.to_owned(), silent))
            .to_vec()
    };
    let (connected, agents) = running.agents().await;
    assert_eq!(connected, 3);
    assert_eq!(
        agents,
        shown([("alive", false), ("rare", false), ("killed", false)])
    );
    pass(60);
    let (connected, agents) = running.agents().await;
    assert_eq!(connected, 2);
    assert_eq!(
        agents,
        shown([("alive", false), ("rare", false), ("killed", true)])
    );
    let page = running.page("/apps").await;
    let (connected, silent) = page.split_once("Agents that fell silent").unwrap();
    assert!(
        connected.contains("alive") && connected.contains("rare"),
        "{page}"
    );
    assert!(
        !connected.contains("killed") && silent.contains("killed"),
        "{page}"
    );
    assert!(silent.contains("Silent since"), "{page}");
    // Heard again, it is connected again.
    assert_eq!(running.beat(&killed).await, 200);
    assert_eq!(running.agents().await.0, 3);
    // After an hour it is taken for ended, and has to log in again.
    pass(3_600);
    assert_eq!(running.beat(&killed).await, 401);
    assert_eq!(running.agents().await.1, []);
}
