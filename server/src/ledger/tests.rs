use super::rows::MAX_ROWS;
use super::*;

fn agent(host: &str, version: &str) -> Agent {
    Agent {
        app: "shop".to_owned(),
        hostname: Some(host.to_owned()),
        agent_type: "rust".to_owned(),
        agent_version: version.to_owned(),
        ..Agent::default()
    }
}

fn totals(instance: &str, tracked: u64, accepted: u64) -> Outcomes {
    Outcomes {
        instance: instance.to_owned(),
        tracked,
        accepted,
        pending: tracked - accepted,
        ..Outcomes::default()
    }
}

/// Version, instances, and what was tracked, accepted and is pending, of each row.
fn shown(ledger: &Ledger) -> Vec<(String, u64, [u64; 3])> {
    let rows = ledger.rows().into_iter();
    rows.map(|row| {
        let sum = [row.sum.tracked, row.sum.accepted, row.sum.pending];
        (row.source.version, row.instances, sum)
    })
    .collect()
}

fn row(version: &str, instances: u64, sum: [u64; 3]) -> (String, u64, [u64; 3]) {
    (version.to_owned(), instances, sum)
}

#[test]
fn what_is_new_in_the_totals_of_an_agent_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    ledger.take(&agent("web-1", "1"), totals("a", 3, 1));
    ledger.take(&agent("web-1", "1"), totals("a", 5, 5));
    ledger.take(&agent("web-1", "1"), totals("a", 3, 2));
    ledger.take(&agent("web-1", "1"), totals("b", 7, 6));
    ledger.take(&agent("web-1", "2"), totals("c", 1, 1));
    let expected = [row("1", 2, [12, 11, 1]), row("2", 1, [1, 1, 0])];
    assert_eq!(shown(&ledger), expected);
    ledger.close().unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(shown(&ledger), expected);
    // After the restart, too, the same agent is known.
    ledger.take(&agent("web-1", "1"), totals("b", 9, 9));
    assert_eq!(shown(&ledger)[0], row("1", 2, [14, 14, 0]));
}

#[test]
fn rows_of_before_versions_are_of_an_unknown_one_until_their_agent_tells() {
    let dir = tempfile::tempdir().unwrap();
    let former = r#"{"apps":{"shop":{"web-1":{
        "retired":{"tracked":10,"accepted":9,"dropped":{"queue_full":1}},"retired_instances":2,
        "instances":[{"instance":"a","tracked":5,"accepted":4,"pending":1},{"instance":"b","tracked":1,"accepted":1}]
    }}}}"#;
    std::fs::write(dir.path().join("outcomes.json"), former).unwrap();
    let ledger = Ledger::open(dir.path()).unwrap();
    assert_eq!(shown(&ledger), [row("", 4, [16, 14, 1])]);
    ledger.take(&agent("web-1", "2"), totals("a", 8, 8));
    ledger.take(&agent("web-1", "2"), totals("new", 1, 1));
    let expected = [row("", 3, [11, 10, 0]), row("2", 2, [9, 9, 0])];
    assert_eq!(shown(&ledger), expected);
    assert_eq!(ledger.rows()[0].sum.dropped["queue_full"], 1);
    ledger.close().unwrap();
    assert_eq!(shown(&Ledger::open(dir.path()).unwrap()), expected);
}

#[test]
fn the_longest_silent_rows_make_room_and_their_sum_holds() {
    let mut rows = Rows::default();
    let source = |n: usize| Source::of(&agent(&format!("web-{n:05}"), "1"), CountedBy::Agent);
    let many = MAX_ROWS + 100;
    for n in 0..many {
        let now = i64::try_from(n).unwrap();
        rows.take(&source(n), totals(&n.to_string(), 2, 1), now);
    }
    assert_eq!(rows.by_source.len(), MAX_ROWS);
    let rest = rows.by_source.iter().filter(|(source, _)| source.other);
    let rest: Vec<_> = rest
        .map(|(source, row)| (source.app.as_str(), row))
        .collect();
    assert_eq!(rest.len(), 1);
    assert_eq!((rest[0].0, rest[0].1.instances), ("shop", 101));
    assert!(
        rows.by_source.contains_key(&source(many - 1))
            && !rows.by_source.contains_key(&source(100))
    );
    let sum = |of: fn(&Row) -> u64| rows.by_source.values().map(of).sum::<u64>();
    let many = u64::try_from(many).unwrap();
    assert_eq!(sum(|row| row.sum.tracked), 2 * many);
    assert_eq!(sum(Row::pending), many);
}

#[test]
fn agents_of_one_row_that_are_silent_for_a_day_are_added_up() {
    let mut rows = Rows::default();
    let source = Source::of(&agent("web-1", "1"), CountedBy::Agent);
    for n in 0..100 {
        let totals = totals(&n.to_string(), 3, 2);
        rows.take(&source, totals, i64::from(n) * 7_200_000_000);
    }
    let row = &rows.by_source[&source];
    assert_eq!(row.running.len(), 32);
    assert_eq!(
        (row.instances, row.sum.tracked, row.pending()),
        (100, 300, 100)
    );
}
