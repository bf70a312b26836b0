//! What was acknowledged outlives `kill -9`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Client, block, old, record, sdk, uuid};
use super::process::Process;

#[tokio::test]
async fn an_action_that_was_answered_survives() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&server.url());
    let action = client.act(&block(&["203.0.113.7"])).await;
    server.kill();
    let server = Process::start(&server.addr, dir.path());
    let client = Client::new(&server.url());
    assert_eq!(client.actions("").await, [action]);
}

const KILLS: u64 = 20;

/// Events of one batch.
const BATCH: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sdk,
    Old,
}

/// An agent that sends batch after batch, each until it is answered, as agents do.
struct Agent {
    client: Client,
    kind: Kind,
    /// What its events are called.
    name: String,
    /// Events that were answered for, those of other agents, too.
    acknowledged: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Agent {
    /// Sends until told to stop, and returns how many events there were; all are answered for.
    async fn run(self) -> u64 {
        let mut session = None;
        let mut number = 0;
        while !self.stop.load(Ordering::SeqCst) {
            let body = self.body(number);
            while !self.is_answered(&mut session, &body).await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            number += BATCH;
            self.acknowledged.fetch_add(BATCH, Ordering::SeqCst);
        }
        number
    }

    fn body(&self, from: u64) -> Value {
        let sdk: Vec<_> = (from..from + BATCH)
            .map(|n| {
                let args = json!([self.name, {"properties": {"number": n}}]);
                let mut call =
                    json!({"time": "2026-11-23T10:00:00Z", "name": "track", "args": args});
                if self.kind == Kind::Sdk {
                    // The name ends with a digit.
                    call["id"] = uuid(n + 1_000_000 * u64::from(self.name.as_bytes()[1])).into();
                }
                call
            })
            .collect();
        let mut record = record(&[]);
        record["observed"]["sdk"] = sdk.into();
        json!({"verdicts": self.kind == Kind::Sdk, "batch": [record]})
    }

    async fn is_answered(&self, session: &mut Option<String>, body: &Value) -> bool {
        if session.is_none() {
            let login = match self.kind {
                Kind::Sdk => sdk(),
                Kind::Old => old("nodejs"),
            };
            *session = self.client.try_login("shop", &login).await;
        }
        let Some(key) = session.as_ref() else {
            return false;
        };
        let request = self.client.post("/sqreen/v0/batch");
        let request = request.header("x-session-key", key).json(body);
        let answer = match request.send().await {
            Ok(answer) if answer.status() == 200 => answer.json::<Value>().await.ok(),
            _ => None,
        };
        let Some(answer) = answer else {
            // The server was killed, and knows the session no longer.
            *session = None;
            return false;
        };
        assert_eq!(answer["status"], true);
        if self.kind == Kind::Sdk {
            let verdicts = answer["verdicts"].as_array().map_or(0, Vec::len) as u64;
            assert_eq!(answer["accepted"].as_u64().unwrap() + verdicts, BATCH);
        }
        true
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_is_there_once_after_twenty_kills_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start("127.0.0.1:0", dir.path());
    let addr = process.addr.clone();
    let client = Client::new(&process.url());
    let acknowledged: Arc<AtomicU64> = Arc::default();
    let stop: Arc<AtomicBool> = Arc::default();
    let agents = [
        ("a1", Kind::Sdk),
        ("a2", Kind::Sdk),
        ("a3", Kind::Old),
        ("a4", Kind::Old),
    ];
    let agents = agents.map(|(name, kind)| {
        let agent = Agent {
            client: client.clone(),
            kind,
            name: name.to_owned(),
            acknowledged: Arc::clone(&acknowledged),
            stop: Arc::clone(&stop),
        };
        (name, tokio::spawn(agent.run()))
    });
    let mut random: u64 = 7;
    for _ in 0..KILLS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        // Some events, and up to a millisecond of the next ones.
        let enough = acknowledged.load(Ordering::SeqCst) + (random >> 40) % 300;
        while acknowledged.load(Ordering::SeqCst) <= enough {
            assert!(process.is_running(), "ended by itself: {}", process.log());
            tokio::task::yield_now().await;
        }
        let began = Instant::now();
        let more = Duration::from_micros((random >> 50) % 1_000);
        while began.elapsed() < more {
            std::hint::spin_loop();
        }
        process.kill();
        process = Process::start(&addr, dir.path());
    }
    stop.store(true, Ordering::SeqCst);
    let mut expected = BTreeSet::new();
    for (name, agent) in agents {
        let events = agent.await.unwrap();
        assert!(events > 0, "{name} has sent nothing");
        expected.extend((0..events).map(|n| (name.to_owned(), n)));
    }
    // What the last server holds in memory, and once more what the next one reads.
    for _ in 0..2 {
        let events = client.all_events().await;
        let stored: BTreeSet<(String, u64)> = events
            .iter()
            .map(|event| {
                let number = event["properties"]["number"].as_u64().unwrap();
                (event["name"].as_str().unwrap().to_owned(), number)
            })
            .collect();
        assert_eq!(stored.len(), events.len(), "stored once each");
        assert_eq!(stored, expected);
        process.kill();
        process = Process::start(&addr, dir.path());
    }
}
