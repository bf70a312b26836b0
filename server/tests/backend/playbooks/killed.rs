//! `kill -9` at any moment of a stream of wrong passwords: each run is there, and there once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{NONE, guessed, record, with};
use crate::client::{Client, sdk, uuid};
use crate::operation::until;
use crate::process::Process;

const ENDS: u64 = 20;
/// Addresses that guess.
const ADDRESSES: u64 = 24;
/// Wrong passwords that make a run.
const ENOUGH: u64 = 6;

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = self.0.wrapping_add(1);
        (self.0 >> 33) % bound
    }
}

fn address(number: u64) -> String {
    format!("203.0.113.{number}")
}

/// Sends wrong passwords in one order, each batch until it is answered, as agents do.
struct Guesser {
    client: Client,
    session: Option<String>,
    random: Random,
    /// How often each address has guessed.
    guesses: BTreeMap<String, u64>,
    /// All of them, answered for.
    answered: Arc<AtomicU64>,
    /// When the last one happened, in microseconds.
    time: i64,
}

impl Guesser {
    async fn run(mut self, stop: Arc<AtomicBool>) -> Self {
        while !stop.load(Ordering::SeqCst) {
            let count = 1 + self.random.below(8);
            let batch = (0..count).map(|_| address(self.random.below(ADDRESSES)));
            let batch: Vec<_> = batch.collect();
            self.send(&batch).await;
        }
        self
    }

    /// A wrong password from each of these.
    async fn send(&mut self, addresses: &[String]) {
        let mut number = self.guesses.values().sum();
        let mut records = Vec::new();
        for ip in addresses {
            // No two at once, and none after it is received.
            let now = sqreen::protocol::Timestamp::now().as_micros();
            self.time = (self.time + 1).max(now - 1_000_000);
            let options = json!({
                "properties": {"success": false}, "user_identifiers": {"email": "ann@b.example"},
            });
            let call = json!({
                "id": uuid(number), "time": sqreen::protocol::Timestamp::from_micros(self.time),
                "name": "track", "args": ["sq.sdk.users.login", options],
            });
            records.push(record(ip, &call));
            *self.guesses.entry(ip.clone()).or_default() += 1;
            number += 1;
        }
        let body = json!({"verdicts": true, "batch": records});
        while !self.is_answered(&body, addresses.len()).await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.answered.store(number, Ordering::SeqCst);
    }

    async fn is_answered(&mut self, body: &Value, events: usize) -> bool {
        if self.session.is_none() {
            self.session = self.client.try_login("shop", &sdk()).await;
        }
        let Some(session) = &self.session else {
            return false;
        };
        let request = self.client.post("/sqreen/v0/batch");
        let request = request.header("x-session-key", session).json(body);
        let answer = match request.send().await {
            Ok(answer) if answer.status() == 200 => answer.json::<Value>().await.ok(),
            _ => None,
        };
        let Some(answer) = answer else {
            self.session = None;
            return false;
        };
        // What was stored when the server was killed is a duplicate now.
        let duplicates = answer["verdicts"].as_array().map_or(0, Vec::len);
        let accepted = answer["accepted"].as_u64().unwrap();
        assert_eq!(accepted + duplicates as u64, events as u64, "{answer}");
        true
    }
}

/// Ends the process: at once, after the checkpoint of a stop, or on its way there.
fn end(process: &mut Process, random: &mut Random) {
    match random.below(3) {
        0 => process.kill(),
        1 => assert!(process.terminate().success(), "{}", process.log()),
        _ => {
            process.signal("TERM");
            spin(random.below(60_000));
            process.kill();
        }
    }
}

fn spin(micros: u64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_micros(micros) {
        std::hint::spin_loop();
    }
}

/// The runs of the playbook, once all that was sent before is evaluated: what this address does makes a run of its own.
async fn settled(guesser: &mut Guesser, mark: &str) -> Vec<Value> {
    guesser.send(&vec![mark.to_owned(); ENOUGH as usize]).await;
    let client = guesser.client.clone();
    let mut runs = Vec::new();
    until("all is evaluated", async || {
        runs = client.runs("limit=1000").await;
        let marked = |run: &Value| run["actor"] == mark && run["outcome"] == "enforced";
        runs.iter().any(marked)
    })
    .await;
    runs
}

