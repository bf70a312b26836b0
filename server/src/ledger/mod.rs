//! The outcome ledger: what became of the events of every agent, by application, host, and the agent's type and
//! version.
//!
//! This project's agents count themselves, and tell their totals with each heartbeat; what is new in them is added.
//! For others the server counts what came. What is added is kept by the hour, too.

mod counts;
mod file;
mod hours;
mod rows;
mod source;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sqreen::protocol::{Outcomes, Timestamp};

pub(crate) use self::counts::total;
use self::hours::Hours;
pub(crate) use self::hours::{HOUR, ToldWithin};
use self::rows::{Row, Rows};
pub(crate) use self::source::{CountedBy, Source};
use crate::files;
use crate::server::{Shared, blocking};
use crate::sessions::Agent;

/// How often it is written, if anything changed. A crash of the server loses what the server has counted since; totals
/// of agents come again with the next heartbeat.
const WRITE_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    books: Mutex<Books>,
    /// Held while the file is written, so that an older state never replaces a newer one.
    writing: Mutex<()>,
}

#[derive(Debug)]
struct Books {
    rows: Rows,
    hours: Hours,
    /// Whether the file is older.
    changed: bool,
    /// Another server may have the file.
    closed: bool,
}

/// The sums of one source.
#[derive(Debug)]
pub(crate) struct LedgerRow {
    pub(crate) source: Source,
    pub(crate) instances: u64,
    /// Counts of all time.
    pub(crate) sum: Outcomes,
    /// When the source was last heard, in microseconds since the Unix epoch, if that is known.
    pub(crate) heard: Option<i64>,
}

impl Ledger {
    /// Reads the file.
    ///
    /// # Errors
    ///
    /// If it is there, and cannot be read.
    pub(crate) fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join("outcomes.json");
        let (rows, hours) = file::read(&path, Timestamp::now().as_micros())?;
        Ok(Self {
            path,
            books: Mutex::new(Books {
                rows,
                hours,
                changed: false,
                closed: false,
            }),
            writing: Mutex::default(),
        })
    }

    /// Takes the totals of an agent in.
    pub(crate) fn take(&self, agent: &Agent, totals: Outcomes) {
        let source = Source::of(agent, CountedBy::Agent);
        let now = Timestamp::now().as_micros();
        let mut books = self.lock();
        books.changed = true;
        let news = books.rows.take(&source, totals, now);
        books.hours.take(&source.app, &news, now);
    }

    /// Counts what the server found of a body of an agent that tells no counts.
    pub(crate) fn count(&self, agent: &Agent, mut found: Outcomes) {
        if found == Outcomes::default() {
            return;
        }
        let source = Source::of(agent, CountedBy::Server);
        let now = Timestamp::now().as_micros();
        let mut books = self.lock();
        books.changed = true;
        books.rows.count(&source, &mut found, now);
        books.hours.take(&source.app, &found, now);
    }

    /// All rows, by application, host, agent and version.
    pub(crate) fn rows(&self) -> Vec<LedgerRow> {
        let books = self.lock();
        let rows = books.rows.by_source.iter();
        rows.map(|(source, row)| LedgerRow::new(source, row))
            .collect()
    }

    /// How many events of these applications, or of all, wait for an answer; `None` where nothing is counted.
    pub(crate) fn pending(&self, apps: Option<&[String]>) -> Option<u64> {
        let books = self.lock();
        let rows = books.rows.by_source.iter();
        let of = |app: &String| apps.is_none_or(|apps| apps.contains(app));
        let pending = rows.filter(|(source, _)| of(&source.app));
        pending
            .map(|(_, row)| row.pending())
            .reduce(u64::saturating_add)
    }

    /// What was told of the events of these applications, or of all, within the hours that the range has a part of; it
    /// is in microseconds since the Unix epoch, without its end.
    pub(crate) fn within(&self, apps: Option<&[String]>, range: (i64, i64)) -> ToldWithin {
        self.lock().hours.within(apps, range)
    }

    /// Writes the file if anything changed. Blocks.
    ///
    /// # Errors
    ///
    /// If it cannot be written; the next call tries again.
    fn write(&self) -> io::Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut books = self.lock();
        if books.closed || !books.changed {
            return Ok(());
        }
        let file = file::of(&books.rows, &books.hours);
        books.changed = false;
        drop(books);
        files::write_json(&self.path, &file).inspect_err(|_| self.lock().changed = true)
    }

    /// Writes the file for the last time. Blocks.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub(crate) fn close(&self) -> io::Result<()> {
        let written = self.write();
        self.lock().closed = true;
        written
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes the ledger every few seconds, for as long as the server lives.
pub(crate) async fn keep(server: Weak<Shared>) {
    loop {
        tokio::time::sleep(WRITE_EVERY).await;
        let Some(shared) = server.upgrade() else {
            return;
        };
        match blocking(move || shared.ledger.write()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "outcome ledger not written"),
            Err(_) => return,
        }
    }
}

impl LedgerRow {
    fn new(source: &Source, row: &Row) -> Self {
        Self {
            source: source.clone(),
            instances: row.instances,
            sum: Outcomes {
                pending: row.pending(),
                ..row.sum.clone()
            },
            heard: Some(row.heard).filter(|heard| *heard > 0),
        }
    }
}

/// What the server found of a body, as the outcome of its events.
pub(crate) fn found(accepted: u64, duplicate: u64, rejected: BTreeMap<String, u64>) -> Outcomes {
    let rejected_in_all = total(&rejected);
    Outcomes {
        tracked: accepted
            .saturating_add(duplicate)
            .saturating_add(rejected_in_all),
        accepted,
        duplicate,
        rejected,
        ..Outcomes::default()
    }
}

#[cfg(test)]
mod tests;
