//! A server on a port of its own, and what tests ask it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use sqreen_server::{Server, ServerConfig};

pub(crate) const INGEST: &str = "ingest-token-of-the-tests";
pub(crate) const API: &str = "api-token-of-the-tests";

/// A client of one server; it knows its address alone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) url: String,
    pub(crate) http: reqwest::Client,
}

pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) server: Server,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
    dir: Option<tempfile::TempDir>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::start_with(|config| config).await
    }

    pub(crate) async fn start_with(set: impl FnOnce(ServerConfig) -> ServerConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = set(config(dir.path()));
        Self {
            dir: Some(dir),
            ..Self::with(config).await
        }
    }

    /// A server on a directory that outlives it.
    pub(crate) async fn at(dir: &Path) -> Self {
        Self::with(config(dir)).await
    }

    async fn with(config: ServerConfig) -> Self {
        let server = Server::start(config).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()));
        let router = server.router();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            client,
            server,
            serving,
            dir: None,
        }
    }

    /// Ends the server as a stop does; its directory can be opened again.
    pub(crate) async fn stop(self) {
        self.serving.abort();
        let _ = self.serving.await;
        self.server.close().await.unwrap();
        drop(self.dir);
    }
}

pub(crate) fn config(dir: &Path) -> ServerConfig {
    ServerConfig::new(dir).ingest_token(INGEST).api_token(API)
}

impl Client {
    pub(crate) fn new(url: &str) -> Self {
        // When the workspace is built as a whole, the SDK has TLS compiled into the client, which then wants a
        // provider even for plain HTTP. Another test may have set it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            url: url.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.http.get(format!("{}{path}", self.url))
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.http.post(format!("{}{path}", self.url))
    }

    /// Logs in as this project's SDK does, and returns the session.
    pub(crate) async fn login(&self, app: &str) -> String {
        let answer = self.login_as(app, &sdk()).await;
        answer["session_id"].as_str().unwrap().to_owned()
    }

    /// The status of a login with this token and application.
    pub(crate) async fn login_with(&self, token: &str, app: &str) -> u16 {
        let login = self.post("/sqreen/v1/app-login").header("x-api-key", token);
        let answer = login.header("x-app-name", app).json(&sdk()).send().await;
        answer.unwrap().status().as_u16()
    }

