//! Rows in memory: the bytes that the journal holds, and beside them what filters ask for.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::row::{self, Field, NotARow, Row};
use crate::store::error::StoreError;
use crate::store::event::{EventId, StoredEvent};

/// Batches grow to this many rows by merging, so that a reader of the hot part meets few of them.
const MERGED_ROWS: usize = 4096;

/// Batches grow to this many bytes by merging.
const MERGED_BYTES: usize = 4 << 20;

/// Bytes of the length before each row.
const LENGTH: usize = size_of::<u32>();

/// One row: its keys, and where its bytes lie.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct HotRow {
    pub(super) time: i64,
    pub(super) id: EventId,
    pub(super) ip: Option<IpAddr>,
    app: u32,
    name: u32,
    start: u32,
    end: u32,
}

/// Rows that arrived together, or were merged; never changed once made.
#[derive(Clone, Debug)]
pub(in crate::store) struct HotBatch {
    /// The rows, each with its length before it: the raw content of a journal frame.
    bytes: Bytes,
    rows: Vec<HotRow>,
    /// The applications and names, each once.
    symbols: Vec<Arc<str>>,
    min_time: i64,
    max_time: i64,
}

impl HotBatch {
    pub(super) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(in crate::store) fn rows(&self) -> &[HotRow] {
        &self.rows
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The earliest and the latest time, both inclusive.
    pub(super) fn times(&self) -> (i64, i64) {
        (self.min_time, self.max_time)
    }

    /// The row, taken apart.
    pub(super) fn row(&self, row: &HotRow) -> Result<Row<'_>, NotARow> {
        Row::read(self.row_bytes(row))
    }

    fn row_bytes(&self, row: &HotRow) -> &[u8] {
        self.bytes
            .get(row.start as usize..row.end as usize)
            .unwrap_or_default()
    }

    /// The memory that the batch takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.bytes.len() + std::mem::size_of_val(self.rows.as_slice())
    }

    /// The whole event of a row.
    pub(super) fn event(&self, row: &HotRow) -> Result<StoredEvent, StoreError> {
        let read = self.row(row).and_then(|row| row.event());
        read.map_err(|error| {
            StoreError::Internal(format!("row {} cannot be read back: {error}", row.id))
        })
    }

    /// The application and the name of a row.
    pub(super) fn symbols(&self, row: &HotRow) -> (&str, &str) {
        let symbol = |at: u32| self.symbols.get(at as usize).map_or("", |symbol| &**symbol);
        (symbol(row.app), symbol(row.name))
    }
}

/// Puts rows together to a batch.
#[derive(Debug, Default)]
pub(in crate::store) struct BatchBuilder {
    bytes: Vec<u8>,
    rows: Vec<HotRow>,
    symbols: Vec<Arc<str>>,
    places: HashMap<Arc<str>, u32, foldhash::fast::RandomState>,
    /// Used again for each row.
    json: Vec<u8>,
}

