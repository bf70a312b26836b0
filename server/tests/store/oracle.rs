//! Random filters over random rows, against an evaluator that reads a row as the JSON it is, in the most obvious way.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::IpAddr;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::{Union, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use sqreen_server::store::{
    Check, Comparison, Dimension, EventId, EventStore, Field, Filter, HistogramQuery, JsonField,
    ScanMonitor, StoredEvent, Test,
};

use crate::{T0, append_new, id, newest_first, pages};

const ROWS: usize = 200;
/// Each asks a store for all its rows, which takes its time.
const FILTERS: u32 = 150;
const FILTERS_IN_MEMORY: u32 = 2_000;

fn meets(event: &Value, filter: &Filter) -> bool {
    match filter {
        Filter::All(filters) => filters.iter().all(|filter| meets(event, filter)),
        Filter::Any(filters) => filters.iter().any(|filter| meets(event, filter)),
        Filter::Not(filter) => !meets(event, filter),
        Filter::Is(Test { field, check }) => match field {
            Field::Dimension(dimension) => meets_dimension(event, *dimension, check),
            Field::Json(field, path) => event
                .get(field.name())
                .is_some_and(|json| meets_json(*field, json, path, check)),
        },
    }
}

fn meets_dimension(event: &Value, dimension: Dimension, check: &Check) -> bool {
    let text = match (event.get(dimension.name()), dimension) {
        (Some(value), _) => as_text(value),
        (None, Dimension::Aggregated) => "false".to_owned(),
        (None, _) => return false,
    };
    match check {
        Check::Equals(wanted) => wanted.contains(&text),
        Check::Contains(wanted) => lower(&text).contains(&lower(wanted)),
        Check::Prefix(wanted) => text.starts_with(wanted),
        Check::Exists => true,
        Check::Number(comparison, wanted) => {
            dimension.is_number() && compare(text.parse().unwrap(), *comparison, *wanted)
        }
        Check::In(_) => dimension == Dimension::Ip && meets_value(&json!(text), check),
    }
}

fn meets_json(field: JsonField, json: &Value, path: &[String], check: &Check) -> bool {
    let headers = field == JsonField::Headers;
    // What is at the top level, by name where it has one.
    let members: Vec<(Option<&str>, &Value)> = match json {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (Some(name.as_str()), value))
            .collect(),
        Value::Array(pairs) if headers => pairs
            .iter()
            .filter(|pair| pair.as_array().is_some_and(|pair| pair.len() == 2))
            .filter_map(|pair| Some((Some(pair[0].as_str()?), &pair[1])))
            .collect(),
        Value::Array(values) => values.iter().map(|value| (None, value)).collect(),
        value => vec![(None, value)],
    };
    let Some((first, rest)) = path.split_first() else {
        return match check {
            Check::Exists => true,
            Check::Contains(wanted) => lower(&json.to_string()).contains(&lower(wanted)),
            Check::Equals(wanted) if json.is_array() && !headers => {
                wanted.contains(&json.to_string())
                    || members.iter().any(|(_, value)| meets_value(value, check))
            }
            check => members.iter().any(|(_, value)| meets_value(value, check)),
        };
    };
    members.iter().any(|(name, value)| {
        let named = name.is_some_and(|name| match headers {
            true => lower(name) == lower(first),
            false => name == first,
        });
        let mut value = Some(*value);
        for name in rest {
            value = value.and_then(|value| value.as_object()?.get(name));
        }
        named && value.is_some_and(|value| meets_value(value, check))
    })
}

fn meets_value(value: &Value, check: &Check) -> bool {
    match check {
        Check::Equals(wanted) => wanted
            .iter()
            .any(|wanted| as_text(value) == *wanted || is_same_number(value, wanted)),
        Check::Contains(wanted) => lower(&as_text(value)).contains(&lower(wanted)),
        Check::Prefix(wanted) => as_text(value).starts_with(wanted),
        Check::Exists => true,
        Check::Number(comparison, wanted) => value
            .as_f64()
            .is_some_and(|number| compare(number, *comparison, *wanted)),
        Check::In(nets) => {
            let ip = value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
            ip.is_some_and(|ip| nets.iter().any(|net| net.contains(&ip.to_canonical())))
        }
    }
}

fn is_same_number(value: &Value, wanted: &str) -> bool {
    let Ok(wanted @ Value::Number(_)) = wanted.parse::<Value>() else {
        return false;
    };
    let whole = |value: &Value| value.to_string().parse::<i128>();
    match (value, whole(value), whole(&wanted)) {
        (Value::Number(_), Ok(value), Ok(wanted)) => value == wanted,
        (Value::Number(_), _, _) => value.as_f64() == wanted.as_f64(),
        _ => false,
    }
}

