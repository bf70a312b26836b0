//! The queue's bounds, the agent's life, and the outcome ledger.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::time::{Duration, SystemTime};

use futures_util::stream;
use sqreen::{Config, Event, Sqreen};
use support::{Backend, Fault, On, agent, assert_balanced, assert_settled, config, sum};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_gives_custom_events_up_before_security_events() {
    // The first batch hangs until the agent gives it up, so that the queue stays full.
    let backend = Backend::with_faults([(On::Login, Fault::Hang)]).await;
    let sqreen = agent(
        config(&backend)
            .queue_events(4)
            .request_timeout(Duration::from_secs(2))
            .shutdown_timeout(Duration::from_secs(20)),
    );
    for _ in 0..6 {
        sqreen.track("custom");
    }
    for number in 0..3 {
        sqreen.auth_track(true, [("email", format!("{number}@example.com"))]);
    }
    let stats = sqreen.stats();
    assert_balanced(&stats);
    assert_eq!((stats.tracked, stats.pending), (9, 4));
    assert_eq!(stats.dropped["queue_full"], 5);
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let names: Vec<_> = backend
        .events()
        .into_iter()
        .map(|event| event.name)
        .collect();
    let logins = names.iter().filter(|name| *name == "sq.sdk.users.login");
    assert_eq!((logins.count(), names.len()), (3, 4));
}

