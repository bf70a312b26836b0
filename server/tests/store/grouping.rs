//! Groups, and histograms by field, against a naive count over all events.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqreen_server::store::{
    Dimension, Distinct, EventStore, Field, Filter, Group, GroupQuery, Groups, HistogramQuery,
    JsonField, QueryError, ScanMonitor, Series, StoreError, StoredEvent, TimeRange,
};

use crate::{T0, append_new, events, is};

fn stored() -> Vec<StoredEvent> {
    let mut events = events(0..300);
    for (n, event) in events.iter_mut().enumerate() {
        event.properties = match n % 10 {
            0 => None,
            1 => Some([("plan".to_owned(), Value::Null)].into_iter().collect()),
            _ => Some(
                [
                    ("plan".to_owned(), json!(["free", "team"][n % 2])),
                    ("seats".to_owned(), json!(n % 4)),
                    ("deep".to_owned(), json!({"er": [n % 3]})),
                    (format!("rare {n}"), json!(true)),
                ]
                .into_iter()
                .collect(),
            ),
        };
        event.headers = match n % 3 {
            0 => Some(json!({"X-Kind": format!("k{}", n % 5)})),
            1 => Some(json!([
                ["accept", "*/*"],
                ["x-kind", format!("k{}", n % 5)]
            ])),
            _ => None,
        };
    }
    events
}

/// The value of an event in the plainest way, as it stands in answers.
fn value(event: &StoredEvent, field: &Field) -> Option<String> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let event = serde_json::to_value(event).unwrap();
    match field {
        Field::Dimension(Dimension::Aggregated) => Some("false".to_owned()),
        Field::Dimension(dimension) => event.get(dimension.name()).map(text),
        Field::Json(JsonField::Headers, _) => match event.get("headers")? {
            Value::Array(pairs) => Some(text(&pairs[1][1])),
            headers => Some(text(&headers["X-Kind"])),
        },
        Field::Json(field, path) => path
            .iter()
            .try_fold(event.get(field.name())?, |value, name| value.get(name))
            .map(text),
    }
}

fn fields() -> Vec<Field> {
    let json = |field, path: &[&str]| {
        Field::Json(field, path.iter().map(|name| (*name).to_owned()).collect())
    };
    vec![
        Field::Dimension(Dimension::Name),
        Field::Dimension(Dimension::Ip),
        Field::Dimension(Dimension::Status),
        Field::Dimension(Dimension::Path),
        Field::Dimension(Dimension::UserAgent),
        Field::Dimension(Dimension::Aggregated),
        Field::Dimension(Dimension::Referer),
        json(JsonField::Properties, &["plan"]),
        json(JsonField::Properties, &["seats"]),
        json(JsonField::Properties, &["deep", "er"]),
        json(JsonField::Properties, &["rare 7"]),
        json(JsonField::User, &["email"]),
        json(JsonField::User, &[]),
        json(JsonField::Params, &["query", "text"]),
        json(JsonField::Headers, &["x-KIND"]),
    ]
}

fn exactly(count: usize) -> Distinct {
    Distinct {
        count: count as u64,
        exact: true,
    }
}

