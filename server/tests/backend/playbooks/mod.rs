//! Playbooks over HTTP: events in, decisions out.

mod backtest;
mod detections;
mod explained;
mod files;
mod kept;
mod killed;
mod places;
mod rails;
mod redirects;
mod restart;
mod stages;
mod tested;
mod told;
mod written;

use std::time::Duration;

use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::client::{Client, Running, uuid};

const NONE: Value = Value::Null;

/// Six wrong passwords from one address within five minutes.
pub(crate) fn guessed() -> Value {
    json!({
        "slug": "guessed", "name": "Guessed passwords", "stage": "enforce", "actor": "ip",
        "trigger": {"event": "users.login", "where": "properties.success:false"},
        "cancel": {"event": "users.login", "where": "properties.success:true"},
        "at_least": 6, "period": "5min",
        "responses": [{"action": "block_ip", "duration": ["5min", "1h"]}],
    })
}

/// The playbook with other fields.
fn with(mut playbook: Value, mut fields: Value) -> Value {
    let playbook_fields = playbook.as_object_mut().unwrap();
    playbook_fields.append(fields.as_object_mut().unwrap());
    playbook
}

impl Client {
    /// The predefined playbook of this slug, which has no stage.
    async fn template(&self, slug: &str) -> Value {
        let (_, mut answer) = self.call("GET", "/api/v1/playbooks/templates", &NONE).await;
        let templates = answer["templates"].as_array_mut().unwrap().iter_mut();
        let mut found = templates.filter(|template| template["slug"] == slug);
        found.next().unwrap().take()
    }

    /// Stores a playbook, new or in the place of the one that is there.
    async fn put_playbook(&self, playbook: &Value) -> Value {
        let path = format!("/api/v1/playbooks/{}", playbook["slug"].as_str().unwrap());
        let (status, known) = self.call("GET", &path, &NONE).await;
        let version = if status == 200 {
            known["version"].clone()
        } else {
            0.into()
        };
        let body = with(playbook.clone(), json!({"version": version}));
        let (status, stored) = self.call("PUT", &path, &body).await;
        assert!([200, 201].contains(&status), "{status} {stored}");
        stored
    }

    pub(crate) async fn runs(&self, query: &str) -> Vec<Value> {
        let path = format!("/api/v1/runs?{query}");
        let (status, mut page) = self.call("GET", &path, &NONE).await;
        assert_eq!(status, 200, "{page}");
        serde_json::from_value(page["runs"].take()).unwrap()
    }

    /// Waits until there are so many runs, and returns them, the newest first.
    pub(crate) async fn until_runs(&self, count: usize) -> Vec<Value> {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            let runs = self.runs("").await;
            let decided = runs.iter().filter(|run| run["outcome"] != "").count();
            if decided >= count {
                return runs;
            }
            assert!(tokio::time::Instant::now() < deadline, "{runs:?}");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
}

/// Someone who sends events as this project's SDK does.
pub(crate) struct Agent<'a> {
    client: &'a Client,
    session: String,
    sent: u64,
}

impl<'a> Agent<'a> {
    pub(crate) async fn new(running: &'a Running, app: &str) -> Self {
        Self {
            client: &running.client,
            session: running.client.login(app).await,
            sent: 0,
        }
    }

    /// Sends one event that happens now, from an address.
    async fn track(&mut self, ip: &str, name: &str, options: Value) {
        self.track_at(Timestamp::now(), ip, name, options).await;
    }

    async fn track_at(&mut self, time: Timestamp, ip: &str, name: &str, options: Value) {
        self.sent += 1;
        let call =
            json!({"id": uuid(self.sent), "time": time, "name": "track", "args": [name, options]});
        let answer = self
            .client
            .batch(&self.session, json!([record(ip, &call)]))
            .await;
        assert_eq!(answer["accepted"], 1, "{answer}");
    }

    pub(crate) async fn login(&mut self, ip: &str, email: &str, success: bool) {
        let options =
            json!({"properties": {"success": success}, "user_identifiers": {"email": email}});
        self.track(ip, "sq.sdk.users.login", options).await;
    }

    /// Sends a wrong password that was typed so long ago.
    async fn login_before(&mut self, age: Duration, ip: &str) {
        let micros = i64::try_from(age.as_micros()).unwrap();
        let time = Timestamp::from_micros(Timestamp::now().as_micros() - micros);
        let options = json!({"properties": {"success": false}});
        self.track_at(time, ip, "sq.sdk.users.login", options).await;
    }
}

fn record(ip: &str, call: &Value) -> Value {
    json!({
        "event_type": "request_record", "version": "20171208", "client_ip": ip,
        "request": {"rid": "r", "verb": "POST", "path": "/login", "user_agent": "UA"},
        "response": {"status": 401}, "observed": {"sdk": [call]},
    })
}
