//! Each query, a number of times.

use std::cell::Cell;
use std::path::Path;
use std::time::{Duration, Instant};

use sqreen_server::store::{
    Dimension, EmbeddedStore, EventQuery, EventStore, Field, Filter, GroupQuery, HistogramQuery,
    JsonField, ScanMonitor, Step, StoreOptions, TimeRange,
};

use super::events::{DAY, DAYS, ip, name, user};

pub(crate) fn run(dir: &Path, runs: u64) {
    let began = Instant::now();
    let store = EmbeddedStore::open(dir, StoreOptions::new()).expect("the store opens");
    let stats = store.stats();
    println!(
        "{} rows, {} segments, {:.0} MB; opened in {:.0} ms, {} MB resident",
        stats.sealed_rows + stats.hot_rows,
        stats.segments,
        stats.segment_bytes as f64 / 1e6,
        began.elapsed().as_secs_f64() * 1e3,
        resident_mb()
    );
    let filter = |text: &str| text.parse::<Filter>().expect("the filter is one");
    let last = store.query(&EventQuery::new(filter(""), 1), &ScanMonitor::new());
    let last = last.expect("the query is answered");
    let end = last.events.first().map_or(0, |event| event.time) + 1;
    let newest = |text: String, limit: usize| {
        let page = store.query(&EventQuery::new(filter(&text), limit), &ScanMonitor::new());
        page.expect("the query is answered").events.len() as u64
    };
    let group = |by: Field, text: String, range: TimeRange, limit: usize| {
        let filter = filter(&text);
        let query = GroupQuery {
            filter,
            range,
            by,
            limit,
            distinct: true,
        };
        let groups = store.groups(&query, &ScanMonitor::new());
        groups.expect("the query is answered").events
    };
    // Another day, event or actor in each run.
    measure("events per hour by name, a day", runs, |run| {
        let to = end - run as i64 % (DAYS - 1) * DAY;
        let mut query = HistogramQuery::new(Filter::default(), to - DAY, to, DAY / 24);
        query.by = Some(Field::Dimension(Dimension::Name));
        let histogram = store
            .histogram(&query, &ScanMonitor::new())
            .expect("the query is answered");
        histogram.counts.iter().sum()
    });
    measure(
        "top 20 addresses of a frequent event, 7 days",
        runs,
        |run| {
            let range = before(end - run as i64 % 20 * DAY, 7);
            let by = Field::Dimension(Dimension::Ip);
            group(by, format!("name:{}", name(run % 3)), range, 20)
        },
    );
    measure("newest 50 of an event with a property", runs, |run| {
        newest(
            format!("name:{} properties.item:sku-{run}", name(run % 3)),
            50,
        )
    });
    measure("newest 50 of a rare event with a property", runs, |run| {
        newest(format!("name:{} properties.item:sku-{run}", name(39)), 50)
    });
    measure("newest 50 with a property that is rare", runs, |run| {
        newest(format!("properties.order^{run:06x}"), 50)
    });
    measure(
        "timeline of an address, newest 100 of 30 days",
        runs,
        |run| newest(format!("ip:{}", ip(20_000 + run * 7)), 100),
    );
    measure("timeline of a user, newest 100 of 30 days", runs, |run| {
        newest(format!("user.email:{}", user(run * 77)), 100)
    });
    measure("users by country, a day", runs, |run| {
        let range = before(end - run as i64 % (DAYS - 1) * DAY, 1);
        let by = Field::Json(JsonField::Properties, vec!["country".to_owned()]);
        group(by, String::new(), range, 50)
    });
    measure("events per day by name, 30 days", runs.min(11), |_| {
        let mut query = HistogramQuery::new(Filter::default(), end - DAYS * DAY, end, DAY);
        query.by = Some(Field::Dimension(Dimension::Name));
        let histogram = store
            .histogram(&query, &ScanMonitor::new())
            .expect("the query is answered");
        histogram.counts.iter().sum()
    });
    scan(&store, runs.min(5));
    println!("{} MB resident afterwards", resident_mb());
}

fn before(to: i64, days: i64) -> TimeRange {
    TimeRange {
        from: Some(to - days * DAY),
        to: Some(to),
    }
}

fn measure(what: &str, runs: u64, mut query: impl FnMut(u64) -> u64) {
    let mut times = Vec::new();
    let mut rows = 0;
    if runs > 1 {
        query(0);
    }
    for run in 0..runs {
        let began = Instant::now();
        rows += query(run);
        times.push(began.elapsed());
    }
    println!("{what:<50} {}  {} rows", figures(&mut times), rows / runs);
}

fn figures(times: &mut [Duration]) -> String {
    times.sort();
    let at = |percent: usize| {
        let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
        times
            .get(place)
            .map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    format!("p50 {:7.1} ms  p95 {:7.1} ms", at(50), at(95))
}

/// A text that no event has: until the first progress, to the end, and from a cancel to the return.
fn scan(store: &EmbeddedStore, runs: u64) {
    let filter: Filter = "properties~\"no-such-text\""
        .parse()
        .expect("the filter is one");
    let query = EventQuery::new(filter, 50);
    let (mut firsts, mut wholes, mut cancels) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let began = Instant::now();
        let first = Cell::new(None);
        let searched = store.search(&query, &ScanMonitor::new(), &mut |step| {
            if step == Step::Progress && first.get().is_none() {
                first.set(Some(began.elapsed()));
            }
        });
        searched.expect("the query is answered");
        wholes.push(began.elapsed());
        firsts.extend(first.get());
        let monitor = ScanMonitor::new();
        std::thread::scope(|scope| {
            let scanning = scope.spawn(|| store.search(&query, &monitor, &mut |_| {}));
            std::thread::sleep(Duration::from_millis(50));
            let asked = Instant::now();
            monitor.cancel();
            drop(scanning.join());
            cancels.push(asked.elapsed());
        });
    }
    for (what, times) in [
        ("a text in properties, 30 days: first progress", &mut firsts),
        ("a text in properties, 30 days: all of it", &mut wholes),
        ("a text in properties, 30 days: cancel", &mut cancels),
    ] {
        println!("{what:<50} {}", figures(times));
    }
}

/// Megabytes of memory that the process takes.
fn resident_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kb.unwrap_or_default() / 1024
}
