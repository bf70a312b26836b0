//! What fired is not lost where the store refuses, or the server ends in between, and nobody is told twice.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::told::{lines, told};
use super::{Agent, NONE, guessed, record, with};
use crate::client::{Client, Running, uuid};
use crate::operation::disk_full::limited;
use crate::operation::until;
use crate::process::Process;

const DESTINATIONS: &str = "/api/v1/notifications/destinations";
const DELIVERIES: &str = "/api/v1/notifications/deliveries?limit=1000";

/// Adds a webhook that nothing is sent to within a minute, and the playbook.
async fn set_up(client: &Client) {
    let hook = json!({"name": "hook", "kind": "webhook", "url": "https://hooks.example.com/"});
    let (status, added) = client.call("POST", DESTINATIONS, &hook).await;
    assert_eq!(status, 201, "{added}");
    client.put_playbook(&guessed()).await;
}

/// How many notices wait.
async fn notices(client: &Client) -> u64 {
    let (_, page) = client.call("GET", DELIVERIES, &NONE).await;
    let deliveries = page["deliveries"].as_array().unwrap().iter();
    let counts = deliveries.map(|delivery| delivery["notices"].as_u64().unwrap());
    counts.sum()
}

/// Has the table refuse what is added to it, as a full disk would, or take it again.
fn refuse(dir: &Path, table: &str, refusing: bool) {
    refuse_write(dir, &format!("INSERT ON {table}"), refusing);
}

/// The same of any write, such as `UPDATE ON playbooks`.
fn refuse_write(dir: &Path, write: &str, refusing: bool) {
    let state = rusqlite::Connection::open(dir.join("state.sqlite")).unwrap();
    let sql = match refusing {
        true => {
            format!("CREATE TRIGGER refusing BEFORE {write} BEGIN SELECT RAISE(ABORT, 'full'); END")
        }
        false => "DROP TRIGGER refusing".to_owned(),
    };
    state.execute_batch(&sql).unwrap();
}

