//! The appends that wait for the writer.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::hot::HotBatch;
use crate::store::error::StoreError;
use crate::store::event_store::Verdict;

/// The most bytes of appends that wait.
const MAX_WAITING: usize = 128 << 20;

/// Appends are taken together until they have this many bytes.
const GROUP_BYTES: usize = 4 << 20;

/// The answer to an append.
pub(super) type Reply = oneshot::Sender<Result<Vec<Verdict>, StoreError>>;

/// One append that waits.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) batch: Arc<HotBatch>,
    /// Whether the events are past ones, of which consumers are not to learn.
    pub(super) imported: bool,
    pub(super) reply: Reply,
}

/// A request to seal: answered with the number of the journal that goes on; those before it are to be sealed.
pub(super) type SealReply = std::sync::mpsc::Sender<Result<u64, StoreError>>;

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Work {
    Commit(Vec<Append>),
    Seal(SealReply),
    /// The sealer has time for more.
    SealerIsFree,
    Stop,
}

#[derive(Debug, Default)]
struct Waiting {
    appends: VecDeque<Append>,
    bytes: usize,
    seals: VecDeque<SealReply>,
    sealer_is_free: bool,
    closed: bool,
}

/// A queue bounded in bytes.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn push(&self, append: Append) -> Result<(), StoreError> {
        let mut waiting = self.lock();
        let bytes = append.batch.bytes().len();
        if waiting.closed {
            return Err(StoreError::Closed);
        }
        if waiting.bytes + bytes > MAX_WAITING {
            return Err(StoreError::Overloaded);
        }
        waiting.bytes += bytes;
        waiting.appends.push_back(append);
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn request_seal(&self, reply: SealReply) -> Result<(), StoreError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(StoreError::Closed);
        }
        waiting.seals.push_back(reply);
        self.changed.notify_one();
        Ok(())
    }

    /// Tells the writer that the sealer has time for more: rows that became enough meanwhile may be the last for long.
    pub(super) fn sealer_is_free(&self) {
        self.lock().sealer_is_free = true;
        self.changed.notify_one();
    }

    /// Lets nothing more in. What waits is still done.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Lets nothing more in, and drops what waits: its futures answer an error.
    pub(super) fn abandon(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.appends.clear();
        waiting.seals.clear();
    }

    /// Waits for work. Appends are grouped with their like: all imported, or none.
    pub(super) fn next(&self) -> Work {
        let mut waiting = self.lock();
        loop {
            if !waiting.appends.is_empty() {
                let mut group = Vec::new();
                let mut bytes = 0;
                let mut imported = None;
                while let Some(append) = waiting.appends.pop_front() {
                    let more = append.batch.bytes().len();
                    let other = imported.is_some_and(|imported| imported != append.imported);
                    if other || (bytes > 0 && bytes + more > GROUP_BYTES) {
                        waiting.appends.push_front(append);
                        break;
                    }
                    imported = Some(append.imported);
                    bytes += more;
                    waiting.bytes -= more;
                    group.push(append);
                }
                return Work::Commit(group);
            }
            if let Some(reply) = waiting.seals.pop_front() {
                return Work::Seal(reply);
            }
            if waiting.closed {
                return Work::Stop;
            }
            if std::mem::take(&mut waiting.sealer_is_free) {
                return Work::SealerIsFree;
            }
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}
