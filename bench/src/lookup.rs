//! What looking up a security response costs, and what a pack of them weighs.
//!
//! The lookups are private to the crate, so their source is compiled into this program.

#[path = "../../src/actions/mod.rs"]
mod actions;
mod packs;

use std::hint::black_box;
use std::net::IpAddr;
use std::time::Instant;

use sqreen::UserIdentifiers;
use sqreen::protocol::{Action, ActionsChange, ActionsVersion, Allowlist};

use self::actions::{Enforced, Pack, Updater};
use self::packs::Packed;
use crate::measure::{median, min};

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Different queries of a run, so that a large pack is not served from a warm cache.
const QUERIES: usize = 1 << 17;
const RUNS: usize = 11;
/// Changes measured on a pack of each size: enough for two merges.
const CHANGES: u64 = 2_500;

type Error = Box<dyn std::error::Error>;

/// What a lookup is asked for.
trait Query {
    fn meets(&self, enforced: &Enforced) -> bool;
}

impl Query for IpAddr {
    fn meets(&self, enforced: &Enforced) -> bool {
        let hit = enforced.load().by_ip(*self, Instant::now).map(|hit| hit.kind);
        black_box(hit).is_some()
    }
}

impl Query for UserIdentifiers {
    fn meets(&self, enforced: &Enforced) -> bool {
        let hit = enforced.load().by_user(self, Instant::now).map(|hit| hit.kind);
        black_box(hit).is_some()
    }
}

/// Median and minimum nanoseconds of a lookup, each waiting for the one before.
fn latency<Q: Query>(enforced: &Enforced, queries: &[Q]) -> (f64, f64) {
    // The compiler cannot know that the answer never changes which query is next.
    let none = black_box(0);
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let (mut at, start) = (0, Instant::now());
        for _ in 0..queries.len() {
            let meets = queries.get(at).is_some_and(|query| query.meets(enforced));
            at += 1 + (usize::from(meets) & none);
        }
        runs.push(start.elapsed().as_nanos() as f64 / queries.len() as f64);
    }
    (median(runs.clone()), min(&runs))
}

fn figure<Q: Query>(enforced: &Enforced, queries: &[Q]) -> String {
    if queries.is_empty() {
        return "–".to_owned();
    }
    let (median, min) = latency(enforced, queries);
    format!("{median:.0} ({min:.0})")
}

fn load(actions: &[Action]) -> Result<Updater, Error> {
    let now = Instant::now();
    let mut updater = Updater::new(now);
    let version = ActionsVersion {
        epoch: "bench".to_owned(),
        seq: 0,
    };
    let pack = Pack {
        actions,
        allowlist: &Allowlist::default(),
        dry_run: false,
        version: Some(&version),
    };
    updater.load(pack, now)?;
    Ok(updater)
}

/// A pack, its weight, and the time it takes to check and to build.
fn weigh(actions: &[Action]) -> Result<(Updater, u64, f64), Error> {
    let mut loaded = None;
    let mut runs = Vec::new();
    let mut bytes = 0;
    for _ in 0..3 {
        drop(loaded.take());
        let start = Instant::now();
        let info = allocation_counter::measure(|| loaded = Some(load(actions)));
        runs.push(start.elapsed().as_secs_f64() * 1e3);
        bytes = info.bytes_current;
    }
    let updater = loaded.ok_or("nothing was loaded")??;
    Ok((updater, u64::try_from(bytes)?, median(runs)))
}

fn row<Q: Query>(name: &str, size: usize, packed: &Packed<Q>) -> Result<(), Error> {
    let (updater, bytes, build) = weigh(&packed.actions)?;
    let enforced = updater.enforced();
    let expect = |queries: &[Q], meets: bool| {
        let wrong = queries.iter().filter(|query| query.meets(&enforced) != meets);
        match wrong.count() {
            0 => Ok(()),
            n => Err(format!("{name}, {size}: {n} wrong answers")),
        }
    };
    expect(&packed.hits, true)?;
    expect(&packed.misses, false)?;
    println!(
        "| {name} | {size} | {} | {} | {} | {build:.1} |",
        figure(&enforced, &packed.hits),
        figure(&enforced, &packed.misses),
        bytes.checked_div(size as u64).unwrap_or_default(),
    );
    Ok(())
}

fn lookups() -> Result<(), Error> {
    println!("### Looking up a security response\n");
    println!("| pack | actions | hit ns | miss ns | bytes per action | build ms |");
    println!("|---|---:|---:|---:|---:|---:|");
    row("none", 0, &packs::nothing())?;
    for size in SIZES {
        row("IPv4 addresses", size, &packs::v4(size))?;
        row("IPv4 addresses in one /8", size, &packs::v4_crowded(size))?;
        row("IPv4 networks of all lengths", size, &packs::v4_networks(size))?;
        row("IPv6 addresses", size, &packs::v6(size))?;
        row("IPv6 addresses in one /32", size, &packs::v6_crowded(size))?;
        row("IPv6 networks of all lengths", size, &packs::v6_networks(size))?;
        row("IPv6 networks within each other", size, &packs::v6_nested(size))?;
        row("users", size, &packs::users(size))?;
        row("users, any identifier", size, &packs::any_users(size))?;
    }
    println!("\nMedian (minimum) of {RUNS} runs of {QUERIES} lookups.\n");
    Ok(())
}

fn changes() -> Result<(), Error> {
    println!("### A change of one action\n");
    println!("| actions | median µs | 99 % µs | merge ms | lookup beside changes, hit ns |");
    println!("|---:|---:|---:|---:|---:|");
    for size in SIZES {
        let packed = packs::v4(size);
        let (mut updater, ..) = weigh(&packed.actions)?;
        let mut times = Vec::new();
        for (seq, put) in (1..=CHANGES).zip(packs::v4_crowded(CHANGES as usize).actions) {
            let change = ActionsChange {
                epoch: "bench".to_owned(),
                seq,
                put: vec![Action {
                    action_id: format!("new-{seq}"),
                    ..put
                }],
                ..ActionsChange::default()
            };
            let start = Instant::now();
            updater.follow(&change, start)?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        let at = |part: f64| times.get((times.len() as f64 * part) as usize).copied();
        println!(
            "| {size} | {:.0} | {:.0} | {:.1} | {} |",
            at(0.5).unwrap_or_default(),
            at(0.99).unwrap_or_default(),
            times.last().copied().unwrap_or_default() / 1e3,
            figure(&updater.enforced(), &packed.hits),
        );
    }
    println!("\n{CHANGES} changes; the slowest are those that merge all into a new pack.\n");
    Ok(())
}

pub(crate) fn measure() -> Result<(), Error> {
    lookups()?;
    changes()
}
