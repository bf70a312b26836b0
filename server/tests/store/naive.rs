//! Filters and histograms against a naive evaluation over all events.

use std::net::IpAddr;

use sqreen_server::store::{
    Dimension, EventStore, Filter, HistogramQuery, JsonField, ScanMonitor, StoredEvent, TimeRange,
};

use crate::{Lcg, T0, Wanted, append_new, events, has, is, newest_first, pages};

fn random_wanted(random: &mut Lcg) -> Wanted {
    let users = [
        has(JsonField::User, &[], "u1@b.example"),
        has(JsonField::User, &["email"], "u2@b.example"),
        has(JsonField::User, &["id"], "4"),
        has(JsonField::User, &[], "5"),
        has(JsonField::User, &[], "email"),
        has(JsonField::User, &["nobody"], "5"),
        has(JsonField::User, &[], ""),
    ];
    let all = [
        random.maybe(|random| {
            let app = ["shop", "blog", "none"][random.below(3) as usize];
            is(Dimension::App, app)
        }),
        random.maybe(|random| is(Dimension::Name, format!("event.{}", random.below(8)))),
        random.maybe(|random| {
            let ip = IpAddr::from([192, 0, 2, random.below(10) as u8]);
            is(Dimension::Ip, ip.to_string())
        }),
        random.maybe(|random| users[random.below(7) as usize].clone()),
    ];
    Wanted {
        filter: Filter::All(all.into_iter().flatten().collect()),
        range: TimeRange {
            from: random.maybe(|random| T0 + random.below(320_000) as i64 - 10_000),
            to: random.maybe(|random| T0 + random.below(320_000) as i64 - 10_000),
        },
    }
}

pub(crate) fn filters_agree_with_a_naive_evaluator(store: &dyn EventStore) {
    let stored = newest_first(events(0..300));
    for batch in stored.chunks(23).rev() {
        append_new(store, batch.to_vec());
    }
    let mut random = Lcg(1);
    let mut matched = 0;
    for round in 0..300 {
        let wanted = random_wanted(&mut random);
        let expected: Vec<StoredEvent> = stored
            .iter()
            .filter(|event| wanted.matches(event))
            .cloned()
            .collect();
        matched += expected.len();
        let limit = 1 + random.below(40) as usize;
        assert_eq!(
            pages(store, wanted.clone(), limit),
            expected,
            "round {round}: {wanted:?} by {limit}"
        );
    }
    assert!(matched > 1000, "the filters met {matched} events");
}

pub(crate) fn histograms_agree_with_a_naive_count(store: &dyn EventStore) {
    let stored = events(0..300);
    append_new(store, stored.clone());
    let mut random = Lcg(2);
    let mut counted = 0;
    for round in 0..300 {
        let from = T0 + random.below(200_000) as i64 - 10_000;
        let (to, bucket) = (
            from + 1 + random.below(200_000) as i64,
            100 + random.below(400_000) as i64,
        );
        let filter = random_wanted(&mut random).filter;
        let query = HistogramQuery::new(filter, from, to, bucket);
        let mut expected = vec![0; usize::try_from((to - from + bucket - 1) / bucket).unwrap()];
        for event in stored.iter().filter(|event| query.filter.matches(*event)) {
            if (from..to).contains(&event.time) {
                expected[usize::try_from((event.time - from) / bucket).unwrap()] += 1;
                counted += 1;
            }
        }
        assert_eq!(
            store.histogram(&query, &ScanMonitor::new()).unwrap().counts,
            expected,
            "round {round}: {query:?}"
        );
    }
    assert!(counted > 1000, "the histograms counted {counted} events");
}
