//! Filters and histograms against a naive evaluation over all events.

use std::net::IpAddr;

use sqreen_server::store::{EventFilter, EventStore, HistogramQuery, StoredEvent};

use crate::{Lcg, T0, append_new, events, newest_first, pages};

fn random_filter(random: &mut Lcg) -> EventFilter {
    let users = [
        "u1@b.example",
        "email:u2@b.example",
        "id:4",
        "5",
        "email",
        "nobody",
        "",
    ];
    let app = random.maybe(|random| ["shop", "blog", "none"][random.below(3) as usize].to_owned());
    let name = random.maybe(|random| format!("event.{}", random.below(8)));
    EventFilter {
        app,
        name,
        ip: random.maybe(|random| IpAddr::from([192, 0, 2, random.below(10) as u8])),
        user: random.maybe(|random| users[random.below(7) as usize].to_owned()),
        from: random.maybe(|random| T0 + random.below(320_000) as i64 - 10_000),
        to: random.maybe(|random| T0 + random.below(320_000) as i64 - 10_000),
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
        let filter = random_filter(&mut random);
        let expected: Vec<StoredEvent> = stored
            .iter()
            .filter(|event| filter.matches(event))
            .cloned()
            .collect();
        matched += expected.len();
        let limit = 1 + random.below(40) as usize;
        assert_eq!(
            pages(store, filter.clone(), limit),
            expected,
            "round {round}: {filter:?} by {limit}"
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
        let query = HistogramQuery {
            filter: random_filter(&mut random),
            from,
            to,
            bucket,
        };
        let mut expected = vec![0; usize::try_from((to - from + bucket - 1) / bucket).unwrap()];
        for event in stored.iter().filter(|event| query.filter.matches(event)) {
            if (from..to).contains(&event.time) {
                expected[usize::try_from((event.time - from) / bucket).unwrap()] += 1;
                counted += 1;
            }
        }
        assert_eq!(
            store.histogram(&query).unwrap().counts,
            expected,
            "round {round}: {query:?}"
        );
    }
    assert!(counted > 1000, "the histograms counted {counted} events");
}
