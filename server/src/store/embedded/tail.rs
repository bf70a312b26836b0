//! The end of the journal, and the commits behind it that the consumer has not taken yet.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::hot::HotBatch;
use crate::store::consume::Position;

/// The most bytes of commits that wait for the consumer. One that is further behind reads the journal.
const MAX_WAITING: usize = 16 << 20;

/// Rows that were made durable together.
#[derive(Debug)]
pub(super) struct Commit {
    /// Where their frame begins.
    pub(super) frame: u64,
    pub(super) batch: Arc<HotBatch>,
}

/// What the consumer is to do next.
#[derive(Debug)]
pub(super) enum Turn {
    /// Hand out rows; behind them it is here.
    Commit(Commit, Position),
    /// Read the journals to there; what follows will wait.
    Read(Position),
    /// Nothing came, and it is here; or it was woken.
    Idle(Option<Position>),
    /// There is nothing more to come, or another consumer.
    End,
}

#[derive(Debug)]
struct State {
    /// Where the next frame will be.
    end: Position,
    /// The number of the consumer that there is.
    consumer: Option<u64>,
    /// How many there have been.
    consumers: u64,
    commits: VecDeque<(Commit, Position)>,
    bytes: usize,
    /// Whether commits were left out behind those that wait.
    behind: bool,
    woken: bool,
    closed: bool,
}

/// Between the writer, which never waits here, and the consumer.
#[derive(Debug)]
pub(super) struct Tail {
    state: Mutex<State>,
    changed: Condvar,
}

impl Tail {
    pub(super) fn new(end: Position) -> Self {
        Self {
            state: Mutex::new(State {
                end,
                consumer: None,
                consumers: 0,
                commits: VecDeque::new(),
                bytes: 0,
                behind: false,
                woken: false,
                closed: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn end(&self) -> Position {
        self.lock().end
    }

    /// Says that the journal is durable to there, and what was written last, if it is for consumers.
    pub(super) fn advance(&self, end: Position, commit: Option<Commit>) {
        let mut state = self.lock();
        state.end = end;
        if state.consumer.is_none() {
            return;
        }
        if let Some(commit) = commit
            && !state.behind
        {
            let bytes = commit.batch.memory();
            if state.bytes + bytes > MAX_WAITING && state.bytes > 0 {
                state.behind = true;
            } else {
                state.bytes += bytes;
                state.commits.push_back((commit, end));
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// No more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Makes a new consumer the only one, which first is to read what there is. Returns its number.
    pub(super) fn join(&self) -> u64 {
        let mut state = self.lock();
        state.consumers += 1;
        state.consumer = Some(state.consumers);
        state.commits.clear();
        state.bytes = 0;
        state.behind = true;
        state.woken = false;
        self.changed.notify_all();
        state.consumers
    }

    pub(super) fn leave(&self, consumer: u64) {
        let mut state = self.lock();
        if state.consumer == Some(consumer) {
            state.consumer = None;
            state.commits.clear();
            state.bytes = 0;
        }
    }

    pub(super) fn is_current(&self, consumer: u64) -> bool {
        self.lock().consumer == Some(consumer)
    }

    /// Waits for what the consumer is to do next.
    pub(super) fn turn(&self, consumer: u64, timeout: Duration) -> Turn {
        let began = Instant::now();
        let mut state = self.lock();
        loop {
            if state.consumer != Some(consumer) {
                return Turn::End;
            }
            if std::mem::take(&mut state.woken) {
                return Turn::Idle(None);
            }
            if let Some((commit, behind)) = state.commits.pop_front() {
                state.bytes -= commit.batch.memory();
                return Turn::Commit(commit, behind);
            }
            if std::mem::take(&mut state.behind) {
                return Turn::Read(state.end);
            }
            if state.closed {
                return Turn::End;
            }
            let left = timeout.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Turn::Idle(Some(state.end));
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub(super) fn wake(&self) {
        self.lock().woken = true;
        self.changed.notify_all();
    }
}
