//! Delivery to a backend that misbehaves: every event has exactly one outcome, and is stored at
//! most once.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::time::{Duration, SystemTime};

use sqreen::Event;
use support::{Backend, Fault, On, agent, assert_balanced, assert_settled, config, config_to};

const EVENTS: usize = 20;

/// Tracks through a backend that fails as told, and comes back; everything must arrive.
async fn survives(faults: impl IntoIterator<Item = (On, Fault)>) -> Backend {
    let backend = Backend::with_faults(faults).await;
    let sqreen = agent(
        config(&backend)
            .batch_size(7)
            .shutdown_timeout(Duration::from_secs(30)),
    );
    for number in 0..EVENTS {
        sqreen.track(Event::from("tick").property("number", number));
        assert_balanced(&sqreen.stats());
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(backend.events().len(), EVENTS);
    backend
}

fn status(status: u16) -> Fault {
    Fault::Answer(status, Vec::new())
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_a_hang() {
    survives([(On::Login, Fault::Hang), (On::Batch, Fault::Hang)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_a_reset_in_the_middle_of_the_answer() {
    let faults = [(On::Login, Fault::Cut), (On::Batch, Fault::Cut)];
    let backend = survives(faults).await;
    assert_eq!(backend.seen().duplicates, 0, "nothing had been stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_errors_of_the_server() {
    survives([(On::Login, status(500)), (On::Batch, status(500))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_garbage() {
    survives([(On::Login, Fault::Garbage), (On::Batch, Fault::Garbage)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_an_endless_body() {
    survives([(On::Login, Fault::Endless), (On::Batch, Fault::Endless)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_a_body_that_trickles() {
    survives([(On::Login, Fault::Trickle), (On::Batch, Fault::Trickle)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_slow_reads() {
    // More than one read of the backend, however it is compressed.
    let backend =
        Backend::with_faults([(On::Login, Fault::SlowRead), (On::Batch, Fault::SlowRead)]).await;
    let sqreen = agent(config(&backend).shutdown_timeout(Duration::from_secs(30)));
    let mut random = std::iter::repeat_with(|| getrandom::u64().unwrap());
    for _ in 0..100 {
        let text = random.by_ref().take(400).map(|n| format!("{n:016x}"));
        sqreen.track(Event::from("large").property("text", text.collect::<String>()));
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_a_redirect_without_following_it() {
    let elsewhere = Backend::start().await;
    let location = vec![("location", format!("http://{}/", elsewhere.address))];
    survives([(On::Batch, Fault::Answer(307, location))]).await;
    assert!(elsewhere.seen().bodies.is_empty());
}

/// Delivers through a `Retry-After` of this value and returns how long that took.
async fn waits(code: u16, retry_after: String) -> Duration {
    let headers = vec![("retry-after", retry_after)];
    let start = std::time::Instant::now();
    survives([(On::Batch, Fault::Answer(code, headers))]).await;
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn honours_retry_after_in_seconds() {
    assert!(waits(503, "1".into()).await >= Duration::from_secs(1));
    assert!(waits(429, "1".into()).await >= Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn honours_retry_after_as_a_date() {
    let date = http_date(SystemTime::now() + Duration::from_secs(3));
    // The date has no fraction of a second.
    assert!(waits(503, date).await >= Duration::from_millis(1_900));
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, by way of the wire's own time.
fn http_date(time: SystemTime) -> String {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let text = sqreen::protocol::Timestamp::from(time).to_string();
    let month = MONTHS[text[5..7].parse::<usize>().unwrap() - 1];
    let (year, day, clock) = (&text[..4], &text[8..10], &text[11..19]);
    // Readers ignore the day of the week.
    format!("Sun, {day} {month} {year} {clock} GMT")
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_in_again_when_the_session_is_unknown() {
    let backend = survives([(On::Batch, status(401)), (On::Batch, status(401))]).await;
    assert_eq!(backend.seen().logins, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_lost_stores_nothing_twice() {
    let backend = Backend::with_faults([(On::Batch, Fault::StoreThenCut)]).await;
    let sqreen = agent(config(&backend));
    for _ in 0..EVENTS {
        sqreen.track("tick");
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let stored_before = report.stats.duplicate;
    assert!(stored_before > 0, "{report:?}");
    assert_eq!(backend.seen().duplicates as u64, stored_before);
    assert_eq!(backend.events().len(), EVENTS);
    assert!(report.is_complete());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_is_not_sent_again() {
    let backend = Backend::with_faults([(On::Batch, status(400))]).await;
    let sqreen = agent(config(&backend));
    sqreen.track("tick");
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.rejected["http_400"], 1);
    assert!(!report.is_complete());
    assert!(backend.events().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_rejects_with_its_reason() {
    let backend = Backend::with_faults([(On::Batch, Fault::Reject("too_old"))]).await;
    let sqreen = agent(config(&backend));
    sqreen.track("tick");
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.rejected["too_old"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_costs_no_time_at_shutdown() {
    // At shutdown the agent asks once more: it is refused again.
    let refusals = [(On::Login, status(401)), (On::Login, status(401))];
    let backend = Backend::with_faults(refusals).await;
    let sqreen = agent(config(&backend).shutdown_timeout(Duration::from_secs(60)));
    sqreen.track("tick");
    let report = tokio::time::timeout(Duration::from_secs(20), sqreen.shutdown()).await;
    let report = report.expect("a refused token is not waited out");
    assert_settled(&report, &backend);
    assert_eq!(report.stats.dropped["shutdown"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_refuses_is_given_up_at_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sqreen = agent(config_to(address).shutdown_timeout(Duration::from_millis(200)));
    for _ in 0..EVENTS {
        sqreen.track("tick");
    }
    let pending = sqreen.stats();
    assert_balanced(&pending);
    let report = sqreen.shutdown().await;
    assert_balanced(&report.stats);
    assert_eq!(report.stats.dropped["shutdown"], EVENTS as u64);
    assert_eq!((report.stats.pending, report.stats.pending_bytes), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_starts_late_on_the_port_gets_everything() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    // Bound, not listening: connections are refused, and nobody else takes the port.
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    let sqreen = agent(config_to(address).shutdown_timeout(Duration::from_secs(30)));
    for _ in 0..EVENTS {
        sqreen.track("tick");
    }
    let backend = Backend::on(socket.listen(16).unwrap(), []);
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, EVENTS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_hangs_for_ever_cannot_hold_the_shutdown_up() {
    let hangs = std::iter::repeat_n((On::Batch, Fault::Hang), 1_000);
    let backend = Backend::with_faults(hangs).await;
    let sqreen = agent(
        config(&backend)
            .request_timeout(Duration::from_secs(60))
            .shutdown_timeout(Duration::from_millis(300)),
    );
    sqreen.track("tick");
    let report = tokio::time::timeout(Duration::from_secs(20), sqreen.shutdown()).await;
    let report = report.expect("the shutdown has its own time");
    assert_settled(&report, &backend);
    assert_eq!(report.stats.dropped["shutdown"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_batches_are_compressed_as_the_backend_offers() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    sqreen.track(Event::from("large").property("text", "x".repeat(4_000)));
    assert!(sqreen.shutdown().await.is_complete());
    assert_eq!(backend.seen().encodings, [Some("gzip".to_owned())]);
    assert_eq!(
        backend.event("large").options.properties["text"],
        "x".repeat(4_000)
    );
}
