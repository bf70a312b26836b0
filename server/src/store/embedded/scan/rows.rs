//! Chosen fields of all rows that are meant, oldest first.
//!
//! The parts are opened by their earliest time, and of each only the columns that are asked for are read, in the rows
//! that are meant. Rows are handed out as long as no part that is still closed can hold an earlier one: so as many parts
//! are in memory as overlap in time.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::IpAddr;

use serde_json::Value;

use super::{Part, Scan, ScanError, parts};
use crate::store::embedded::filter::{Plan, meets_json};
use crate::store::embedded::json_path::value_at;
use crate::store::embedded::texts::Texts;
use crate::store::embedded::view::View;
use crate::store::error::StoreError;
use crate::store::event::{EventId, StoredEvent};
use crate::store::filter::{Check, Dimension, Field, Filter, JsonField};
use crate::store::query::{Cursor, ScanMonitor, TimeRange};
use crate::store::row::EventFields;

/// A scan, and how far it is: enough to go on without a segment that proves damaged.
pub(in crate::store::embedded) struct RowScan<'a> {
    pub(in crate::store::embedded) filter: &'a Filter,
    pub(in crate::store::embedded) range: TimeRange,
    pub(in crate::store::embedded) fields: &'a [Field],
    pub(in crate::store::embedded) monitor: &'a ScanMonitor,
    /// The row that was handed out last.
    pub(in crate::store::embedded) last: Option<Cursor>,
}

/// The rows of a part that are meant, in order, and which of them comes next.
struct Block<'a> {
    fields: &'a [Field],
    /// The values of each field, for `places`.
    texts: Vec<Texts>,
    /// The rows by time and id, each with its place among the texts.
    rows: Vec<(Cursor, u32)>,
    at: usize,
}

impl Block<'_> {
    fn next(&self) -> Option<Cursor> {
        self.rows.get(self.at).map(|(cursor, _)| *cursor)
    }
}

impl PartialEq for Block<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.next() == other.next()
    }
}

impl Eq for Block<'_> {}

impl PartialOrd for Block<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Block<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.next().cmp(&other.next())
    }
}

/// Runs or goes on with a scan; says whether it came to its end, or was cancelled.
pub(in crate::store::embedded) fn rows(
    view: &View,
    scan: &mut RowScan<'_>,
    sink: &mut dyn FnMut(&dyn EventFields),
) -> Result<bool, ScanError> {
    let plan = Plan::new(scan.filter);
    let looking = Scan::new(&plan, scan.range);
    let mut parts = parts(view, scan.range);
    parts.sort_by_key(|part| part.min_time);
    scan.monitor
        .begin(parts.iter().map(|part| part.rows as u64).sum());
    let mut closed = parts.iter().peekable();
    let mut open: BinaryHeap<Reverse<Block<'_>>> = BinaryHeap::new();
    loop {
        while let Some(part) = closed.next_if(|part| {
            let head = open.peek().and_then(|head| head.0.next());
            head.is_none_or(|head| part.min_time <= head.time)
        }) {
            if scan.monitor.is_cancelled() {
                return Ok(false);
            }
            let block = read(part, &looking, scan)?;
            open.extend(block.next().map(|_| Reverse(block)));
            scan.monitor.advance(part.rows as u64);
        }
        let Some(Reverse(mut block)) = open.pop() else {
            return Ok(true);
        };
        let other = open.peek().and_then(|head| head.0.next());
        let until = closed.peek().map(|part| part.min_time);
        while let Some((cursor, place)) = block.rows.get(block.at)
            && other.is_none_or(|other| *cursor <= other)
            && until.is_none_or(|until| cursor.time < until)
        {
            sink(&RowFields {
                block: &block,
                cursor: *cursor,
                place: *place,
            });
            scan.last = Some(*cursor);
            block.at += 1;
        }
        open.extend(block.next().map(|_| Reverse(block)));
    }
}

