//! The newest events, handed out one by one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Part, Scan, ScanError, parts, rows_of};
use crate::store::embedded::filter::Plan;
use crate::store::embedded::recent::Recent;
use crate::store::embedded::view::View;
use crate::store::event::StoredEvent;
use crate::store::query::{Cursor, EventQuery, ScanMonitor, Searched, Step};

/// Rows that are filtered at once: between two of them, a search tells of its progress and may be cancelled.
const BLOCK_ROWS: usize = 8_192;

/// What a search did so far: enough to go on without a segment that proves damaged.
#[derive(Debug)]
pub(in crate::store::embedded) struct Search<'a> {
    query: &'a EventQuery,
    monitor: &'a ScanMonitor,
    /// Where to go on.
    after: Option<Cursor>,
    /// How many events are still to be handed out.
    left: usize,
}

impl<'a> Search<'a> {
    pub(in crate::store::embedded) fn new(query: &'a EventQuery, monitor: &'a ScanMonitor) -> Self {
        Self {
            query,
            monitor,
            after: query.cursor,
            left: query.limit,
        }
    }
}

/// A row that was found: ordered by time, then by id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hit {
    place: Cursor,
    part: usize,
    row: u32,
}

/// The newest rows that were found and not handed out yet, the oldest first.
struct Newest {
    most: usize,
    hits: BTreeSet<Hit>,
}

impl Newest {
    fn offer(&mut self, hit: Hit) {
        if self.hits.len() < self.most {
            self.hits.insert(hit);
        } else if self.hits.first().is_some_and(|oldest| *oldest < hit) {
            self.hits.pop_first();
            self.hits.insert(hit);
        }
    }

    /// Says whether rows no newer than `time` cannot be among the newest any more.
    fn outdoes(&self, time: i64) -> bool {
        self.hits.len() >= self.most
            && self
                .hits
                .first()
                .is_some_and(|oldest| oldest.place.time > time)
    }

    /// Takes out the newest rows, as long as they are newer than `time`, up to `most`.
    fn take_certain(&mut self, time: Option<i64>, most: usize) -> Vec<Hit> {
        let mut certain = Vec::new();
        while certain.len() < most
            && let Some(newest) = self.hits.last()
            && time.is_none_or(|time| newest.place.time > time)
        {
            certain.extend(self.hits.pop_last());
        }
        certain
    }
}

/// Runs or goes on with a search. The query is valid.
pub(in crate::store::embedded) fn search(
    view: &View,
    search: &mut Search<'_>,
    sink: &mut dyn FnMut(Step),
    recent: &Recent,
) -> Result<Searched, ScanError> {
    let (query, monitor) = (search.query, search.monitor);
    let mut parts = parts(view, query.range);
    if let Some(after) = search.after {
        parts.retain(|part| part.min_time <= after.time);
    }
    monitor.begin(rows_of(&parts));
    // One more tells whether there is another page.
    let plan = Plan::new(&query.filter);
    let looking = Scan::remembering(&plan, query.range, &query.filter, recent);
    let mut newest = Newest {
        most: search.left + 1,
        hits: BTreeSet::new(),
    };
    for (at, part) in parts.iter().enumerate() {
        let only_whether_more = search.left == 0 && !newest.hits.is_empty();
        if only_whether_more || newest.outdoes(part.max_time) {
            break;
        }
        if !scan(at, part, &looking, search, &mut newest, sink)? {
            return Ok(Searched {
                next: search.after,
                cancelled: true,
            });
        }
        let next = parts.get(at + 1).map(|next| next.max_time);
        let certain = newest.take_certain(next, search.left);
        newest.most -= certain.len();
        hand_out(&parts, &certain, search, sink)?;
    }
    let certain = newest.take_certain(None, search.left);
    hand_out(&parts, &certain, search, sink)?;
    Ok(Searched {
        next: search.after.filter(|_| !newest.hits.is_empty()),
        cancelled: false,
    })
}

/// Offers the rows of a part, in blocks, the newest first. Returns whether it came to the end.
fn scan(
    at: usize,
    part: &Part<'_>,
    looking: &Scan<'_>,
    search: &Search<'_>,
    newest: &mut Newest,
    sink: &mut dyn FnMut(Step),
) -> Result<bool, ScanError> {
    let monitor = search.monitor;
    let reader = part.open()?;
    let failed = |error| part.failed(error);
    let taken = looking.taken(part);
    let rows = match &taken {
        Some(taken) => reader
            .among(taken.to_vec(), looking.range, search.after)
            .map_err(failed)?,
        None => looking.candidates(part, &reader, search.after)?,
    };
    monitor.advance((part.rows - rows.len()) as u64);
    let mut found = 0;
    for block in rows.rchunks(BLOCK_ROWS) {
        if monitor.is_cancelled() {
            return Ok(false);
        }
        // Rows of a segment are sorted: earlier blocks have nothing newer.
        if reader.is_sorted() && found >= newest.most {
            monitor.advance(block.len() as u64);
            continue;
        }
        let picked = match taken {
            Some(_) => block.to_vec(),
            None => reader.select(looking.plan, block).map_err(failed)?,
        };
        let picked = match reader.is_sorted() {
            true => picked
                .get(picked.len().saturating_sub(newest.most)..)
                .unwrap_or_default(),
            false => &picked,
        };
        found += picked.len();
        let times = reader.times(picked).map_err(failed)?;
        let ids = reader.ids(picked).map_err(failed)?;
        for ((row, time), id) in picked.iter().zip(times).zip(ids) {
            newest.offer(Hit {
                place: Cursor { time, id },
                part: at,
                row: *row,
            });
        }
        monitor.advance(block.len() as u64);
        sink(Step::Progress);
    }
    Ok(true)
}

/// Reads the rows, and hands out their events in the order given.
fn hand_out(
    parts: &[Part<'_>],
    hits: &[Hit],
    search: &mut Search<'_>,
    sink: &mut dyn FnMut(Step),
) -> Result<(), ScanError> {
    // By part and row, so that each part is read once and in its own order.
    let mut places: BTreeMap<usize, BTreeSet<u32>> = BTreeMap::new();
    for hit in hits {
        places.entry(hit.part).or_default().insert(hit.row);
    }
    let mut events: BTreeMap<(usize, u32), StoredEvent> = BTreeMap::new();
    for (at, rows) in places {
        let Some(part) = parts.get(at) else { continue };
        let rows: Vec<u32> = rows.into_iter().collect();
        let read = part.open()?.events(&rows);
        let read = read.map_err(|error| part.failed(error))?;
        events.extend(rows.into_iter().map(|row| (at, row)).zip(read));
    }
    for hit in hits {
        if let Some(event) = events.remove(&(hit.part, hit.row)) {
            sink(Step::Event(Box::new(event)));
            search.after = Some(hit.place);
            search.left -= 1;
        }
    }
    Ok(())
}
