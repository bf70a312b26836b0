//! Counts of events over time.

use std::collections::HashMap;

use super::tally::{NONE, Number, Tally};
use super::{Part, Scan, ScanError, each_part, parts, rows_of};
use crate::store::embedded::filter::Plan;
use crate::store::embedded::recent::Recent;
use crate::store::embedded::view::View;
use crate::store::query::{Breakdown, Histogram, HistogramQuery, ScanMonitor, Series};

/// Counts events over time. The query is valid, and has `buckets` buckets.
pub(in crate::store::embedded) fn histogram(
    view: &View,
    query: &HistogramQuery,
    buckets: usize,
    monitor: &ScanMonitor,
    recent: &Recent,
) -> Result<Histogram, ScanError> {
    let plan = Plan::new(&query.filter);
    let range = query.range();
    let looking = Scan::remembering(&plan, range, &query.filter, recent);
    let mut counts = vec![0_u64; buckets];
    let mut values = ByValue::new(buckets);
    let work = |part: &Part<'_>| {
        let (min, max) = (part.min_time, part.max_time);
        let bucket = query
            .bucket_of(min)
            .filter(|bucket| range.covers(min, max) && query.bucket_of(max) == Some(*bucket));
        if let (Some(bucket), None, true) = (bucket, &query.by, plan.takes_all()) {
            return Ok((vec![bucket; part.rows], None));
        }
        let failed = |error| part.failed(error);
        let reader = part.open()?;
        let rows = looking.meant(part, &reader)?;
        let places: Vec<usize> = match bucket {
            // The times make no difference.
            Some(bucket) => vec![bucket; rows.len()],
            None => {
                let times = reader.times(&rows).map_err(failed)?;
                let places = times.iter().map(|time| query.bucket_of(*time));
                places.map(|place| place.unwrap_or(buckets)).collect()
            }
        };
        let by = query.by.as_ref().map(|by| reader.field(by, &rows));
        Ok((places, by.transpose().map_err(failed)?))
    };
    let parts = parts(view, range);
    monitor.begin(rows_of(&parts));
    each_part(
        &parts,
        monitor,
        |_, part| work(part),
        |_, (places, texts)| {
            for run in places.chunk_by(|one, next| one == next) {
                let bucket = run.first().copied().unwrap_or(buckets);
                add(&mut counts, bucket, run.len() as u64);
            }
            if let (Some(by), Some(texts)) = (&query.by, texts) {
                let numbers = values.tally.count(by, &texts);
                values.add(&numbers, &places);
            }
        },
    )?;
    let breakdown = query.by.is_some().then(|| values.finish(query.series));
    Ok(Histogram {
        from: query.from,
        bucket: query.bucket,
        counts,
        breakdown,
    })
}

fn add(counts: &mut [u64], bucket: usize, rows: u64) {
    if let Some(count) = counts.get_mut(bucket) {
        *count += rows;
    }
}

/// Counts by value, and of it by bucket.
struct ByValue {
    tally: Tally,
    /// By value and bucket.
    counts: HashMap<(Number, usize), u64>,
    /// What was counted of values that were let go.
    other: Vec<u64>,
    absent: Vec<u64>,
}

impl ByValue {
    fn new(buckets: usize) -> Self {
        Self {
            tally: Tally::default(),
            counts: HashMap::new(),
            other: vec![0; buckets],
            absent: vec![0; buckets],
        }
    }

    fn add(&mut self, numbers: &[Number], places: &[usize]) {
        let mut rows = numbers;
        for run in places.chunk_by(|one, next| one == next) {
            let (within, rest) = rows.split_at(run.len().min(rows.len()));
            rows = rest;
            let bucket = run.first().copied().unwrap_or_default();
            let mut within = within.to_vec();
            within.sort_unstable();
            for same in within.chunk_by(|one, next| one == next) {
                match same.first() {
                    Some(&NONE) | None => add(&mut self.absent, bucket, same.len() as u64),
                    Some(number) => {
                        *self.counts.entry((*number, bucket)).or_default() += same.len() as u64;
                    }
                }
            }
        }
        let mut gone = Vec::new();
        self.tally.shrink(|number| gone.push(number));
        if !gone.is_empty() {
            let other = &mut self.other;
            self.counts.retain(|(number, bucket), count| {
                let is_gone = gone.binary_search(number).is_ok();
                if is_gone {
                    add(other, *bucket, *count);
                }
                !is_gone
            });
        }
    }

    fn finish(mut self, most: usize) -> Breakdown {
        let top = self.tally.top(most);
        let places: HashMap<Number, usize> = (0..)
            .zip(&top)
            .map(|(place, (_, number, _))| (*number, place))
            .collect();
        let mut series: Vec<Series> = top
            .into_iter()
            .map(|(value, ..)| Series {
                value: value.to_owned(),
                counts: vec![0; self.other.len()],
            })
            .collect();
        for ((number, bucket), count) in self.counts {
            let own = places.get(&number).and_then(|place| series.get_mut(*place));
            match own {
                Some(series) => add(&mut series.counts, bucket, count),
                None => add(&mut self.other, bucket, count),
            }
        }
        Breakdown {
            series,
            other: self.other,
            absent: self.absent,
        }
    }
}
