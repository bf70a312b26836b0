//! What becomes of notifications while the receiver cannot take them.

use serde_json::{Map, json};

use super::receiver::{Mood, Receiver};
use super::{Bench, fired};
use crate::auth::Caller;
use crate::notify::service::NotifyError;
use crate::state::{DeliveryStatus, Queued};

const HOUR: i64 = 3_600;

#[tokio::test]
async fn after_an_hour_without_the_receiver_all_arrives_once_and_in_order() {
    let receiver = Receiver::start().await;
    let mut bench = Bench::new();
    bench.webhook(&receiver.url());
    receiver.set(Mood::Down);
    bench.notify("one", &fired("logins"));
    bench.pass(10);
    bench.notify("two", &fired("logins"));
    bench.notify("three", &fired("carding"));
    bench.live(30 * 60).await;
    assert!(receiver.connections() > 5, "it was tried");
    // The rest of the hour it answers, but takes nothing; and the server is restarted meanwhile.
    receiver.set(Mood::Answer(503));
    bench = bench.restarted();
    bench.pass(10);
    bench.notify("four", &fired("carding"));
    bench.live(30 * 60).await;
    let refused = receiver.received();
    assert!(!refused.is_empty() && receiver.accepted().is_empty());

    receiver.set(Mood::Answer(200));
    bench.live(HOUR).await;
    let accepted = receiver.accepted();
    let ids: Vec<_> = accepted.iter().map(|received| received.ids()).collect();
    assert_eq!(ids, [vec!["one", "two"], vec!["three"], vec!["four"]]);
    // The head of the line is the same delivery at each try, and says how many went before.
    let log = bench.log();
    let first = accepted.first().unwrap();
    for received in refused.iter().chain([first]) {
        assert_eq!(received.header("webhook-id"), log[0].id.to_string());
        assert_eq!(received.ids(), ["one", "two"]);
    }
    let retries = |nth: usize| accepted[nth].json()[0]["retry_count"].as_u64().unwrap();
    assert_eq!(retries(0), u64::from(log[0].attempts) - 1);
    assert!(retries(0) > 10);
    assert_eq!((retries(1), retries(2)), (0, 0), "what waits is not tried");
    let delivered = |status| status == DeliveryStatus::Delivered;
    assert!(log.iter().all(|delivery| delivered(delivery.status)));
    // Nothing comes a second time.
    bench.live(24 * HOUR).await;
    assert_eq!(receiver.accepted().len(), 3);
}

#[tokio::test]
async fn a_delivery_is_given_up_after_a_day_and_can_be_replayed() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    let destination = bench.webhook(&receiver.url());
    receiver.set(Mood::Answer(500));
    bench.notify("one", &fired("logins"));
    bench.live(60).await;
    let first = bench.now();
    bench.live(24 * HOUR - 1).await;
    let [pending] = &bench.log()[..] else {
        panic!("one delivery");
    };
    assert_eq!(pending.status, DeliveryStatus::Pending);
    let refused = bench.notifier.replay(pending.id, &Caller::command_line());
    assert!(
        matches!(refused, Err(NotifyError::Conflict(_))),
        "it is tried anyway"
    );
    bench.live(1).await;
    let dead = &bench.log()[0];
    assert_eq!(dead.status, DeliveryStatus::Dead);
    assert_eq!(dead.ended_at, Some(first + 24 * HOUR * 1_000_000));
    assert_eq!(dead.answer.as_deref(), Some("answered 500: said <so>"));
    // 0, 5, 10, 20 … 2,560 s, then by the hour.
    assert_eq!(dead.attempts, 11 + 24);
    bench.live(24 * HOUR).await;
    assert_eq!(receiver.received().len(), 35, "nobody asked for more");
    let counts = bench.notifier.counts().read();
    for (outcome, count) in [("failed", 35), ("dead", 1), ("delivered", 0)] {
        let labels = format!("kind=\"webhook\",outcome=\"{outcome}\"");
        assert!(counts.contains(&(labels, count)), "{counts:?}");
    }

    receiver.set(Mood::Answer(204));
    bench
        .notifier
        .replay(dead.id, &Caller::command_line())
        .unwrap();
    bench.deliver().await;
    let [accepted] = &receiver.accepted()[..] else {
        panic!("delivered once");
    };
    assert_eq!(accepted.ids(), ["one"]);
    assert_eq!(accepted.json()[0]["retry_count"], 35);
    assert_eq!(accepted.header("webhook-id"), dead.id.to_string());
    assert_eq!(bench.log()[0].status, DeliveryStatus::Delivered);
    bench.state.remove_destination(destination.id).unwrap();
    assert!(bench.log().is_empty());
}