/// How many runs each address has; all are enforced, and each is of events of its own.
async fn counted(client: &Client, runs: &[Value]) -> BTreeMap<String, u64> {
    let (mut counts, mut events) = (BTreeMap::new(), BTreeSet::new());
    for run in runs {
        assert_eq!(run["outcome"], "enforced", "{run}");
        let actor = run["actor"].as_str().unwrap();
        *counts.entry(actor.to_owned()).or_default() += 1;
        let path = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
        let (_, why) = client.call("GET", &path, &NONE).await;
        let of = why["events"].as_array().unwrap();
        assert_eq!(of.len() as u64, ENOUGH, "{why}");
        for event in of {
            assert_eq!(event["ip"], actor);
            let id = event["id"].as_str().unwrap().to_owned();
            assert!(events.insert(id), "an event of two runs: {event}");
        }
    }
    counts
}

fn expected(guesses: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let runs = guesses.iter().map(|(ip, n)| (ip.clone(), n / ENOUGH));
    runs.filter(|(_, runs)| *runs > 0).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_run_is_there_once_after_kills_with_half_filled_windows() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start("127.0.0.1:0", dir.path());
    let addr = process.addr.clone();
    let client = Client::new(&process.url());
    // A window holds all that an address does until it fires, and is empty then.
    let fields = json!({"period": "24h", "cooldown": "0s", "max_actors_per_hour": 100_000});
    client.put_playbook(&with(guessed(), fields)).await;
    let (answered, stop): (Arc<AtomicU64>, Arc<AtomicBool>) = Default::default();
    let guesser = Guesser {
        client: client.clone(),
        session: None,
        random: Random(1),
        guesses: BTreeMap::new(),
        answered: Arc::clone(&answered),
        time: 0,
    };
    let guessing = tokio::spawn(guesser.run(Arc::clone(&stop)));
    let mut random = Random(7);
    for _ in 0..ENDS {
        let enough = answered.load(Ordering::SeqCst) + random.below(60);
        while answered.load(Ordering::SeqCst) <= enough {
            assert!(process.is_running(), "ended by itself: {}", process.log());
            tokio::task::yield_now().await;
        }
        spin(random.below(1_000));
        end(&mut process, &mut random);
        process = Process::start(&addr, dir.path());
    }
    stop.store(true, Ordering::SeqCst);
    let mut guesser = guessing.await.unwrap();

    let runs = settled(&mut guesser, "198.51.100.1").await;
    assert_eq!(counted(&client, &runs).await, expected(&guesser.guesses));
    // What is left in the windows: one guess fewer than fires for none, and one more for all.
    process.kill();
    process = Process::start(&addr, dir.path());
    let guesses = guesser.guesses.iter();
    let missing = guesses.map(|(ip, n)| (ip.clone(), ENOUGH - n % ENOUGH));
    let missing: Vec<(String, u64)> = missing.collect();
    let but_one = |(ip, missing): &(String, u64)| vec![ip.clone(); *missing as usize - 1];
    let but_one: Vec<_> = missing.iter().flat_map(but_one).collect();
    guesser.send(&but_one).await;
    let before = settled(&mut guesser, "198.51.100.2").await;
    assert_eq!(before.len(), runs.len() + 1);
    process.kill();
    drop(Process::start(&addr, dir.path()));
    let process = Process::start(&addr, dir.path());
    let last: Vec<_> = missing.into_iter().map(|(ip, _)| ip).collect();
    guesser.send(&last).await;
    let after = settled(&mut guesser, "198.51.100.3").await;
    let counts = counted(&client, &after).await;
    assert_eq!(counts, expected(&guesser.guesses), "{}", process.log());
    assert_eq!(after.len(), before.len() + last.len() + 1);
    // The latest action of an address takes the place of the one before.
    let actions = client.actions("limit=1000").await;
    let blocked = actions
        .iter()
        .map(|action| action["ip_cidr"][0].as_str().unwrap());
    let blocked: Vec<_> = blocked.collect();
    let once: BTreeSet<_> = blocked.iter().copied().collect();
    assert_eq!(once.len(), blocked.len(), "in force once each");
    assert!(once.iter().eq(counts.keys()), "{once:?}");
}
