//! What every event store does. A further implementation is one more test here.

use std::path::Path;

use sqreen_server::store::{
    AppendBatch, BoxFuture, Consumer, EmbeddedStore, EventFields, EventQuery, EventStore, Field,
    Filter, Follower, GroupQuery, Groups, Histogram, HistogramQuery, Position, ScanMonitor,
    Searched, Step, StoreError, StoreOptions, StoreStats, TimeRange, Verdict,
};

use crate::{checks, consuming, grouping, naive, oracle, rows, search};

/// Runs each check on a fresh store, which `open` makes in an empty directory.
fn conforms<S: EventStore>(open: impl Fn(&Path) -> S) {
    let dir = tempfile::tempdir().unwrap();
    let mut number = 0;
    let checks: [fn(&dyn EventStore); 25] = [
        checks::verdicts_tell_new_from_known,
        checks::one_of_many_concurrent_copies_is_accepted,
        checks::pages_hold_every_event_once,
        checks::pages_stay_stable_while_events_arrive,
        naive::filters_agree_with_a_naive_evaluator,
        naive::histograms_agree_with_a_naive_count,
        grouping::groups_agree_with_a_naive_count,
        grouping::histograms_by_field_agree_with_a_naive_count,
        grouping::wrong_groups_and_series_are_refused,
        search::a_search_hands_out_in_order_and_tells_of_progress,
        search::a_search_that_is_cancelled_ends_and_can_go_on,
        search::what_arrives_during_a_search_is_not_part_of_it,
        search::every_event_is_exported_in_bounded_steps,
        search::followers_learn_of_what_is_accepted,
        consuming::every_accepted_event_is_handed_out_once_in_order,
        consuming::a_consumer_goes_on_behind_any_event,
        consuming::a_consumer_is_woken_replaced_and_ended,
        rows::rows_of_a_batch_tell_each_field_as_the_event_does,
        rows::a_scan_hands_out_what_is_meant_oldest_first,
        rows::a_scan_reads_what_is_asked_for_alone,
        oracle::random_filters_agree_with_a_plain_reading,
        checks::odd_values_come_back_as_they_were,
        checks::wrong_queries_are_refused,
        checks::what_is_too_large_is_refused_whole,
        checks::a_closed_store_answers_queries_alone,
    ];
    for check in checks {
        number += 1;
        let store = open(&dir.path().join(number.to_string()));
        check(&store);
        store.close().unwrap();
    }
}

#[test]
fn embedded_store_conforms() {
    conforms(|dir| EmbeddedStore::open(dir, StoreOptions::new()).unwrap());
}

#[test]
fn embedded_store_conforms_while_it_seals_all_the_time() {
    conforms(|dir| EmbeddedStore::open(dir, StoreOptions::new().seal_rows(25)).unwrap());
}

/// Seals before each question, so that every answer comes from segments.
#[derive(Debug)]
struct SealedFirst(EmbeddedStore);

impl EventStore for SealedFirst {
    fn append_batch(&self, batch: AppendBatch) -> BoxFuture<'_, Result<Vec<Verdict>, StoreError>> {
        self.0.append_batch(batch)
    }

    fn search(
        &self,
        query: &EventQuery,
        monitor: &ScanMonitor,
        sink: &mut dyn FnMut(Step),
    ) -> Result<Searched, StoreError> {
        // A closed store has nothing more to seal.
        assert!(matches!(self.0.seal(), Ok(()) | Err(StoreError::Closed)));
        self.0.search(query, monitor, sink)
    }

    fn scan_rows(
        &self,
        filter: &Filter,
        range: TimeRange,
        fields: &[Field],
        monitor: &ScanMonitor,
        sink: &mut dyn FnMut(&dyn EventFields),
    ) -> Result<bool, StoreError> {
        self.0.seal().unwrap();
        self.0.scan_rows(filter, range, fields, monitor, sink)
    }

    fn histogram(
        &self,
        query: &HistogramQuery,
        monitor: &ScanMonitor,
    ) -> Result<Histogram, StoreError> {
        self.0.seal().unwrap();
        self.0.histogram(query, monitor)
    }

    fn groups(&self, query: &GroupQuery, monitor: &ScanMonitor) -> Result<Groups, StoreError> {
        self.0.seal().unwrap();
        self.0.groups(query, monitor)
    }

    fn follow(&self) -> Follower {
        self.0.follow()
    }

    fn consume(&self, from: Option<Position>) -> Result<Box<dyn Consumer>, StoreError> {
        self.0.consume(from)
    }

    fn stats(&self) -> StoreStats {
        self.0.stats()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.0.close()
    }
}

#[test]
fn embedded_store_conforms_with_every_row_sealed() {
    conforms(|dir| SealedFirst(EmbeddedStore::open(dir, StoreOptions::new()).unwrap()));
}