/// Reads the rows of a part that are meant and were not handed out yet.
fn read<'a>(
    part: &Part<'_>,
    looking: &Scan<'_>,
    scan: &RowScan<'a>,
) -> Result<Block<'a>, ScanError> {
    let failed = |error| part.failed(error);
    let reader = part.open()?;
    let rows = looking.candidates(part, &reader, None)?;
    let picked = reader.select(looking.plan, &rows).map_err(failed)?;
    let times = reader.times(&picked).map_err(failed)?;
    let ids = reader.ids(&picked).map_err(failed)?;
    let cursors = times.into_iter().zip(ids);
    let mut rows: Vec<_> = cursors
        .zip(0..)
        .map(|((time, id), place)| (Cursor { time, id }, place))
        .filter(|(cursor, _)| scan.last.is_none_or(|last| *cursor > last))
        .collect();
    rows.sort_unstable();
    let texts = |field: &Field| match field {
        // Of several headers of one name, any may be meant.
        Field::Json(JsonField::Headers, _) => {
            reader.field(&Field::Json(JsonField::Headers, Vec::new()), &picked)
        }
        field => reader.field(field, &picked),
    };
    let texts: Result<Vec<Texts>, _> = scan.fields.iter().map(texts).collect();
    Ok(Block {
        fields: scan.fields,
        texts: texts.map_err(failed)?,
        rows,
        at: 0,
    })
}

/// One row, of which some fields were read.
struct RowFields<'a> {
    block: &'a Block<'a>,
    cursor: Cursor,
    place: u32,
}

impl<'a> RowFields<'a> {
    fn value(&self, is_it: impl Fn(&Field) -> bool) -> Option<&'a [u8]> {
        let at = self.block.fields.iter().position(is_it)?;
        let texts = self.block.texts.get(at)?;
        texts.values.get(*texts.codes.get(self.place as usize)?)
    }

    fn dimension(&self, dimension: Dimension) -> Option<&'a str> {
        let value = self.value(|field| *field == Field::Dimension(dimension))?;
        std::str::from_utf8(value).ok()
    }

    /// The JSON of a value, which was read by itself, or within its field.
    fn value_json(&self, field: JsonField, path: &[String]) -> Option<&'a [u8]> {
        let is_headers = field == JsonField::Headers;
        let is = |read: &Field, wanted: &[String]| matches!(read, Field::Json(of, names) if *of == field && (is_headers || names == wanted));
        if !is_headers && let Some(value) = self.value(|read| is(read, path)) {
            return Some(value);
        }
        value_at(field, path, self.value(|read| is(read, &[]))?)
    }
}

impl EventFields for RowFields<'_> {
    fn id(&self) -> EventId {
        self.cursor.id
    }

    fn time(&self) -> i64 {
        self.cursor.time
    }

    fn received(&self) -> i64 {
        self.cursor.time
    }

    fn ip(&self) -> Option<IpAddr> {
        self.dimension(Dimension::Ip)?.parse().ok()
    }

    fn status(&self) -> Option<u16> {
        self.dimension(Dimension::Status)?.parse().ok()
    }

    fn asn(&self) -> Option<u32> {
        self.dimension(Dimension::Asn)?.parse().ok()
    }

    fn text(&self, dimension: Dimension) -> Option<Cow<'_, str>> {
        self.dimension(dimension).map(Cow::Borrowed)
    }

    fn json(&self, field: JsonField) -> Option<Cow<'_, [u8]>> {
        self.value_json(field, &[]).map(Cow::Borrowed)
    }

    fn json_value(&self, field: JsonField, path: &[String]) -> Option<Value> {
        serde_json::from_slice(self.value_json(field, path)?).ok()
    }

    fn meets(&self, field: JsonField, path: &[String], check: &Check) -> bool {
        let within = match field {
            JsonField::Headers => &[],
            _ => path,
        };
        let value = self.value_json(field, within);
        value.is_some_and(|json| meets_json(check, field, path, json))
    }

    fn event(&self) -> Result<StoredEvent, StoreError> {
        let text = format!("event {} was read in part alone", self.cursor.id);
        Err(StoreError::Internal(text))
    }
}
