//! The bounded queue between the app and the flusher, and the ledger of what became of events.
//!
//! Both sit behind one mutex, so that the ledger's sums hold at every moment. What the app does
//! under it is a push of a few words and a few additions; nothing is formatted or awaited there,
//! and nothing allocated unless custom events give way. The flusher takes at most a batch at a
//! time, and sets those aside whose requests are in flight. It is woken, which costs a system
//! call, only when it dozes, a batch is full or an event is urgent: while events come, it looks by
//! itself.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use self::state::State;
use super::entry::Entry;
use super::ledger::{DropReason, Ledger};
use crate::event::Event;
use crate::limits::Mistakes;

mod state;

/// The most delivered events that are kept for new ones, about 150 KB.
const MAX_SPARES: usize = 512;

/// The bounds of the queue, in-flight batches included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

impl Bounds {
    /// Whether one more event of `size` is too much.
    const fn are_reached(self, events: usize, bytes: usize, size: usize) -> bool {
        events >= self.events || bytes.saturating_add(size) > self.bytes
    }
}

/// What one batch may hold, and which events go into it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
    pub(crate) response_wait: Duration,
}

#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    /// Events beyond which a push wakes the flusher.
    batch_size: AtomicUsize,
    state: Mutex<State>,
    /// Whether an event should go out at once, of which the flusher has been told.
    hurried: AtomicBool,
    pub(crate) wake: Notify,
    pub(crate) room: Notify,
}

/// Why an event was not taken.
#[derive(Debug)]
pub(crate) enum PushError {
    Full(Entry),
    Closed,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds, batch_size: usize) -> Self {
        Self {
            bounds,
            batch_size: batch_size.into(),
            state: Mutex::new(State::new(bounds)),
            hurried: AtomicBool::new(false),
            wake: Notify::new(),
            room: Notify::new(),
        }
    }

    pub(crate) fn set_batch_size(&self, batch_size: usize) {
        self.batch_size.store(batch_size, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two statements that can panic: there are none.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event, making room by dropping the newest events of lower rank.
    pub(crate) fn push(&self, entry: Entry, mistakes: Mistakes) {
        let mut state = self.lock();
        state.ledger.track(mistakes);
        if state.closed {
            return state.ledger.drop_events(DropReason::Closed, 1);
        }
        if state.is_full(self.bounds, entry.size) {
            return self.push_when_full(state, entry);
        }
        let wake = state.admit(entry, self.batch_size.load(Ordering::Relaxed));
        let spare = state.spares.pop();
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        if let Some(spare) = spare {
            spare.keep();
        }
    }

    /// Takes emptied events back.
    pub(crate) fn recycle(&self, mut events: Vec<Event>) {
        let mut state = self.lock();
        let room = MAX_SPARES - state.spares.len();
        state.spares.extend(events.drain(..events.len().min(room)));
        drop(state);
        // The rest is freed without the lock.
        drop(events);
    }

    #[cold]
    fn push_when_full(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        let victims = state.evict_for(self.bounds, entry.call, entry.size);
        let dropped = victims.len();
        let refused = if state.is_full(self.bounds, entry.size) {
            Some(entry)
        } else {
            state.admit(entry, usize::MAX);
            None
        };
        let dropped = dropped + usize::from(refused.is_some());
        state
            .ledger
            .drop_events(DropReason::QueueFull, dropped as u64);
        // What is given up is dropped without the lock.
        drop(state);
    }

    /// Takes an event if there is room; the caller waits for [`room`](Self::room) otherwise.
    pub(crate) fn try_push(&self, entry: Entry, mistakes: Mistakes) -> Result<(), PushError> {
        let mut state = self.lock();
        if state.closed {
            state.ledger.track(mistakes);
            state.ledger.drop_events(DropReason::Closed, 1);
            return Err(PushError::Closed);
        }
        // Alone in the queue, an event is taken whatever its size: it would wait for ever.
        if state.is_full(self.bounds, entry.size) && state.events > 0 {
            drop(state);
            return Err(PushError::Full(entry));
        }
        state.ledger.track(mistakes);
        let wake = state.admit(entry, self.batch_size.load(Ordering::Relaxed));
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Counts an event that is not taken at all.
    pub(crate) fn refuse(&self, reason: DropReason, mistakes: Mistakes) {
        let mut state = self.lock();
        state.ledger.track(mistakes);
        state.ledger.drop_events(reason, 1);
    }

    /// Counts corrections of calls that are no events.
    pub(crate) fn correct(&self, mistakes: Mistakes) {
        self.lock().ledger.correct(mistakes);
    }

    /// Says that an event is ready that should go out at once.
    pub(crate) fn hurry(&self) {
        // One call wakes the flusher; until it looks, the others cost no more than this.
        if !self.hurried.swap(true, Ordering::AcqRel) {
            self.wake.notify_one();
        }
    }

    /// Whether an event should go out at once.
    pub(crate) fn is_hurried(&self) -> bool {
        self.hurried.load(Ordering::Acquire)
    }

    /// Moves what is ready into `batch`, security events first.
    pub(crate) fn take(&self, now: Instant, cut: Cut, batch: &mut Vec<Entry>) {
        let mut state = self.lock();
        // Before it looks, so that whoever hurries from now on is not forgotten.
        let hurried = self.hurried.swap(false, Ordering::AcqRel);
        let all = state.take(now, cut, batch);
        if hurried && !all {
            self.hurried.store(true, Ordering::Release);
        }
    }

    /// When a batch is due for the events held; `None` when there are none.
    pub(crate) fn due(&self, cut: Cut, max_staleness: Duration, now: Instant) -> Option<Instant> {
        self.lock().due(cut, max_staleness, now)
    }

    /// Asks to be told of the next event; `false` when events are there already.
    pub(crate) fn doze(&self) -> bool {
        self.lock().doze()
    }

    /// Whether no event is held, batches under way included.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().events == 0
    }

    /// When the oldest event that is not in a batch was queued.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.lock().oldest()
    }

    /// Gives up the events that are too old.
    pub(crate) fn drop_expired(&self, expired: impl Fn(Instant) -> bool) {
        let gone = self.lock().expire(expired);
        if !gone.is_empty() {
            self.room.notify_waiters();
        }
    }

    /// Gives up all events that are not in a batch.
    pub(crate) fn drop_all(&self, reason: DropReason) {
        let gone = self.lock().drain(reason);
        // What is given up is dropped without the lock.
        drop(gone);
    }

    /// Refuses further events.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_waiters();
    }

    /// Gives the room of `events` back and books their outcome.
    pub(crate) fn settle(&self, events: usize, bytes: usize, book: impl FnOnce(&mut Ledger)) {
        let mut state = self.lock();
        state.release(events, bytes);
        book(&mut state.ledger);
        drop(state);
        self.room.notify_waiters();
    }

    /// The ledger, and the events and bytes held.
    pub(crate) fn snapshot(&self) -> (Ledger, usize, usize) {
        let state = self.lock();
        (state.ledger.clone(), state.events, state.bytes)
    }
}
