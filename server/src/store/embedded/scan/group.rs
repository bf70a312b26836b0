//! Events by the values of a field.
//!
//! The values are counted first. Only then, and only in the rows of the most frequent ones, are addresses and users told
//! apart, and times looked at; where nothing is to be told apart, the times are looked at while the values are counted.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::tally::{NONE, Number, Tally};
use super::{Part, Scan, ScanError, each_part, parts, rows_of};
use crate::store::embedded::filter::Plan;
use crate::store::embedded::recent::Recent;
use crate::store::embedded::texts::Texts;
use crate::store::embedded::view::View;
use crate::store::filter::{Dimension, Field, JsonField};
use crate::store::query::{Distinct, Group, GroupQuery, Groups, ScanMonitor};

/// The most rows whose values are remembered between the two steps, at 8 bytes each; of others they are read again.
const REMEMBERED_ROWS: usize = 4_000_000;

/// The most addresses and users that are told apart in one answer, at some 16 bytes each.
const MOST_DISTINCT: usize = 4_000_000;

/// The rows of a part that are meant, and the numbers of their values.
type Valued = (Vec<u32>, Vec<Number>);

/// Answers the most frequent values. The query is valid.
pub(in crate::store::embedded) fn groups(
    view: &View,
    query: &GroupQuery,
    monitor: &ScanMonitor,
    recent: &Recent,
) -> Result<Groups, ScanError> {
    let plan = Plan::new(&query.filter);
    let looking = Scan::remembering(&plan, query.range, &query.filter, recent);
    let parts = parts(view, query.range);
    let mut tally = Tally::default();
    let (mut events, mut absent, mut remembered) = (0, 0, 0);
    let mut valued: Vec<Option<Valued>> = vec![None; parts.len()];
    let mut spans = Spans::default();
    // To tell apart, each part is worked on twice.
    let times = if query.distinct { 2 } else { 1 };
    monitor.begin(rows_of(&parts).saturating_mul(times));
    each_part(
        &parts,
        monitor,
        |_, part| values(part, &looking, query),
        |at, (rows, texts, times)| {
            let numbers = tally.count(&query.by, &texts);
            tally.shrink(|_| {});
            spans.add(&numbers, &times);
            events += rows.len() as u64;
            absent += numbers.iter().filter(|number| **number == NONE).count() as u64;
            remembered += rows.len();
            let is_kept = query.distinct && remembered <= REMEMBERED_ROWS;
            if let Some(valued) = valued.get_mut(at).filter(|_| is_kept) {
                *valued = Some((rows, numbers));
            }
        },
    )?;
    let (count, exact) = tally.values();
    let count = count as u64;
    let all = Distinct { count, exact };
    let top = tally.top(query.limit);
    let numbers = top.iter().map(|(_, number, _)| *number);
    let places: HashMap<Number, usize> = numbers.zip(0..).collect();
    let mut sums = Sums::new(top.len());
    if !query.distinct {
        return Ok(Groups {
            rows: spans.groups(&top),
            values: all,
            events,
            absent,
        });
    }
    each_part(
        &parts,
        monitor,
        |at, part| {
            let (rows, numbers) = match valued.get(at) {
                Some(Some((rows, numbers))) => (rows.clone(), numbers.clone()),
                _ => {
                    let (rows, texts, _) = values(part, &looking, query)?;
                    let mut again = Tally::default();
                    let numbers = again.count(&query.by, &texts);
                    let known = again.renumbered(&tally);
                    let number = |number| known.get(&number).copied().unwrap_or(NONE);
                    (rows, numbers.into_iter().map(number).collect())
                }
            };
            let of_top = rows.into_iter().zip(numbers);
            let of_top = of_top.filter_map(|(row, number)| Some((row, *places.get(&number)?)));
            let (rows, places): (Vec<u32>, Vec<usize>) = of_top.unzip();
            Facts::read(part, &rows, places, &query.by)
        },
        |_, facts| sums.add(&facts),
    )?;
    Ok(Groups {
        rows: sums.finish(&top),
        values: all,
        events,
        absent,
    })
}

/// The rows of a part that are meant, and their values; their times, too, if nothing else will be asked of them.
fn values(
    part: &Part<'_>,
    looking: &Scan<'_>,
    query: &GroupQuery,
) -> Result<(Vec<u32>, Texts, Vec<i64>), ScanError> {
    let failed = |error| part.failed(error);
    let reader = part.open()?;
    let rows = looking.meant(part, &reader)?;
    let texts = reader.field(&query.by, &rows).map_err(failed)?;
    let times = match query.distinct {
        true => Vec::new(),
        false => reader.times(&rows).map_err(failed)?,
    };
    Ok((rows, texts, times))
}

/// The first and the last time of each value, by its number.
#[derive(Default)]
struct Spans(Vec<(i64, i64)>);

