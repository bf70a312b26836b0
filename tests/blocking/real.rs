//! A whole backend on a socket of its own, and its API.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqreen::ConfigBuilder;
use sqreen_server::{Server, ServerConfig};
use tokio::runtime::Runtime;

use super::http;
use super::support::{TOKEN, config_to};

const API_TOKEN: &str = "api-token";

pub(crate) struct Real {
    pub(crate) address: SocketAddr,
    server: Server,
    http: reqwest::Client,
    /// The listener and all connections go with it.
    runtime: Option<Runtime>,
}

impl Drop for Real {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Real {
    /// A backend on a free port.
    pub(crate) async fn start(dir: &Path) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), dir).await
    }

    pub(crate) async fn start_at(address: SocketAddr, dir: &Path) -> Self {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(address).unwrap();
        let listener = socket.listen(128).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = listener.into_std().unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let config = ServerConfig::new(dir);
        let config = config.ingest_token(TOKEN).api_token(API_TOKEN);
        let server = runtime.spawn(Server::start(config)).await.unwrap().unwrap();
        let router = server.router();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            address,
            server,
            http: http(),
            runtime: Some(runtime),
        }
    }

    /// Settings towards it; what comes of a decision comes by the stream, not with a heartbeat.
    pub(crate) fn config(&self) -> ConfigBuilder {
        config_to(self.address)
            .request_timeout(Duration::from_secs(20))
            .heartbeat(Duration::from_secs(3_600))
    }

    /// Closes the store, all connections and the listener.
    pub(crate) async fn stop(mut self) {
        self.server.close().await.unwrap();
        let runtime = self.runtime.take();
        let dropped = tokio::task::spawn_blocking(|| drop(runtime));
        dropped.await.unwrap();
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let request = self.http.request(method, url).bearer_auth(API_TOKEN);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn post(&self, path: &str, body: Value) -> String {
        let (status, answer) = self.call(Method::POST, path, Some(body)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn delete(&self, path: &str) {
        let (status, answer) = self.call(Method::DELETE, path, None).await;
        assert!(status.is_success(), "{status} {answer}");
    }

    /// Takes an action; answers with its id.
    pub(crate) async fn act(&self, action: Value) -> String {
        self.post("actions", action).await
    }

    pub(crate) async fn block_ip(&self, network: &str) -> String {
        let action = json!({"action": "block_ip", "ip_cidr": [network]});
        self.act(action).await
    }

    pub(crate) async fn block_user(&self, user: Value) -> String {
        self.act(json!({"action": "block_user", "users": [user]}))
            .await
    }

    pub(crate) async fn lift(&self, id: &str) {
        self.delete(&format!("actions/{id}")).await;
    }

    /// Adds to the allow list; answers with the entry's id.
    pub(crate) async fn allow(&self, entry: Value) -> String {
        self.post("allowlist", entry).await
    }

    pub(crate) async fn disallow(&self, id: &str) {
        self.delete(&format!("allowlist/{id}")).await;
    }

    pub(crate) async fn set(&self, settings: Value) {
        let (method, path) = (Method::PUT, "actions/settings");
        let (status, answer) = self.call(method, path, Some(settings)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }

    /// Enforces a playbook that is new.
    pub(crate) async fn enforce(&self, mut playbook: Value) {
        let path = format!("playbooks/{}", playbook["slug"].as_str().unwrap());
        playbook["stage"] = "enforce".into();
        playbook["version"] = 0.into();
        let (status, answer) = self.call(Method::PUT, &path, Some(playbook)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }

    /// A predefined playbook.
    pub(crate) async fn template(&self, slug: &str) -> Value {
        let (_, answer) = self.call(Method::GET, "playbooks/templates", None).await;
        let mut templates = answer["templates"].as_array().unwrap().iter();
        let template = templates.find(|template| template["slug"] == slug);
        let mut template = template.unwrap().clone();
        template.as_object_mut().unwrap().remove("family");
        template
    }

    /// What playbooks did, the newest first.
    pub(crate) async fn runs(&self) -> Vec<Value> {
        let (status, mut answer) = self.call(Method::GET, "runs", None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value(answer["runs"].take()).unwrap()
    }

    /// Stored events of this name.
    pub(crate) async fn events(&self, name: &str) -> Vec<Value> {
        let path = format!("events?filter=name:{name}&limit=1000");
        let (status, mut answer) = self.call(Method::GET, &path, None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        serde_json::from_value(answer["events"].take()).unwrap()
    }
}
