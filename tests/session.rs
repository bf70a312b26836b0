//! What the server says at login and heartbeat, and what the agent makes of it.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::time::Duration;

use serde_json::json;
use sqreen::ConfigBuilder;
use sqreen::protocol::{BatchRequest, Command, CommandResult, Status};
use support::{Backend, Fault, On, agent, assert_settled, patient_config};

#[tokio::test(flavor = "multi_thread")]
async fn heartbeats_carry_the_results_of_commands_until_they_arrive() {
    let backend = Backend::with_faults([(On::Beat, Fault::Answer(500, Vec::new()))]).await;
    let command = |uuid: &str, name: &str| Command {
        uuid: uuid.to_owned(),
        name: name.to_owned(),
        ..Command::default()
    };
    backend.seen().login.commands = vec![command("c-1", "rules_reload"), command("c-2", "jump")];
    let sqreen = agent(patient_config(&backend).heartbeat(Duration::from_secs(1)));
    // The first of them failed.
    backend.wait_for(|seen| !seen.beats.is_empty()).await;
    sqreen.shutdown().await;
    let beats = &backend.seen().beats;
    let expected = [
        ("c-1", true, json!("")),
        ("c-2", false, json!("unknown command")),
    ];
    let expected = expected.map(|(uuid, status, output)| {
        let result = CommandResult {
            status: Status(status),
            output,
            ..CommandResult::default()
        };
        (uuid.to_owned(), result)
    });
    assert_eq!(beats[0].command_results, expected.into());
    assert!(beats.len() > 1, "the one that closes the session");
    for beat in &beats[1..] {
        assert!(beat.command_results.is_empty(), "{beat:?}");
    }
}

/// How many events each batch has of the twelve that are sent to a server that asks for batches
/// of three.
async fn batches(configure: impl FnOnce(ConfigBuilder) -> ConfigBuilder) -> Vec<usize> {
    let backend = Backend::start().await;
    backend.seen().login.features.batch_size = Some(3);
    // No batch is stale or cut by a heartbeat.
    let config = patient_config(&backend).max_staleness(Duration::from_secs(3_600));
    let sqreen = agent(configure(config));
    for _ in 0..12 {
        sqreen.track("tick");
    }
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, 12);
    let seen = backend.seen();
    let batches = seen.bodies.iter().map(|body| {
        let batch: BatchRequest = serde_json::from_str(body).unwrap();
        batch.batch.len()
    });
    batches.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_cut_by_events_and_bytes_as_the_app_says_else_the_server() {
    assert_eq!(batches(|config| config).await, [3; 4]);
    assert_eq!(batches(|config| config.batch_size(5)).await, [5, 5, 2]);
    assert_eq!(batches(|config| config.batch_bytes(1)).await, [1; 12]);
}