/// What gives way must be of use: nothing is dropped for a login that still has no room.
#[tokio::test(flavor = "multi_thread")]
async fn a_security_event_that_cannot_fit_costs_no_other_event() {
    let backend = Backend::with_faults([(On::Login, Fault::Hang)]).await;
    let sqreen = agent(
        config(&backend)
            .queue_bytes(6 * 1_024)
            .request_timeout(Duration::from_secs(2))
            .shutdown_timeout(Duration::from_secs(20)),
    );
    for _ in 0..3 {
        sqreen.track("custom");
    }
    sqreen.auth_track(true, [("email", "x".repeat(8_000))]);
    let stats = sqreen.stats();
    assert_balanced(&stats);
    assert_eq!((stats.pending, stats.dropped["queue_full"]), (3, 1));
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_within_the_bound() {
    const BOUND: usize = 32 * 1_024;
    let backend = Backend::with_faults([(On::Login, Fault::Hang), (On::Batch, Fault::Hang)]).await;
    let sqreen = agent(
        config(&backend)
            .queue_bytes(BOUND)
            .shutdown_timeout(Duration::from_secs(20)),
    );
    for _ in 0..200 {
        sqreen.track(Event::from("large").property("text", "x".repeat(2_000)));
        let stats = sqreen.stats();
        assert!(stats.pending_bytes <= BOUND as u64, "{stats:?}");
        assert_balanced(&stats);
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert!(report.stats.dropped["queue_full"] > 0);
    assert!(report.stats.accepted > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_gets_too_old_is_given_up() {
    let failures = std::iter::repeat_n((On::Login, Fault::Answer(500, Vec::new())), 1_000);
    let backend = Backend::with_faults(failures).await;
    let sqreen = agent(
        config(&backend)
            .max_event_age(Duration::from_millis(50))
            .shutdown_timeout(Duration::from_millis(100)),
    );
    sqreen.track("stale");
    let expired = async {
        while sqreen.stats().pending > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let expired = tokio::time::timeout(Duration::from_secs(20), expired).await;
    expired.expect("the event expires");
    assert_eq!(sqreen.stats().dropped["expired"], 1);
    assert_settled(&sqreen.shutdown().await, &backend);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_last_handle_sends_what_is_left() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend).max_staleness(Duration::from_secs(60)));
    let clone = sqreen.clone();
    let layer = clone.layer();
    sqreen.track("first");
    drop(sqreen);
    clone.track("second");
    drop(clone);
    layer.agent().track("third");
    tokio::task::spawn_blocking(move || drop(layer))
        .await
        .unwrap();
    assert_eq!(backend.events().len(), 3);
    let seen = backend.seen();
    assert_eq!(seen.logouts, 1);
    assert_eq!(
        seen.beats
            .last()
            .unwrap()
            .outcomes
            .as_ref()
            .unwrap()
            .accepted,
        3
    );
}

#[test]
fn the_apps_runtime_may_shut_down_before_the_agent() {
    let world = tokio::runtime::Runtime::new().unwrap();
    let backend = world.block_on(Backend::start());
    let app = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let sqreen = app.block_on(async {
        let sqreen = agent(config(&backend));
        sqreen.track("before");
        sqreen
    });
    drop(app);
    sqreen.track("after");
    drop(sqreen);
    assert_eq!(backend.events().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_agents_in_one_process_keep_apart() {
    let (left, right) = (Backend::start().await, Backend::start().await);
    let (first, second) = (agent(config(&left)), agent(config(&right)));
    first.track("left");
    second.track("right");
    assert!(first.shutdown().await.is_complete());
    second.track("right.later");
    assert!(second.shutdown().await.is_complete());
    assert_eq!(left.events().len(), 1);
    assert_eq!(left.event("left").record.request, None);
    assert_eq!(right.events().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tracked_after_the_shutdown_is_counted() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend));
    sqreen.track("before");
    assert!(sqreen.shutdown().await.is_complete());
    sqreen.track("after");
    let stats = sqreen.stats();
    assert_balanced(&stats);
    assert_eq!((stats.tracked, stats.accepted), (2, 1));
    assert_eq!(stats.dropped["closed"], 1);
    let report = sqreen.import(stream::iter(["late"])).await;
    assert_eq!((report.queued, report.refused), (0, 1));
    assert_settled(&sqreen.shutdown().await, &backend);
}

#[tokio::test]
async fn an_agent_that_is_off_does_nothing() {
    let backend = Backend::start().await;
    let disabled = config(&backend).disable(true).build().unwrap();
    for config in [
        disabled,
        Config::disabled(),
        Config::builder().build().unwrap(),
    ] {
        let sqreen = Sqreen::new(config).unwrap();
        assert!(!sqreen.is_enabled());
        sqreen.track("nothing");
        sqreen.auth_track(true, [("email", "ann@example.com")]);
        sqreen.signup_track([("email", "ann@example.com")]);
        let report = sqreen.import(stream::iter(["nothing"])).await;
        assert_eq!((report.queued, report.refused), (0, 1));
        assert_eq!(sqreen.shutdown().await.stats, sqreen.stats());
        assert_eq!(sqreen.stats().tracked, 0);
    }
    assert_eq!(backend.seen().logins, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_waits_for_room() {
    const EVENTS: usize = 100;
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend).queue_events(3).batch_size(2));
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let past = (0..EVENTS).map(|number| {
        let time = start + Duration::from_secs(number as u64);
        Event::from("past")
            .timestamp(time)
            .property("number", number)
    });
    let report = sqreen.import(stream::iter(past)).await;
    assert_eq!((report.queued, report.refused), (EVENTS as u64, 0));
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert!(report.is_complete(), "{report:?}");
    let events = backend.events();
    assert_eq!(events.len(), EVENTS);
    for event in events {
        let number = event.options.properties["number"].as_u64().unwrap();
        let time = start + Duration::from_secs(number);
        assert_eq!(event.options.timestamp, Some(time.into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_carry_outcomes_that_add_up() {
    let faults = [
        (On::Batch, Fault::Reject("unwanted")),
        (On::Batch, Fault::StoreThenCut),
    ];
    let backend = Backend::with_faults(faults).await;
    let sqreen = agent(
        config(&backend)
            .heartbeat(Duration::from_secs(1))
            .batch_size(5)
            .shutdown_timeout(Duration::from_secs(20)),
    );
    for _ in 0..12 {
        sqreen.track("tick");
    }
    sqreen.track("");
    // The beat of the clock, beside the one that closes the session.
    backend.wait_for(|seen| !seen.beats.is_empty()).await;
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let seen = backend.seen();
    let outcomes: Vec<_> = seen
        .beats
        .iter()
        .filter_map(|beat| beat.outcomes.clone())
        .collect();
    assert_eq!(outcomes.len(), seen.beats.len());
    assert!(outcomes.len() >= 2);
    for outcome in &outcomes {
        assert_eq!(outcome.total(), outcome.tracked, "{outcome:?}");
        assert_eq!(outcome.instance, outcomes[0].instance);
    }
    let last = outcomes.last().unwrap();
    assert_eq!((last.tracked, last.pending), (13, 0));
    assert_eq!(last.dropped["invalid_name"], 1);
    assert_eq!(last.corrected["empty_name"], 1);
    assert_eq!(last.rejected["unwanted"], 5);
    assert_eq!(last.accepted + last.duplicate, 7);
    assert_eq!(sum(&last.rejected) + sum(&last.dropped), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_takes_an_event_beyond_the_bound_when_alone() {
    let backend = Backend::start().await;
    let sqreen = agent(config(&backend).queue_bytes(1_024));
    let large = |_| Event::from("large").property("text", "x".repeat(4_000));
    let report = sqreen.import(stream::iter((0..3).map(large))).await;
    assert_eq!(report.queued, 3);
    sqreen.track(large(3));
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, 3);
    assert_eq!(report.stats.dropped["queue_full"], 1);
}