#[tokio::test]
async fn a_try_that_a_crash_cut_off_is_made_again_and_counted() {
    let receiver = Receiver::start().await;
    let mut bench = Bench::new();
    bench.webhook(&receiver.url());
    bench.notify("one", &fired("logins"));
    bench.pass(60);
    let [head] = &bench.state.due(bench.now()).unwrap()[..] else {
        panic!("one is due");
    };
    bench.state.begin(head.row).unwrap();
    bench = bench.restarted();
    bench.deliver().await;
    assert_eq!(receiver.accepted()[0].json()[0]["retry_count"], 1);
}

#[tokio::test]
async fn a_receiver_that_is_busy_is_left_alone_for_as_long_as_it_asks() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    bench.webhook(&receiver.url());
    receiver.set(Mood::Busy(600));
    bench.notify("one", &fired("logins"));
    bench.live(60 + 599).await;
    assert_eq!(receiver.received().len(), 1);
    bench.live(1).await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn what_is_switched_off_waits() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    let destination = bench.webhook(&receiver.url());
    let switch = |on: bool| Map::from_iter([("enabled".to_owned(), json!(on))]);
    bench.notify("one", &fired("logins"));
    bench.set(&destination, switch(false));
    bench.live(HOUR).await;
    bench.notify("two", &fired("logins"));
    bench.live(HOUR).await;
    assert_eq!(receiver.connections(), 0);
    bench.set(&destination, switch(true));
    bench.deliver().await;
    assert_eq!(receiver.accepted().len(), 1);
    assert_eq!(receiver.accepted()[0].ids(), ["one"]);
}

#[tokio::test]
async fn the_worker_delivers_by_itself_and_no_destination_waits_for_another() {
    let (mut slow, mut quick) = (Receiver::start().await, Receiver::start().await);
    slow.set(Mood::Held);
    let bench = Bench::new();
    bench.webhook(&slow.url());
    bench.webhook(&quick.url());
    bench.notifier.start();
    for (nth, id) in ["one", "two"].into_iter().enumerate() {
        bench.notify(id, &fired("logins"));
        bench.pass(60);
        bench.notifier.worker().wake();
        quick.arrival().await;
        if nth == 0 {
            slow.arrival().await;
        }
    }
    assert_eq!(quick.accepted()[1].ids(), ["two"]);
    assert_eq!(slow.received().len(), 1, "it is asked once at a time");
    // A stop waits for what is under way, and begins nothing more.
    let go_on = async { slow.go_on() };
    tokio::join!(bench.notifier.stop(), go_on);
    let slow_id = slow.received()[0].header("webhook-id").to_owned();
    let ended = bench
        .log()
        .into_iter()
        .filter(|delivery| delivery.status == DeliveryStatus::Delivered);
    let mut ended = ended.map(|delivery| delivery.id.to_string());
    assert!(ended.any(|id| id == slow_id));
    assert_eq!(slow.received().len(), 1);
}

#[tokio::test]
async fn a_line_has_an_end() {
    let bench = Bench::new();
    bench.webhook("https://hooks.example.com/");
    assert_eq!(
        bench.notifier.notify("one", &fired("logins")).unwrap(),
        [Queued::Added]
    );
    let connection = rusqlite::Connection::open(bench.dir.path().join("state.sqlite")).unwrap();
    let sql = "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < 9999)
               INSERT INTO deliveries (id, destination, notices, status, attempts, opened_at, due_at, since_at)
               SELECT value, destination, 0, 'pending', 0, 0, 0, 0 FROM deliveries, n";
    assert_eq!(connection.execute(sql, []).unwrap(), 9_999);
    assert_eq!(
        bench.notifier.notify("two", &fired("logins")).unwrap(),
        [Queued::Added],
        "it joins"
    );
    let full = bench.notifier.notify("other", &fired("carding")).unwrap();
    assert_eq!(full, [Queued::Full]);
    let counts = bench.notifier.counts().read();
    assert!(counts.contains(&("kind=\"webhook\",outcome=\"dropped\"".to_owned(), 1)));
}
