//! The recorded traffic of the old agents, read by `sqreen::protocol`.

use serde_json::Value;
use sqreen::protocol::{
    ActionsPack, BatchElement, BatchRequest, BeatRequest, BeatResponse, LoginRequest,
    LoginResponse, SdkCall, SdkEvent, Signal, names,
};

const CAPTURES: [(&str, &str); 4] = [
    ("node-legacy", include_str!("captures/node-legacy.json")),
    (
        "node-legacy-blocking",
        include_str!("captures/node-legacy-blocking.json"),
    ),
    ("node-signals", include_str!("captures/node-signals.json")),
    (
        "node-signals-blocking",
        include_str!("captures/node-signals-blocking.json"),
    ),
];

/// Names of the events in a capture, in order; panics on anything that is not understood.
fn events(capture: &str) -> Vec<String> {
    let exchanges: Vec<Value> = serde_json::from_str(capture).unwrap();
    let mut events = Vec::new();
    for exchange in exchanges {
        let (request, answer) = (&exchange["request"]["body"], &exchange["response"]["body"]);
        match exchange["request"]["path"].as_str().unwrap() {
            "/ping" | "/sqreen/v0/app-logout" => {}
            "/sqreen/v1/app-login" => {
                let login = serde_json::from_value::<LoginRequest>(request.clone()).unwrap();
                assert_eq!(login.agent_type, "nodejs");
                assert_eq!(login.hostname, "web-1");
                let answer = serde_json::from_value::<LoginResponse>(answer.clone()).unwrap();
                assert!(answer.status.0);
                assert_eq!(answer.session_id, "sess0123456789");
                assert_eq!(answer.commands.len(), 1);
            }
            "/sqreen/v1/app-beat" => {
                serde_json::from_value::<BeatRequest>(request.clone()).unwrap();
                serde_json::from_value::<BeatResponse>(answer.clone()).unwrap();
            }
            "/sqreen/v0/actionspack" => {
                let pack = serde_json::from_value::<ActionsPack>(answer.clone()).unwrap();
                assert_eq!(pack.actions.len(), 4);
            }
            "/sqreen/v0/batch" => {
                let batch = serde_json::from_value::<BatchRequest>(request.clone()).unwrap();
                let read = BatchRequest::from_json(request.to_string().as_bytes());
                assert_eq!(read.unwrap(), batch);
                for element in batch.batch {
                    match element {
                        BatchElement::RequestRecord(record) => {
                            assert!(record.request.is_some() && record.client_ip.is_some());
                            let calls = record.observed.sdk.into_iter().map(SdkEvent::into_call);
                            events.extend(calls.filter_map(|call| tracked(call.unwrap())));
                        }
                        BatchElement::Other(other) => assert!(other["event_type"].is_string()),
                    }
                }
            }
            "/batches" => {
                let signals = serde_json::from_value::<Vec<Signal>>(request.clone()).unwrap();
                let read = Signal::all_from_json(request.to_string().as_bytes());
                assert_eq!(read.unwrap(), signals);
                for signal in signals {
                    match signal {
                        Signal::Trace(trace) => {
                            assert!(trace.context.request.path.is_some());
                            events.extend(trace.data.iter().filter_map(point));
                        }
                        Signal::Other(other) => panic!("not understood: {other}"),
                        Signal::Point(_) | Signal::Metric(_) => {}
                    }
                }
            }
            path => panic!("unexpected call of {path}"),
        }
    }
    events
}

fn tracked(call: SdkCall) -> Option<String> {
    match call {
        SdkCall::Track { name, .. } => Some(name),
        SdkCall::Identify { .. } => None,
    }
}

fn point(signal: &Signal) -> Option<String> {
    match signal {
        Signal::Point(point) => Some(names::stored(&point.signal_name).to_owned()),
        _ => None,
    }
}

#[test]
fn all_recorded_traffic_is_understood() {
    for (name, capture) in CAPTURES {
        let events = events(capture);
        assert!(
            events.contains(&"order.viewed".to_owned()),
            "{name}: {events:?}"
        );
    }
}

#[test]
fn both_modes_carry_the_same_events() {
    let legacy = events(CAPTURES[0].1);
    let mut signals = events(CAPTURES[2].1);
    // The agent itself failed on collect_body in legacy mode.
    signals.retain(|name| name != "payment.sent");
    let own = |name: &String| !name.starts_with("sq.agent.");
    assert_eq!(
        legacy.iter().filter(|n| own(n)).collect::<Vec<_>>(),
        signals.iter().filter(|n| own(n)).collect::<Vec<_>>()
    );
}