impl Spans {
    fn add(&mut self, numbers: &[Number], times: &[i64]) {
        for (number, time) in numbers.iter().zip(times) {
            if *number == NONE {
                continue;
            }
            let place = *number as usize;
            if self.0.len() <= place {
                self.0.resize(place + 1, (i64::MAX, i64::MIN));
            }
            if let Some((first, last)) = self.0.get_mut(place) {
                (*first, *last) = ((*first).min(*time), (*last).max(*time));
            }
        }
    }

    /// The groups, of which nothing was told apart.
    fn groups(&self, top: &[(&str, Number, u64)]) -> Vec<Group> {
        let unknown = Distinct {
            count: 0,
            exact: false,
        };
        let group = |(value, number, events): &(&str, Number, u64)| {
            let (first, last) = self.0.get(*number as usize).copied().unwrap_or_default();
            Group {
                value: (*value).to_owned(),
                events: *events,
                ips: unknown,
                users: unknown,
                first,
                last,
            }
        };
        top.iter().map(group).collect()
    }
}

/// What is summed up of rows, each of the group at its place.
#[derive(Default)]
struct Facts {
    places: Vec<usize>,
    times: Vec<i64>,
    ips: Texts,
    users: Texts,
}

impl Facts {
    fn read(
        part: &Part<'_>,
        rows: &[u32],
        places: Vec<usize>,
        by: &Field,
    ) -> Result<Self, ScanError> {
        if rows.is_empty() {
            return Ok(Self::default());
        }
        let reader = part.open()?;
        let failed = |error| part.failed(error);
        let ip = Field::Dimension(Dimension::Ip);
        let user = Field::Json(JsonField::User, Vec::new());
        // There is one of what is grouped by.
        let texts = |field: &Field| match field == by {
            true => Ok(Texts::one(rows.len())),
            false => reader.field(field, rows).map_err(failed),
        };
        Ok(Self {
            places,
            times: reader.times(rows).map_err(failed)?,
            ips: texts(&ip)?,
            users: texts(&user)?,
        })
    }
}

/// What there is of each of the values.
struct Sums {
    groups: Vec<Sum>,
    hasher: RandomState,
    /// How many addresses and users may still be told apart.
    left: usize,
}

struct Sum {
    ips: Set,
    users: Set,
    first: i64,
    last: i64,
}

impl Sums {
    fn new(groups: usize) -> Self {
        let sum = || Sum {
            ips: Set::default(),
            users: Set::default(),
            first: i64::MAX,
            last: i64::MIN,
        };
        Self {
            groups: std::iter::repeat_with(sum).take(groups).collect(),
            hasher: RandomState::new(),
            left: MOST_DISTINCT,
        }
    }

    fn add(&mut self, facts: &Facts) {
        for (time, place) in facts.times.iter().zip(&facts.places) {
            if let Some(sum) = self.groups.get_mut(*place) {
                sum.first = sum.first.min(*time);
                sum.last = sum.last.max(*time);
            }
        }
        self.tell_apart(&facts.ips, &facts.places, |sum| &mut sum.ips);
        self.tell_apart(&facts.users, &facts.places, |sum| &mut sum.users);
    }

    fn tell_apart(&mut self, texts: &Texts, places: &[usize], set: fn(&mut Sum) -> &mut Set) {
        let mut hashes: Vec<Option<u64>> = vec![None; texts.values.len()];
        for (code, place) in texts.codes.iter().zip(places) {
            let Some(hash) = hashes.get_mut(*code as usize) else {
                continue;
            };
            let hash = *hash.get_or_insert_with(|| self.hasher.hash_one(texts.values.get(*code)));
            if let Some(sum) = self.groups.get_mut(*place) {
                set(sum).insert(hash, &mut self.left);
            }
        }
    }

    fn finish(self, top: &[(&str, Number, u64)]) -> Vec<Group> {
        let groups = top.iter().zip(self.groups);
        groups
            .map(|((value, _, events), sum)| Group {
                value: (*value).to_owned(),
                events: *events,
                ips: sum.ips.told_apart(),
                users: sum.users.told_apart(),
                first: sum.first,
                last: sum.last,
            })
            .collect()
    }
}

/// Hashes of what is told apart.
#[derive(Default)]
struct Set {
    hashes: HashSet<u64, BuildHasherDefault<AsIs>>,
    /// Whether some were left out.
    full: bool,
}

impl Set {
    fn insert(&mut self, hash: u64, left: &mut usize) {
        if *left > 0 {
            *left -= usize::from(self.hashes.insert(hash));
        } else {
            self.full |= !self.hashes.contains(&hash);
        }
    }

    fn told_apart(&self) -> Distinct {
        Distinct {
            count: self.hashes.len() as u64,
            exact: !self.full,
        }
    }
}

/// Takes numbers that are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only numbers come, see below; whatever else came would still be told apart by equality.
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