impl BatchBuilder {
    /// One for this many rows and bytes.
    pub(super) fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            rows: Vec::with_capacity(rows),
            ..Self::default()
        }
    }

    /// The rows so far.
    pub(in crate::store) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The bytes so far.
    pub(in crate::store) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds an event. On an error the batch is as it was.
    pub(super) fn push_event(&mut self, event: &StoredEvent) -> Result<(), StoreError> {
        self.push_event_within(event, usize::MAX)
    }

    /// Adds an event, unless the batch would have more bytes than the limit. On an error the batch is as it was.
    pub(in crate::store) fn push_event_within(
        &mut self,
        event: &StoredEvent,
        limit: usize,
    ) -> Result<(), StoreError> {
        let before = self.bytes.len();
        let start = self.start_row();
        let encoded = row::encode(event, self.rows(), &mut self.bytes, &mut self.json);
        let bytes = self.bytes.len();
        let fits = match encoded {
            Ok(()) if bytes > limit => Err(StoreError::AppendTooLarge { bytes, limit }),
            encoded => encoded,
        };
        if let Err(error) = fits {
            self.bytes.truncate(before);
            return Err(error);
        }
        let (app, name) = (self.symbol(&event.app), self.symbol(&event.name));
        self.end_row(start, event.time, event.id, event.ip, app, name);
        Ok(())
    }

    /// Adds the rows of a journal's frame that `take` takes by their ids and when they were received; says whether all
    /// could be read.
    pub(super) fn push_frame(
        &mut self,
        raw: &[u8],
        mut take: impl FnMut(EventId, i64) -> bool,
    ) -> bool {
        let mut all_read = true;
        for row in split(raw) {
            all_read &= row.and_then(|row| self.push_row_if(row, &mut take)).is_ok();
        }
        all_read
    }

    fn push_row_if(
        &mut self,
        bytes: &[u8],
        take: impl FnOnce(EventId, i64) -> bool,
    ) -> Result<(), NotARow> {
        let row = Row::read(bytes)?;
        let app = row.text(Field::App)?.ok_or(NotARow)?;
        let name = row.text(Field::Name)?.ok_or(NotARow)?;
        if take(row.id, row.received) {
            let start = self.start_row();
            self.bytes.extend_from_slice(bytes);
            let (app, name) = (self.symbol(app), self.symbol(name));
            self.end_row(start, row.time, row.id, row.ip(), app, name);
        }
        Ok(())
    }

    /// Adds those rows of another batch whose places `keep` takes.
    pub(super) fn extend(&mut self, batch: &HotBatch, keep: impl Fn(usize) -> bool) {
        let symbols: Vec<u32> = batch
            .symbols
            .iter()
            .map(|symbol| self.symbol(symbol))
            .collect();
        let symbol = |at: u32| symbols.get(at as usize).copied().unwrap_or_default();
        for (_, row) in batch
            .rows
            .iter()
            .enumerate()
            .filter(|(place, _)| keep(*place))
        {
            let start = self.start_row();
            self.bytes.extend_from_slice(batch.row_bytes(row));
            self.end_row(
                start,
                row.time,
                row.id,
                row.ip,
                symbol(row.app),
                symbol(row.name),
            );
        }
    }

    pub(super) fn finish(self) -> HotBatch {
        let min_time = self
            .rows
            .iter()
            .map(|row| row.time)
            .min()
            .unwrap_or(i64::MAX);
        let max_time = self
            .rows
            .iter()
            .map(|row| row.time)
            .max()
            .unwrap_or(i64::MIN);
        HotBatch {
            bytes: self.bytes.into(),
            rows: self.rows,
            symbols: self.symbols,
            min_time,
            max_time,
        }
    }

    /// Leaves room for the row's length, and returns where the row starts.
    fn start_row(&mut self) -> usize {
        self.bytes.extend_from_slice(&[0; LENGTH]);
        self.bytes.len()
    }

    fn end_row(
        &mut self,
        start: usize,
        time: i64,
        id: EventId,
        ip: Option<IpAddr>,
        app: u32,
        name: u32,
    ) {
        // A batch is at most one journal frame, which is far below 4 GiB.
        let (start, end) = (start as u32, self.bytes.len() as u32);
        let length = (start as usize - LENGTH)..start as usize;
        if let Some(length) = self.bytes.get_mut(length) {
            length.copy_from_slice(&(end - start).to_le_bytes());
        }
        self.rows.push(HotRow {
            time,
            id,
            ip,
            app,
            name,
            start,
            end,
        });
    }

    fn symbol(&mut self, text: &str) -> u32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.symbols.len() as u32;
        let symbol: Arc<str> = text.into();
        self.symbols.push(Arc::clone(&symbol));
        self.places.insert(symbol, place);
        place
    }
}

/// The rows of a frame; the last one is an error if the frame does not end with it.
fn split(mut raw: &[u8]) -> impl Iterator<Item = Result<&[u8], NotARow>> {
    std::iter::from_fn(move || {
        if raw.is_empty() {
            return None;
        }
        let row = row::take(&mut raw).and_then(|length| {
            let length = u32::from_le_bytes(length) as usize;
            let (row, rest) = raw.split_at_checked(length).ok_or(NotARow)?;
            raw = rest;
            Ok(row)
        });
        if row.is_err() {
            raw = &[];
        }
        Some(row)
    })
}

/// Merges the batch with the newest of the list, as long as these are no larger: so the list stays short (it grows
/// with the logarithm of the rows until batches are full) and a row is copied a few times at most.
///
/// Returns how many of the list remain, and the batch to put behind them.
pub(super) fn merge(list: &[Arc<HotBatch>], batch: Arc<HotBatch>) -> (usize, Arc<HotBatch>) {
    let (mut remain, mut rows, mut bytes) = (list.len(), batch.rows.len(), batch.bytes.len());
    for last in list.iter().rev() {
        let fits =
            last.rows.len() + rows <= MERGED_ROWS && last.bytes.len() + bytes <= MERGED_BYTES;
        if last.rows.len() > rows || !fits {
            break;
        }
        remain -= 1;
        rows += last.rows.len();
        bytes += last.bytes.len();
    }
    let merged = list.get(remain..).unwrap_or_default();
    if merged.is_empty() {
        return (remain, batch);
    }
    let mut builder = BatchBuilder::with_capacity(rows, bytes);
    for part in merged {
        builder.extend(part, |_| true);
    }
    builder.extend(&batch, |_| true);
    (remain, Arc::new(builder.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(n: u32) -> HotBatch {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        let event = StoredEvent::new(
            EventId::from_bytes(id),
            i64::from(n),
            0,
            "shop",
            format!("event {}", n % 3),
        );
        let mut builder = BatchBuilder::default();
        builder.push_event(&event).unwrap();
        builder.finish()
    }

    #[test]
    fn merging_keeps_every_row_in_few_batches() {
        let mut list = Vec::new();
        for n in 0..10_000 {
            let (remain, batch) = merge(&list, Arc::new(one(n)));
            list.truncate(remain);
            list.push(batch);
        }
        assert!(list.len() <= 2 + 12, "{} batches", list.len());
        let names: Vec<String> = list
            .iter()
            .flat_map(|batch| {
                batch
                    .rows()
                    .iter()
                    .map(|row| batch.event(row).unwrap().name)
            })
            .collect();
        assert_eq!(names.len(), 10_000);
        assert!(
            names
                .iter()
                .enumerate()
                .all(|(n, name)| *name == format!("event {}", n % 3))
        );
        assert_eq!(list.first().map(|batch| batch.times()), Some((0, 4095)));
    }
}