async fn guess(running: &Running) {
    let mut shop = Agent::new(running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
}

#[tokio::test]
async fn a_run_is_tried_again_until_the_store_takes_all_of_it() {
    for table in ["runs", "actions", "notices"] {
        let dir = tempfile::tempdir().unwrap();
        let running = Running::at(dir.path()).await;
        let client = &running.client;
        set_up(client).await;
        refuse(dir.path(), table, true);
        guess(&running).await;
        if table == "runs" {
            // There is nothing to wait for but what does not happen.
            assert!(client.runs("").await.is_empty());
        } else {
            until("the run is open", async || {
                client
                    .runs("")
                    .await
                    .first()
                    .is_some_and(|run| run["outcome"] == "")
            })
            .await;
        }
        assert_eq!(notices(client).await, 0, "{table}");
        refuse(dir.path(), table, false);
        let runs = client.until_runs(1).await;
        assert_eq!(runs.len(), 1, "{runs:?}");
        assert_eq!(runs[0]["outcome"], "enforced", "{table}");
        assert_eq!(client.actions("").await.len(), 1, "{table}");
        assert_eq!(notices(client).await, 1, "{table}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_run_whose_notice_is_not_queued_is_not_over_at_the_next_start_either() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    set_up(&running.client).await;
    refuse(dir.path(), "notices", true);
    guess(&running).await;
    until("it is enforced", async || {
        !running.client.actions("").await.is_empty()
    })
    .await;
    running.stop().await;
    refuse(dir.path(), "notices", false);
    for _ in 0..2 {
        let running = Running::at(dir.path()).await;
        let runs = running.client.until_runs(1).await;
        assert_eq!((runs.len(), &runs[0]["outcome"]), (1, &json!("enforced")));
        assert_eq!(running.client.actions("").await.len(), 1);
        assert_eq!(notices(&running.client).await, 1);
        running.stop().await;
    }
}

#[tokio::test]
async fn a_run_that_is_open_at_the_start_fails_where_the_playbook_is_another() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let client = &running.client;
    set_up(client).await;
    refuse(dir.path(), "actions", true);
    guess(&running).await;
    until("the run is open", async || {
        let runs = client.runs("").await;
        runs.first().is_some_and(|run| run["outcome"] == "")
    })
    .await;
    let other = json!({"at_least": 60, "period": "1h", "name": "Many guesses"});
    client.put_playbook(&with(guessed(), other)).await;
    running.stop().await;
    refuse(dir.path(), "actions", false);

    let running = Running::at(dir.path()).await;
    let client = &running.client;
    let runs = client.until_runs(1).await;
    let reason = "the server ended, and the playbook is another now";
    assert_eq!(
        (runs.len(), &runs[0]["outcome"], &runs[0]["reason"]),
        (1, &json!("failed"), &json!(reason))
    );
    assert!(client.actions("").await.is_empty());
    let failed = client.runs("outcome=failed").await;
    assert_eq!(failed[0]["id"], runs[0]["id"]);
    let notice = &told(client).await[0];
    assert_eq!(notice["title"], "Many guesses failed on 203.0.113.7");
    let lines = lines(notice);
    assert_eq!(lines[0], "6 events in 5 minutes", "by the rule that fired");
    assert!(lines.contains(&&*format!("Failed: {reason}")), "{lines:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_run_that_is_undone_before_it_is_over_stays_undone() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let client = &running.client;
    set_up(client).await;
    refuse(dir.path(), "notices", true);
    guess(&running).await;
    until("it is enforced", async || {
        !client.actions("").await.is_empty()
    })
    .await;
    let run = client.runs("").await.remove(0);
    let undo = format!("/api/v1/runs/{}/undo", run["id"].as_str().unwrap());
    let (status, undone) = client.call("POST", &undo, &NONE).await;
    assert_eq!((status, undone["undone_by"].is_string()), (200, true));
    refuse(dir.path(), "notices", false);
    let runs = client.until_runs(1).await;
    assert!(runs[0]["undone_at"].is_string(), "{runs:?}");
    until("nothing is in force", async || {
        client.actions("").await.is_empty()
    })
    .await;
    running.stop().await;
}

/// The notices that wait of playbooks that were put back to shadow: the id of each, and what it says.
fn trips(dir: &Path) -> Vec<(String, Value)> {
    let state = rusqlite::Connection::open(dir.join("state.sqlite")).unwrap();
    let sql = "SELECT notice, body FROM notices WHERE notice LIKE 'trip-%' ORDER BY row";
    let mut statement = state.prepare(sql).unwrap();
    let trips = statement.query_map([], |row| {
        let (id, body): (String, String) = (row.get(0)?, row.get(1)?);
        Ok((id, serde_json::from_str(&body).unwrap()))
    });
    trips.unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_playbook_that_goes_back_to_shadow_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::at(dir.path()).await;
    let client = &running.client;
    set_up(client).await;
    let careful = json!({"at_least": 1, "max_actors_per_hour": 1, "notify": false});
    client.put_playbook(&with(guessed(), careful)).await;
    let mut shop = Agent::new(&running, "shop").await;
    shop.login("203.0.113.1", "ann@b.example", false).await;
    client.until_runs(1).await;
    assert!(trips(dir.path()).is_empty());

    // The notice is queued, and the stage cannot be set: it is tried again.
    refuse_write(dir.path(), "UPDATE ON playbooks", true);
    shop.login("203.0.113.2", "ann@b.example", false).await;
    until("the trip is told", async || !trips(dir.path()).is_empty()).await;
    assert_eq!(client.runs("").await[0]["outcome"], "");
    refuse_write(dir.path(), "UPDATE ON playbooks", false);
    let runs = client.until_runs(2).await;
    assert_eq!(runs[0]["outcome"], "held", "{runs:?}");

    // Others come and go, and the server ends.
    shop.login("203.0.113.3", "ann@b.example", false).await;
    assert_eq!(client.until_runs(3).await[0]["outcome"], "shadowed");
    running.stop().await;
    let running = Running::at(dir.path()).await;
    let client = &running.client;
    assert_eq!(client.until_runs(3).await.len(), 3);
    let told = trips(dir.path());
    let id = format!("trip-{}", runs[0]["id"].as_str().unwrap());
    assert_eq!((told.len(), &told[0].0), (1, &id), "{told:?}");
    let told = told[0].1.to_string();
    for part in ["tripped", "guessed", "1 actors within an hour, the limit"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    // It is an alert: also where nobody is told of runs.
    assert_eq!(notices(client).await, 1);
    running.stop().await;
}

/// Six wrong passwords from an address of its own, in one batch.
async fn guess_from(client: &Client, session: &str, number: u64) {
    let options = json!({
        "properties": {"success": false}, "user_identifiers": {"email": "ann@b.example"},
    });
    let calls = (0..6).map(|n| {
        json!({
            "id": uuid(number * 6 + n), "time": sqreen::protocol::Timestamp::now(),
            "name": "track", "args": ["sq.sdk.users.login", options],
        })
    });
    let calls: Vec<Value> = calls.collect();
    let mut all = record(&format!("203.0.113.{number}"), &calls[0]);
    all["observed"]["sdk"] = json!(calls);
    let answer = client.batch(session, json!([all])).await;
    assert_eq!(answer["accepted"], 6, "{answer}");
}

#[tokio::test]
async fn what_fired_while_the_disk_was_full_is_done_after_the_next_start_once() {
    let dir = tempfile::tempdir().unwrap();
    let first = Process::start("127.0.0.1:0", dir.path());
    set_up(&Client::new(&first.url())).await;
    drop(first);
    // The log of the state's writes is full after some runs, the journal of the few events is not.
    let mut process = Process::run(limited(dir.path(), 2_000));
    let client = Client::new(&process.url());
    let session = client.login("shop").await;
    let mut sent = 0;
    let refuses = || {
        process
            .log()
            .contains("a run cannot be stored, the playbooks wait")
    };
    while !refuses() {
        assert!(sent < 90, "the limit was not met");
        guess_from(&client, &session, sent).await;
        sent += 1;
        until("it is decided or refused", async || {
            let decided = client.runs("limit=1000&outcome=enforced").await;
            refuses() || decided.len() as u64 == sent
        })
        .await;
    }
    // These have to wait for the next start, too.
    guess_from(&client, &session, sent).await;
    guess_from(&client, &session, sent + 1).await;
    sent += 2;
    let decided = client.runs("limit=1000&outcome=enforced").await.len();
    process.kill();

    let process = Process::start("127.0.0.1:0", dir.path());
    let client = Client::new(&process.url());
    let count = usize::try_from(sent).unwrap();
    assert!((1..count).contains(&decided), "{decided} of {count}");
    let runs = client.until_runs(count).await;
    let actors: BTreeSet<_> = runs.iter().map(|run| run["actor"].to_string()).collect();
    assert_eq!((runs.len(), actors.len()), (count, count));
    assert!(
        runs.iter().all(|run| run["outcome"] == "enforced"),
        "{runs:?}"
    );
    assert_eq!(client.actions("limit=1000").await.len(), count);
    assert_eq!(notices(&client).await, sent);
}
