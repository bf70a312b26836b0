//! What the agent tells the log.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use sqreen::Event;
use support::{Backend, Fault, On, TOKEN, agent, assert_settled, patient_config};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

/// Keeps the events of this crate, from `INFO` upwards.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Log {
    /// The lines since the last time.
    fn take(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, "{field}={value:?} ").unwrap();
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sqreen") && *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let level = *event.metadata().level();
        self.0.lock().unwrap().push((level, line.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Sends some events, each of which breaks a limit if asked to, and returns what was logged.
async fn logged(log: &Log, faults: Vec<(On, Fault)>, properties: usize) -> Vec<(Level, String)> {
    let backend = Backend::with_faults(faults).await;
    let sqreen = agent(patient_config(&backend).batch_size(2));
    for _ in 0..6 {
        let properties = (0..properties).map(|n| (format!("key{n}"), n));
        sqreen.track(Event::from("tick").properties(properties));
    }
    assert_settled(&sqreen.shutdown().await, &backend);
    let lines = log.take();
    for (_, line) in &lines {
        assert!(!line.contains(TOKEN), "{line}");
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_tells_each_change_once_and_nothing_when_all_is_well() {
    // One log for the process, since the agent has a thread: this is the only test of its binary.
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    assert_eq!(logged(&log, Vec::new(), 16).await, []);

    let down = |on, times| vec![(on, Fault::Answer(500, Vec::new())); times];
    for faults in [down(On::Login, 3), down(On::Batch, 3)] {
        let lines = logged(&log, faults, 1).await;
        let [(Level::WARN, down), (Level::INFO, up)] = &lines[..] else {
            panic!("{lines:?}");
        };
        assert!(
            down.contains("cannot be reached") && down.contains("500"),
            "{down}"
        );
        assert!(up.contains("is back"), "{up}");
    }

    let lines = logged(&log, Vec::new(), 17).await;
    let [(Level::WARN, line)] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(line.contains("too_many_properties"), "{line}");

    // At shutdown the agent asks once more: it is refused again.
    let refused = vec![(On::Login, Fault::Answer(401, Vec::new())); 2];
    let lines = logged(&log, refused, 1).await;
    let [(Level::ERROR, refused), (Level::WARN, dropped)] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert!(refused.contains("refuses its token"), "{refused}");
    assert!(dropped.contains("shutdown"), "{dropped}");
}
