//! What looking up a security response costs, and what a pack of them weighs.
//!
//! The lookups are private to the crate, so their source is compiled into this program.

#[expect(dead_code, unused_imports, reason = "only the lookups are of use here")]
#[path = "../../src/actions/mod.rs"]
mod actions;
mod packs;

use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use sqreen::UserIdentifiers;
use sqreen::protocol::{Action, ActionsChange, ActionsVersion, Allowlist};

use self::actions::{Enforced, Pack, Updater};
use self::packs::{Kind, Random};
use crate::measure::{median, min};

const SIZES: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Lookups of a run.
const LOOKUPS: usize = 1 << 17;
/// Lookups timed at once: their queries are in the nearest cache, as a request's are.
const BATCH: usize = 64;
/// Different queries for addresses.
const ADDRESSES: usize = 1 << 17;
/// Different queries for users. More of them would crowd the pack out of the cache themselves.
const USERS: usize = 1 << 14;
const RUNS: usize = 11;
/// Changes of a pack of each size: enough for two merges.
const CHANGES: usize = 2_500;

type Error = Box<dyn std::error::Error>;

/// What a lookup is asked for.
trait Query {
    /// How many different ones are used.
    const DIFFERENT: usize;

    /// Brings it into the cache.
    fn touch(&self);
    fn meets(&self, enforced: &Enforced) -> bool;
}

impl Query for IpAddr {
    const DIFFERENT: usize = ADDRESSES;

    fn touch(&self) {
        black_box(*self);
    }

    fn meets(&self, enforced: &Enforced) -> bool {
        let snapshot = enforced.load();
        let hit = snapshot.by_ip(*self, Instant::now).map(|hit| hit.kind);
        black_box(hit).is_some()
    }
}

impl Query for UserIdentifiers {
    const DIFFERENT: usize = USERS;

    fn touch(&self) {
        for (key, value) in self.iter() {
            black_box((key.as_bytes().first(), value.as_bytes().last()));
        }
    }

    fn meets(&self, enforced: &Enforced) -> bool {
        let snapshot = enforced.load();
        let hit = snapshot.by_user(self, Instant::now).map(|hit| hit.kind);
        black_box(hit).is_some()
    }
}

/// Median and minimum nanoseconds of a lookup, each waiting for the one before.
fn figure<Q: Query>(
    enforced: &Enforced,
    meets: bool,
    query: impl Fn(&mut Random) -> Q,
) -> Result<String, Error> {
    let mut random = Random(7);
    let queries: Vec<Q> = (0..Q::DIFFERENT).map(|_| query(&mut random)).collect();
    // The compiler cannot know that the answer never changes which query is next.
    let none = black_box(0);
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let (mut spent, mut right) = (Duration::ZERO, 0);
        for batch in queries.chunks(BATCH).cycle().take(LOOKUPS / BATCH) {
            batch.iter().for_each(Query::touch);
            let (mut at, start) = (0, Instant::now());
            while let Some(query) = batch.get(at) {
                let hit = usize::from(query.meets(enforced));
                right += usize::from(hit == usize::from(meets));
                at += 1 + (hit & none);
            }
            spent += start.elapsed();
        }
        if right != LOOKUPS {
            return Err(format!("{} of {LOOKUPS} answers are wrong", LOOKUPS - right).into());
        }
        runs.push(spent.as_nanos() as f64 / LOOKUPS as f64);
    }
    Ok(format!("{:.0} ({:.0})", median(runs.clone()), min(&runs)))
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

/// A pack, its bytes, and the milliseconds it takes to check and to build.
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

fn row<Q: Query>(kind: &Kind<Q>, size: usize) -> Result<(), Error> {
    let actions: Vec<Action> = (0..size).map(|n| kind.action(n, size)).collect();
    let (updater, bytes, build) = weigh(&actions)?;
    drop(actions);
    let enforced = updater.enforced();
    println!(
        "| {} | {size} | {} | {} | {} | {build:.1} |",
        kind.name,
        figure(&enforced, true, |random| kind.hit(size, random))?,
        figure(&enforced, false, |random| (kind.miss)(size, random))?,
        bytes / size as u64,
    );
    Ok(())
}

fn lookups() -> Result<(), Error> {
    println!("### Looking up a security response\n");
    println!("| pack | actions | hit ns | miss ns | bytes per action | build ms |");
    println!("|---|---:|---:|---:|---:|---:|");
    let nothing = load(&[])?.enforced();
    let miss = figure(&nothing, false, |random| (packs::V4.miss)(1, random))?;
    println!("| none | 0 | | {miss} | | |");
    for size in SIZES {
        row(&packs::V4, size)?;
        row(&packs::V4_CROWDED, size)?;
        row(&packs::V4_NETWORKS, size)?;
        row(&packs::V6, size)?;
        row(&packs::V6_CROWDED, size)?;
        row(&packs::V6_NETWORKS, size)?;
        row(&packs::V6_NESTED, size)?;
        row(&packs::USERS, size)?;
        row(&packs::ANY_USERS, size)?;
    }
    println!(
        "\nMedian (minimum) of {RUNS} runs of {LOOKUPS} lookups for {ADDRESSES} different addresses \
         or {USERS} different users. Each includes the load of the snapshot and, for a hit, \
         a look at the clock.\n"
    );
    Ok(())
}

fn changes() -> Result<(), Error> {
    println!("### A change of one action\n");
    println!("| actions | median µs | 99 % µs | slowest ms | lookup after them, hit ns |");
    println!("|---:|---:|---:|---:|---:|");
    let kind = &packs::V4;
    for size in SIZES {
        // There is room left for the changes.
        let size = size.min(SIZES[2] - CHANGES);
        let actions: Vec<Action> = (0..size).map(|n| kind.action(n, size)).collect();
        let mut updater = load(&actions)?;
        let mut times = Vec::new();
        for n in 1..=CHANGES {
            let change = ActionsChange {
                epoch: "bench".to_owned(),
                seq: n as u64,
                put: vec![kind.action(size + n, size)],
                ..ActionsChange::default()
            };
            let start = Instant::now();
            updater.follow(&change, start)?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
        }
        times.sort_by(f64::total_cmp);
        println!(
            "| {size} | {:.0} | {:.0} | {:.1} | {} |",
            times[CHANGES / 2],
            times[CHANGES * 99 / 100],
            times[CHANGES - 1] / 1e3,
            figure(&updater.enforced(), true, |random| kind.hit(size, random))?,
        );
    }
    println!("\n{CHANGES} changes in a row; the slowest merge all into a new pack.\n");
    Ok(())
}

pub(crate) fn measure() -> Result<(), Error> {
    lookups()?;
    changes()
}
