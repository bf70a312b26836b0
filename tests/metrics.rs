//! The feature `metrics`: the agent's counters, as a recorder of the app sees them.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use support::{Backend, Fault, On, agent, assert_settled, patient_config, sum};

/// Keeps the value of each counter and gauge by name and labels.
#[derive(Clone, Default)]
struct Recording(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Recording {
    fn cell(&self, key: &Key) -> Arc<AtomicU64> {
        let labels = key
            .labels()
            .map(|label| format!(" {}={}", label.key(), label.value()));
        let name = format!("{}{}", key.name(), labels.collect::<String>());
        self.0.lock().unwrap().entry(name).or_default().clone()
    }

    /// What was counted of this outcome.
    fn events(&self, outcome: &str) -> u64 {
        self.value(&format!("sqreen_events_total outcome={outcome}"))
    }

    fn value(&self, name: &str) -> u64 {
        let cells = self.0.lock().unwrap();
        let cell = cells
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not told"));
        cell.load(Ordering::SeqCst)
    }
}

impl Recorder for Recording {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.cell(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.cell(key))
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_facade_counts_what_the_ledger_counts() {
    // One recorder for the process: this is the only test of its binary.
    let recording = Recording::default();
    metrics::set_global_recorder(recording.clone()).unwrap();
    let faults = [
        (On::Batch, Fault::Reject("unwanted")),
        (On::Batch, Fault::StoreThenCut),
    ];
    let backend = Backend::with_faults(faults).await;
    let sqreen = agent(patient_config(&backend).batch_size(5));
    for _ in 0..20 {
        sqreen.track("tick");
    }
    sqreen.track("");
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    let stats = &report.stats;
    assert!(stats.accepted > 0 && stats.duplicate > 0, "{stats:?}");
    assert_eq!((sum(&stats.rejected), sum(&stats.dropped)), (5, 1));
    assert_eq!(recording.events("tracked"), stats.tracked);
    assert_eq!(recording.events("accepted"), stats.accepted);
    assert_eq!(recording.events("duplicate"), stats.duplicate);
    assert_eq!(recording.events("rejected"), 5);
    assert_eq!(recording.events("dropped"), 1);
    // A gauge is the bits of a float.
    let pending = f64::from_bits(recording.value("sqreen_events_pending"));
    assert!(pending.abs() < f64::EPSILON, "{pending}");
}
