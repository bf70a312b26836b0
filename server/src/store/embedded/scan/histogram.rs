//! Counts of events over time.

use std::collections::HashMap;

use super::{Scan, ScanError, parts};
use crate::store::embedded::filter::Plan;
use crate::store::embedded::texts::{ABSENT, Texts};
use crate::store::embedded::view::View;
use crate::store::query::{Breakdown, Histogram, HistogramQuery, Series};

/// Counts events over time. The query is valid, and has `buckets` buckets.
pub(in crate::store::embedded) fn histogram(
    view: &View,
    query: &HistogramQuery,
    buckets: usize,
) -> Result<Histogram, ScanError> {
    let plan = Plan::new(&query.filter);
    let range = query.range();
    let mut counts = vec![0_u64; buckets];
    let mut by_value = ByValue::default();
    let looking = Scan::new(&plan, range);
    for part in parts(view, range) {
        let (min, max) = (part.min_time, part.max_time);
        let in_one = plan.takes_all()
            && range.covers(min, max)
            && query.bucket_of(min) == query.bucket_of(max);
        if in_one && query.by.is_none() {
            add(&mut counts, query.bucket_of(min), part.rows as u64);
            continue;
        }
        let failed = |error| part.failed(error);
        let reader = part.open()?;
        let rows = looking.candidates(&part, &reader, None)?;
        let rows = reader.select(&plan, &rows).map_err(failed)?;
        let times = reader.times(&rows).map_err(failed)?;
        let places: Vec<Option<usize>> = times.iter().map(|time| query.bucket_of(*time)).collect();
        for place in &places {
            add(&mut counts, *place, 1);
        }
        if let Some(by) = &query.by {
            let texts = reader.field(by, &rows).map_err(failed)?;
            by_value.add(&texts, &places);
        }
    }
    let breakdown = query
        .by
        .is_some()
        .then(|| by_value.finish(query.series, &counts));
    Ok(Histogram {
        from: query.from,
        bucket: query.bucket,
        counts,
        breakdown,
    })
}

fn add(counts: &mut [u64], place: Option<usize>, rows: u64) {
    if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
        *count += rows;
    }
}

/// Counts by value, and of it by bucket.
#[derive(Default)]
struct ByValue {
    values: HashMap<String, HashMap<usize, u64>>,
    absent: HashMap<usize, u64>,
}

impl ByValue {
    fn add(&mut self, texts: &Texts, places: &[Option<usize>]) {
        for (code, place) in texts.codes.iter().zip(places) {
            let Some(place) = place else { continue };
            let counts = match texts.values.get(*code) {
                None => &mut self.absent,
                Some(value) => self
                    .values
                    .entry(String::from_utf8_lossy(value).into_owned())
                    .or_default(),
            };
            *counts.entry(*place).or_default() += 1;
        }
        debug_assert!(texts.values.get(ABSENT).is_none());
    }

    fn finish(self, most: usize, counts: &[u64]) -> Breakdown {
        let dense = |sparse: &HashMap<usize, u64>| {
            let mut dense = vec![0; counts.len()];
            for (place, count) in sparse {
                add(&mut dense, Some(*place), *count);
            }
            dense
        };
        let mut all: Vec<Series> = self
            .values
            .iter()
            .map(|(value, counts)| Series {
                value: value.clone(),
                counts: dense(counts),
            })
            .collect();
        all.sort_by_key(|series| {
            let events: u64 = series.counts.iter().sum();
            (std::cmp::Reverse(events), series.value.clone())
        });
        let mut other = vec![0; counts.len()];
        for series in all.iter().skip(most) {
            for (sum, count) in other.iter_mut().zip(&series.counts) {
                *sum += count;
            }
        }
        all.truncate(most);
        Breakdown {
            series: all,
            other,
            absent: dense(&self.absent),
        }
    }
}