    /// Logs in with this body, and returns the answer.
    pub(crate) async fn login_as(&self, app: &str, body: &Value) -> Value {
        let login = self
            .post("/sqreen/v1/app-login")
            .header("x-api-key", INGEST);
        let answer = login
            .header("x-app-name", app)
            .json(body)
            .send()
            .await
            .unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], true, "{answer}");
        answer
    }

    /// Logs in with this body, and returns the session; `None` where no server answers.
    pub(crate) async fn try_login(&self, app: &str, body: &Value) -> Option<String> {
        let login = self.post("/sqreen/v1/app-login");
        let login = login.header("x-api-key", INGEST).header("x-app-name", app);
        let answer: Value = login.json(body).send().await.ok()?.json().await.ok()?;
        Some(answer["session_id"].as_str()?.to_owned())
    }

    /// Sends a heartbeat, and returns its commands.
    pub(crate) async fn beat(&self, session: &str, body: &Value) -> Vec<Value> {
        let answer = self.send(session, "/sqreen/v1/app-beat", body).await;
        let mut answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["status"], true, "{answer}");
        serde_json::from_value(answer["commands"].take()).unwrap()
    }

    pub(crate) async fn pack(&self, session: &str) -> Value {
        let request = self
            .get("/sqreen/v0/actionspack")
            .header("x-session-key", session);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Calls the API; returns status and answer.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let url = format!("{}{path}", self.url);
        let request = self
            .http
            .request(method.parse().unwrap(), url)
            .bearer_auth(API);
        let request = if body.is_null() {
            request
        } else {
            request.json(body)
        };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Posts an action, and returns it.
    pub(crate) async fn act(&self, body: &Value) -> Value {
        let (status, action) = self.call("POST", "/api/v1/actions", body).await;
        assert_eq!(status, 201, "{action}");
        action
    }

    /// The actions that a query selects.
    pub(crate) async fn actions(&self, query: &str) -> Vec<Value> {
        let (status, mut page) = self
            .call("GET", &format!("/api/v1/actions?{query}"), &Value::Null)
            .await;
        assert_eq!(status, 200, "{page}");
        serde_json::from_value(page["actions"].take()).unwrap()
    }

    pub(crate) async fn send(&self, session: &str, path: &str, body: &Value) -> Response {
        let request = self.post(path).header("x-session-key", session);
        request.json(body).send().await.unwrap()
    }

    /// Sends a batch that asks for verdicts, and returns the answer.
    pub(crate) async fn batch(&self, session: &str, records: Value) -> Value {
        let body = json!({"batch_id": "b", "verdicts": true, "batch": records});
        let answer = self.send(session, "/sqreen/v0/batch", &body).await;
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    }

    pub(crate) fn api(&self, path: &str) -> RequestBuilder {
        self.get(path).bearer_auth(API)
    }

    /// The events that the query selects.
    pub(crate) async fn events(&self, query: &str) -> Vec<Value> {
        let answer = self
            .api(&format!("/api/v1/events?{query}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200);
        let mut answer: Value = answer.json().await.unwrap();
        serde_json::from_value(answer["events"].take()).unwrap()
    }

    /// All events, page by page.
    pub(crate) async fn all_events(&self) -> Vec<Value> {
        let mut events = Vec::new();
        let mut path = "/api/v1/events?limit=1000".to_owned();
        loop {
            let page = self.api(&path).send().await.unwrap();
            let mut page: Value = page.json().await.unwrap();
            let page_events: Vec<_> = serde_json::from_value(page["events"].take()).unwrap();
            events.extend(page_events);
            match page["next"].as_str() {
                Some(next) => path = format!("/api/v1/events?limit=1000&cursor={next}"),
                None => return events,
            }
        }
    }

    /// Sends batches, their ids from this number upwards, until the server is gone; counts the events that were
    /// acknowledged, and returns their ids.
    pub(crate) async fn load(self, from: u64, acknowledged: Arc<AtomicU64>) -> Vec<String> {
        let session = self.login("shop").await;
        let mut ids = Vec::new();
        for batch in 0.. {
            let batch: Vec<_> = (0..20).map(|n| uuid(from + batch * 20 + n)).collect();
            let events: Vec<_> = batch.iter().map(|id| (id.as_str(), "load")).collect();
            let body = json!({"verdicts": true, "batch": [record(&events)]});
            let request = self
                .post("/sqreen/v0/batch")
                .header("x-session-key", &session);
            let Ok(answer) = request.json(&body).send().await else {
                break;
            };
            let Ok(answer) = answer.json::<Value>().await else {
                break;
            };
            assert_eq!(answer["status"], true);
            ids.extend(batch);
            acknowledged.fetch_add(20, Ordering::SeqCst);
        }
        ids
    }
}

/// The login of this project's SDK.
pub(crate) fn sdk() -> Value {
    json!({
        "agent_type": "rust", "agent_version": "0.1.0", "hostname": "web-1", "instance": "i-1",
        "capabilities": {"version": 1, "compression": ["br", "gzip", "zstd"], "ids": true, "action_stream": true},
    })
}

/// The login of an old agent.
pub(crate) fn old(agent: &str) -> Value {
    json!({"agent_type": agent, "agent_version": "1", "hostname": "web-2"})
}

/// A block of these addresses.
pub(crate) fn block(ips: &[&str]) -> Value {
    json!({"action": "block_ip", "ip_cidr": ips})
}

/// A record of one request with one `track` each of these ids and names.
pub(crate) fn record(events: &[(&str, &str)]) -> Value {
    let sdk: Vec<_> = events
        .iter()
        .map(|(id, name)| {
            json!({"id": id, "time": "2026-11-23T10:00:00.000000Z", "name": "track", "args": [name, {}]})
        })
        .collect();
    json!({
        "event_type": "request_record", "version": "20171208", "client_ip": "198.51.100.7",
        "request": {"rid": "r", "verb": "GET", "path": "/a", "user_agent": "UA"},
        "response": {"status": 204}, "observed": {"sdk": sdk},
    })
}

/// A UUID made of a number.
pub(crate) fn uuid(n: u64) -> String {
    format!("01890a5d-ac96-774b-bcce-{n:012x}")
}
