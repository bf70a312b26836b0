//! Events by the values of a field.

use std::collections::{HashMap, HashSet};

use super::{Scan, ScanError, parts};
use crate::store::embedded::filter::Plan;
use crate::store::embedded::view::View;
use crate::store::filter::{Dimension, Field, JsonField};
use crate::store::query::{Distinct, Group, GroupQuery, Groups};

#[derive(Default)]
struct Sums {
    events: u64,
    ips: HashSet<Vec<u8>>,
    users: HashSet<Vec<u8>>,
    first: Option<i64>,
    last: Option<i64>,
}

fn exactly(count: usize) -> Distinct {
    Distinct {
        count: count as u64,
        exact: true,
    }
}

/// Answers the most frequent values. The query is valid.
pub(in crate::store::embedded) fn groups(
    view: &View,
    query: &GroupQuery,
) -> Result<Groups, ScanError> {
    let plan = Plan::new(&query.filter);
    let (mut events, mut absent) = (0, 0);
    let mut sums: HashMap<String, Sums> = HashMap::new();
    let looking = Scan::new(&plan, query.range);
    for part in parts(view, query.range) {
        let failed = |error| part.failed(error);
        let reader = part.open()?;
        let rows = looking.candidates(&part, &reader, None)?;
        let rows = reader.select(&plan, &rows).map_err(failed)?;
        let texts = reader.field(&query.by, &rows).map_err(failed)?;
        let ips = reader
            .field(&Field::Dimension(Dimension::Ip), &rows)
            .map_err(failed)?;
        let users = reader
            .field(&Field::Json(JsonField::User, Vec::new()), &rows)
            .map_err(failed)?;
        let times = reader.times(&rows).map_err(failed)?;
        for (at, time) in times.into_iter().enumerate() {
            events += 1;
            let value = texts.codes.get(at).and_then(|code| texts.values.get(*code));
            let Some(value) = value else {
                absent += 1;
                continue;
            };
            let sums = sums
                .entry(String::from_utf8_lossy(value).into_owned())
                .or_default();
            sums.events += 1;
            sums.first = Some(sums.first.map_or(time, |first| first.min(time)));
            sums.last = Some(sums.last.map_or(time, |last| last.max(time)));
            if let Some(ip) = ips.codes.get(at).and_then(|code| ips.values.get(*code)) {
                sums.ips.insert(ip.to_vec());
            }
            if let Some(user) = users.codes.get(at).and_then(|code| users.values.get(*code)) {
                sums.users.insert(user.to_vec());
            }
        }
    }
    let values = exactly(sums.len());
    let mut rows: Vec<Group> = sums
        .into_iter()
        .map(|(value, sums)| Group {
            value,
            events: sums.events,
            ips: exactly(sums.ips.len()),
            users: exactly(sums.users.len()),
            first: sums.first.unwrap_or_default(),
            last: sums.last.unwrap_or_default(),
        })
        .collect();
    rows.sort_by(|a, b| b.events.cmp(&a.events).then_with(|| a.value.cmp(&b.value)));
    rows.truncate(query.limit);
    Ok(Groups {
        rows,
        values,
        events,
        absent,
    })
}