fn compare(number: f64, comparison: Comparison, wanted: f64) -> bool {
    match comparison {
        Comparison::Less => number < wanted,
        Comparison::AtMost => number <= wanted,
        Comparison::More => number > wanted,
        Comparison::AtLeast => number >= wanted,
    }
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// Texts that rows have and filters ask for.
const TEXTS: [&str; 24] = [
    "",
    "a",
    "A",
    "Ab",
    "users.login",
    "ann@example.com",
    "42",
    "42.0",
    "042",
    "-1",
    "null",
    "true",
    "false",
    "GET",
    "/admin/x",
    "é \"q\"\\\n",
    "192.0.2.7",
    "2001:db8::7",
    "::ffff:192.0.2.9",
    "[\"a\",1]",
    "[\"a\"]",
    "[]",
    "9007199254740993",
    "4.2e1",
];
const NAMES: [&str; 7] = ["id", "email", "amount", "a.b", "", "X-Id", "x-id"];

fn text() -> impl Strategy<Value = String> {
    select(TEXTS.to_vec()).prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    // The first is everywhere: what recurs may be kept in another way.
    let names = prop_oneof![2 => Just("id"), 1 => Just("x-ID"), 2 => select(NAMES.to_vec())];
    names.prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let number = select(vec![
        json!(42),
        json!(42.0),
        json!(-1),
        json!(0.5),
        json!(9_007_199_254_740_992_i64),
        json!(9_007_199_254_740_993_i64),
        json!(u64::MAX),
        json!(1e300),
    ]);
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        3 => number,
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(name(), inner, 0..3).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

fn object() -> impl Strategy<Value = Value> {
    btree_map(name(), value(), 0..4).prop_map(|map| map.into_iter().collect())
}

fn headers() -> impl Strategy<Value = Value> {
    let pair = (name(), value()).prop_map(|(name, value)| json!([name, value]));
    let pairs = vec(prop_oneof![5 => pair, 1 => value()], 0..4).prop_map(Value::from);
    prop_oneof![3 => pairs, 2 => object(), 1 => value()]
}

/// A row, as the JSON that it is stored as, without identity and times.
fn row() -> impl Strategy<Value = Value> {
    let ip = select(vec![
        "192.0.2.7",
        "192.0.2.77",
        "203.0.113.1",
        "2001:db8::7",
    ]);
    let networks = prop_oneof![1 => Just(vec!["a".to_owned()]), 3 => vec(text(), 1..3)];
    let mut fields: Vec<(&str, BoxedStrategy<Value>)> = vec![
        ("ip", ip.prop_map(Value::from).boxed()),
        (
            "status",
            select(vec![200, 204, 404, 42])
                .prop_map(Value::from)
                .boxed(),
        ),
        (
            "asn",
            select(vec![42, 0, u32::MAX]).prop_map(Value::from).boxed(),
        ),
        ("network", networks.prop_map(Value::from).boxed()),
        ("aggregated", any::<bool>().prop_map(Value::from).boxed()),
        ("headers", headers().boxed()),
        ("params", value().boxed()),
        ("body", value().boxed()),
    ];
    for name in ["user", "properties", "traits"] {
        fields.push((name, object().boxed()));
    }
    for name in [
        "country",
        "method",
        "path",
        "route",
        "host",
        "scheme",
        "user_agent",
        "referer",
        "request_id",
        "agent",
        "hostname",
        "environment",
    ] {
        fields.push((name, text().prop_map(Value::from).boxed()));
    }
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(name, value)| {
            proptest::option::of(value).prop_map(move |value| Some((name.to_owned(), value?)))
        })
        .collect();
    let required = (select(vec!["shop", "blog"]), text());
    (required, fields).prop_map(|((app, name), fields)| {
        let mut row: Value = fields.into_iter().flatten().collect();
        row["app"] = json!(app);
        row["name"] = json!(name);
        row
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let dimension = select(Dimension::ALL.to_vec()).prop_map(Field::Dimension);
    let within = (select(JsonField::ALL.to_vec()), vec(name(), 0..3))
        .prop_map(|(field, path)| Field::Json(field, path));
    let nets = select(vec![
        "192.0.2.0/26",
        "192.0.2.9/32",
        "0.0.0.0/0",
        "2001:db8::/32",
        "::/0",
    ]);
    let piece = prop_oneof![
        text(),
        select(vec!["4", "a", "L", "@E", ".", "\"", "{", "é", "9007"]).prop_map(str::to_owned),
    ];
    let comparison = select(vec![
        Comparison::Less,
        Comparison::AtMost,
        Comparison::More,
        Comparison::AtLeast,
    ]);
    let number = select(vec![42.0, 41.5, 0.0, -1.0, 204.0, 9_007_199_254_740_992.0]);
    let check = Union::new([
        vec(text(), 1..4).prop_map(Check::Equals).boxed(),
        piece.clone().prop_map(Check::Contains).boxed(),
        piece.prop_map(Check::Prefix).boxed(),
        Just(Check::Exists).boxed(),
        (comparison, number)
            .prop_map(|(comparison, number)| Check::Number(comparison, number))
            .boxed(),
        vec(nets.prop_map(|net| net.parse().unwrap()), 1..3)
            .prop_map(Check::In)
            .boxed(),
    ]);
    let test = (prop_oneof![2 => dimension, 3 => within], check)
        .prop_map(|(field, check)| Filter::Is(Test { field, check }));
    test.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Filter::All),
            vec(inner.clone(), 0..4).prop_map(Filter::Any),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

/// The row as the `n`th event.
fn event(n: usize, mut row: Value) -> StoredEvent {
    let n = n as u64;
    row["id"] = json!(id(n));
    row["time"] = json!(T0 + (n * 7_919 % 1_000) as i64);
    row["received"] = json!(T0);
    serde_json::from_value(row).unwrap()
}

/// Random rows, the newest first, each as its JSON too.
fn rows(runner: &mut TestRunner) -> Vec<(Value, StoredEvent)> {
    let rows = vec(row(), ROWS).new_tree(runner).unwrap().current();
    let events = rows.into_iter().enumerate().map(|(n, row)| event(n, row));
    newest_first(events.collect())
        .into_iter()
        .map(|event| (serde_json::to_value(&event).unwrap(), event))
        .collect()
}

/// Runs random filters, which `found` answers with the events that are meant.
fn agree(
    runner: &mut TestRunner,
    stored: &[(Value, StoredEvent)],
    found: impl Fn(&Filter) -> Vec<EventId>,
) {
    let (met, none, tried) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let run = runner.run(&filter(), |filter| {
        let expected: Vec<EventId> = stored
            .iter()
            .filter(|(json, _)| meets(json, &filter))
            .map(|(_, event)| event.id)
            .collect();
        met.set(met.get() + expected.len());
        none.set(none.get() + usize::from(expected.is_empty()));
        tried.set(tried.get() + 1);
        let found = found(&filter);
        if found == expected {
            return Ok(());
        }
        let [found, expected] = [found, expected].map(BTreeSet::from_iter);
        let differing = stored
            .iter()
            .find(|(_, event)| found.contains(&event.id) != expected.contains(&event.id));
        let row = differing.map(|(json, _)| json.to_string());
        prop_assert!(false, "{filter}: {filter:?} differs, first in {row:?}");
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("{error}"));
    // Filters that mean nothing, or everything, would prove little.
    let (met, none, tried) = (met.get(), none.get(), tried.get());
    assert!(
        met > 10 * tried && none < tried * 3 / 4,
        "{met} by {tried}, {none} of them none"
    );
}

fn runner(filters: u32) -> TestRunner {
    TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(filters)
    })
}

pub(crate) fn random_filters_agree_with_a_plain_reading(store: &dyn EventStore) {
    let mut runner = runner(FILTERS);
    let stored = rows(&mut runner);
    for batch in stored.chunks(20) {
        append_new(
            store,
            batch.iter().map(|(_, event)| event.clone()).collect(),
        );
    }
    agree(&mut runner, &stored, |filter| {
        let found = pages(store, filter.clone(), 90);
        let query = HistogramQuery::new(filter.clone(), T0, T0 + 1_000, 1_000);
        let counts = store.histogram(&query, &ScanMonitor::new()).unwrap().counts;
        assert_eq!(counts, [found.len() as u64], "{filter:?}");
        // What is remembered of the filter by now says the same.
        assert_eq!(pages(store, filter.clone(), 7), found, "{filter:?}");
        found.iter().map(|event| event.id).collect()
    });
}

#[test]
fn random_filters_of_rows_in_memory_agree_with_a_plain_reading() {
    let mut runner = runner(FILTERS_IN_MEMORY);
    let stored = rows(&mut runner);
    agree(&mut runner, &stored, |filter| {
        let events = stored.iter().map(|(_, event)| event);
        let found = events.filter(|event| filter.matches(*event));
        found.map(|event| event.id).collect()
    });
}