pub(crate) fn groups_agree_with_a_naive_count(store: &dyn EventStore) {
    let stored = stored();
    for batch in stored.chunks(37) {
        append_new(store, batch.to_vec());
    }
    let range = TimeRange {
        from: Some(T0 + 5_000),
        to: Some(T0 + 290_000),
    };
    for by in fields() {
        for filter in [Filter::default(), is(Dimension::App, "shop")] {
            let meant: Vec<&StoredEvent> = stored
                .iter()
                .filter(|event| range.contains(event.time) && filter.matches(*event))
                .collect();
            let mut expected: BTreeMap<String, Vec<&StoredEvent>> = BTreeMap::new();
            for event in &meant {
                if let Some(value) = value(event, &by) {
                    expected.entry(value).or_default().push(event);
                }
            }
            let with_field: usize = expected.values().map(Vec::len).sum();
            let values = expected.len();
            let mut rows: Vec<Group> = expected
                .into_iter()
                .map(|(value, events)| {
                    let ips: BTreeSet<_> = events.iter().filter_map(|event| event.ip).collect();
                    let users = events.iter().filter_map(|event| event.user.as_ref());
                    let users: BTreeSet<_> = users.map(|user| json!(user).to_string()).collect();
                    Group {
                        value,
                        events: events.len() as u64,
                        ips: exactly(ips.len()),
                        users: exactly(users.len()),
                        first: events.iter().map(|event| event.time).min().unwrap(),
                        last: events.iter().map(|event| event.time).max().unwrap(),
                    }
                })
                .collect();
            rows.sort_by_key(|row| (std::cmp::Reverse(row.events), row.value.clone()));
            for limit in [3, 1000] {
                let query = GroupQuery {
                    filter: filter.clone(),
                    range,
                    by: by.clone(),
                    limit,
                    distinct: true,
                };
                let found = store.groups(&query, &ScanMonitor::new()).unwrap();
                let expected = &rows[..limit.min(rows.len())];
                assert_eq!(found.rows, expected, "{by:?} {filter:?}");
                assert_eq!(found.values, exactly(values), "{by:?}");
                assert_eq!(found.events, meant.len() as u64, "{by:?}");
                assert_eq!(found.absent, (meant.len() - with_field) as u64, "{by:?}");
                // Without telling apart, the rest is the same.
                let unknown = Distinct {
                    count: 0,
                    exact: false,
                };
                let blur = |group: &Group| Group {
                    ips: unknown,
                    users: unknown,
                    ..group.clone()
                };
                let query = GroupQuery {
                    distinct: false,
                    ..query
                };
                let fewer = store.groups(&query, &ScanMonitor::new()).unwrap();
                let rows = found.rows.iter().map(blur).collect();
                assert_eq!(fewer, Groups { rows, ..found }, "{by:?} {filter:?}");
            }
        }
    }
}

pub(crate) fn histograms_by_field_agree_with_a_naive_count(store: &dyn EventStore) {
    let stored = stored();
    append_new(store, stored.clone());
    let (from, to, bucket) = (T0 + 5_000, T0 + 290_000, 50_000);
    let place = |time: i64| usize::try_from((time - from) / bucket).unwrap();
    for by in fields() {
        let mut query = HistogramQuery::new(is(Dimension::App, "shop"), from, to, bucket);
        query.by = Some(by.clone());
        query.series = 2;
        let mut counts = vec![0; 6];
        let mut absent = counts.clone();
        let mut series: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for event in stored.iter().filter(|event| event.app == "shop") {
            if (from..to).contains(&event.time) {
                counts[place(event.time)] += 1;
                let of_value = match value(event, &by) {
                    Some(value) => series.entry(value).or_insert_with(|| vec![0; 6]),
                    None => &mut absent,
                };
                of_value[place(event.time)] += 1;
            }
        }
        let mut series: Vec<Series> = series
            .into_iter()
            .map(|(value, counts)| Series { value, counts })
            .collect();
        series.sort_by_key(|series| std::cmp::Reverse(series.counts.iter().sum::<u64>()));
        let mut other = vec![0; 6];
        for series in series.iter().skip(2) {
            other
                .iter_mut()
                .zip(&series.counts)
                .for_each(|(sum, count)| *sum += count);
        }
        series.truncate(2);
        let found = store.histogram(&query, &ScanMonitor::new()).unwrap();
        let breakdown = found.breakdown.unwrap();
        assert_eq!(found.counts, counts, "{by:?}");
        assert_eq!(breakdown.series, series, "{by:?}");
        assert_eq!(
            (breakdown.other, breakdown.absent),
            (other, absent),
            "{by:?}"
        );
    }
}

pub(crate) fn wrong_groups_and_series_are_refused(store: &dyn EventStore) {
    for limit in [0, GroupQuery::MAX_LIMIT + 1] {
        let query = GroupQuery {
            filter: Filter::default(),
            range: TimeRange::ALL,
            by: Field::Dimension(Dimension::Name),
            limit,
            distinct: true,
        };
        let error = store.groups(&query, &ScanMonitor::new()).unwrap_err();
        let given =
            matches!(error, StoreError::Query(QueryError::Groups { given }) if given == limit);
        assert!(given, "{error}");
    }
    for series in [0, HistogramQuery::MAX_SERIES + 1] {
        let mut query = HistogramQuery::new(Filter::default(), 0, 5, 1);
        query.series = series;
        store.histogram(&query, &ScanMonitor::new()).unwrap();
        query.by = Some(Field::Dimension(Dimension::Name));
        let error = store.histogram(&query, &ScanMonitor::new()).unwrap_err();
        let given =
            matches!(error, StoreError::Query(QueryError::Series { given }) if given == series);
        assert!(given, "{error}");
    }
}
