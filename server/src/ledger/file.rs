//! `outcomes.json`, where the ledger is kept.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::hours::{HourEntry, Hours};
use super::rows::{FormerRow, Row, Rows};
use super::source::Source;
use crate::files;

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    /// By application, then by host, as it was before versions were told apart. Read, and never written.
    #[serde(skip_serializing)]
    apps: BTreeMap<String, BTreeMap<String, FormerRow>>,
    rows: Vec<Entry>,
    /// Since when hours are kept, in microseconds since the Unix epoch.
    hours_since: Option<i64>,
    hours: Vec<HourEntry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    source: Source,
    row: Row,
}

pub(super) fn of(rows: &Rows, hours: &Hours) -> Content {
    let entries = rows.by_source.iter().map(|(source, row)| Entry {
        source: source.clone(),
        row: row.clone(),
    });
    let (since, hours) = hours.entries();
    Content {
        rows: entries.collect(),
        hours_since: Some(since),
        hours,
        ..Content::default()
    }
}

/// Reads the file. Hours are kept from now on where there are none yet.
pub(super) fn read(path: &Path, now: i64) -> io::Result<(Rows, Hours)> {
    let content: Content = files::read_json(path)?.unwrap_or_default();
    let former = content.apps.into_iter().flat_map(|(app, hosts)| {
        let hosts = hosts.into_iter();
        hosts.map(move |(host, row)| row.into_row(app.clone(), host))
    });
    let rows = content.rows.into_iter();
    let rows = rows.map(|Entry { source, row }| (source, row));
    let hours = Hours::new(content.hours_since.unwrap_or(now), content.hours);
    Ok((Rows::new(former.chain(rows).collect()), hours))
}
