//! The bounded queue between the app and the flusher, and the ledger of what became of events.
//!
//! Both sit behind one mutex, so that the ledger's sums hold at every moment. What the app does
//! under it is a push of a pointer and a few additions; nothing is formatted or awaited there, and
//! nothing allocated unless custom events give way. The flusher takes at most a batch at a time,
//! and sets those aside whose requests are in flight.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::ledger::{DropReason, Ledger};
use crate::context::RequestContext;
use crate::event::Event;
use crate::limits::Mistakes;
use crate::user::{Traits, UserIdentifiers};

/// Who a request was identified as.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) user: UserIdentifiers,
    pub(crate) traits: Traits,
}

/// Which SDK call an entry came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Track,
    Auth,
    Signup,
}

impl Call {
    /// Custom events give way to the others when memory is short.
    const fn is_security(self) -> bool {
        !matches!(self, Self::Track)
    }
}

/// An event on its way to the backend.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) call: Call,
    pub(crate) event: Event,
    pub(crate) context: Option<Arc<RequestContext>>,
    /// Who the request was identified as when the event was tracked.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) queued: Instant,
    pub(crate) size: usize,
}

/// An entry as it is handed around: moving it under the queue's lock is moving a pointer.
pub(crate) type Queued = Box<Entry>;

impl Entry {
    /// Whether its request is answered or abandoned, or was waited for long enough.
    fn is_ready(&self, now: Instant, response_wait: Duration) -> bool {
        let in_flight = self.context.as_ref().is_some_and(|c| c.is_in_flight());
        !in_flight || now.saturating_duration_since(self.queued) >= response_wait
    }
}

/// The bounds of the queue, in-flight batches included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
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
    pub(crate) wake: Notify,
    pub(crate) room: Notify,
}

#[derive(Debug)]
struct State {
    security: VecDeque<Queued>,
    custom: VecDeque<Queued>,
    /// Events whose request was in flight when their turn came.
    waiting: VecDeque<Queued>,
    /// Events and bytes held, those of batches under way included.
    events: usize,
    bytes: usize,
    closed: bool,
    ledger: Ledger,
}

#[derive(Clone, Copy, Debug)]
enum Lane {
    Security,
    Custom,
    Waiting,
}

/// Why an event was not taken.
#[derive(Debug)]
pub(crate) enum PushError {
    Full(Box<Entry>),
    Closed,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds, batch_size: usize) -> Self {
        Self {
            bounds,
            batch_size: batch_size.into(),
            state: Mutex::new(State {
                security: VecDeque::with_capacity(64),
                custom: VecDeque::with_capacity(bounds.events.min(8_192)),
                waiting: VecDeque::new(),
                events: 0,
                bytes: 0,
                closed: false,
                ledger: Ledger::default(),
            }),
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

    /// Takes an event, making room by dropping the newest custom events for a security event.
    pub(crate) fn push(&self, entry: Box<Entry>, mistakes: Mistakes) {
        let fits_ever = entry.size <= self.bounds.bytes;
        let mut evicted = Vec::new();
        let mut state = self.lock();
        state.ledger.track(mistakes);
        if state.closed {
            state.ledger.drop_events(DropReason::Closed, 1);
            return;
        }
        if entry.call.is_security() && fits_ever {
            while state.is_full(self.bounds, entry.size)
                && let Some(victim) = state.newest_custom()
            {
                state.release(1, victim.size);
                state.ledger.drop_events(DropReason::QueueFull, 1);
                evicted.push(victim);
            }
        }
        if state.is_full(self.bounds, entry.size) {
            state.ledger.drop_events(DropReason::QueueFull, 1);
            drop(state);
            drop(entry);
            return;
        }
        let wake = state.admit(entry, self.batch_size.load(Ordering::Relaxed));
        drop(state);
        if wake {
            self.wake.notify_one();
        }
    }

    /// Takes an event if there is room; the caller waits for [`room`](Self::room) otherwise.
    pub(crate) fn try_push(&self, entry: Box<Entry>, mistakes: Mistakes) -> Result<(), PushError> {
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

    /// Moves what is ready into `batch`, security events first.
    pub(crate) fn take(&self, now: Instant, cut: Cut, batch: &mut Vec<Queued>) {
        let mut state = self.lock();
        let mut bytes = 0;
        let mut fill = |entry: &Entry, batch: &Vec<_>| {
            let fits =
                batch.len() < cut.events && (batch.is_empty() || bytes + entry.size <= cut.bytes);
            if fits {
                bytes += entry.size;
            }
            fits
        };
        for _ in 0..state.waiting.len().min(cut.events) {
            let Some(entry) = state.waiting.pop_front() else {
                break;
            };
            if entry.is_ready(now, cut.response_wait) && fill(&entry, batch) {
                batch.push(entry);
            } else {
                state.waiting.push_back(entry);
            }
        }
        for lane in [Lane::Security, Lane::Custom] {
            while let Some(entry) = state.lane(lane).pop_front() {
                if !entry.is_ready(now, cut.response_wait) {
                    state.waiting.push_back(entry);
                } else if fill(&entry, batch) {
                    batch.push(entry);
                } else {
                    state.lane(lane).push_front(entry);
                    break;
                }
            }
        }
    }

    /// When a batch is due for the events held; `None` when there are none.
    pub(crate) fn due(&self, cut: Cut, max_staleness: Duration, now: Instant) -> Option<Instant> {
        let state = self.lock();
        let queued = state.security.len() + state.custom.len();
        if queued >= cut.events {
            return Some(now);
        }
        let fronts = [state.security.front(), state.custom.front()];
        let oldest = fronts.into_iter().flatten().map(|entry| entry.queued).min();
        let waiting = (!state.waiting.is_empty()).then_some(now + max_staleness);
        oldest
            .map(|t| t + max_staleness)
            .into_iter()
            .chain(waiting)
            .min()
    }

    /// Whether no event is held, batches under way included.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().events == 0
    }

    /// Whether events wait for the end of their request.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// When the oldest event that is not in a batch was queued.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let state = self.lock();
        let lanes = [&state.security, &state.custom, &state.waiting];
        let fronts = lanes.into_iter().filter_map(VecDeque::front);
        fronts.map(|entry| entry.queued).min()
    }

    /// Gives up the events that are too old.
    pub(crate) fn drop_expired(&self, expired: impl Fn(Instant) -> bool) {
        let mut gone = Vec::new();
        let mut state = self.lock();
        for lane in [Lane::Security, Lane::Custom, Lane::Waiting] {
            while let Some(entry) = state.lane(lane).pop_front_if(|entry| expired(entry.queued)) {
                gone.push(entry);
            }
        }
        state.give_up(&gone, DropReason::Expired);
        drop(state);
        if !gone.is_empty() {
            self.room.notify_waiters();
        }
    }

    /// Gives up all events that are not in a batch.
    pub(crate) fn drop_all(&self, reason: DropReason) {
        let mut gone = Vec::new();
        let mut state = self.lock();
        for lane in [Lane::Security, Lane::Custom, Lane::Waiting] {
            gone.extend(state.lane(lane).drain(..));
        }
        state.give_up(&gone, reason);
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

impl State {
    const fn is_full(&self, bounds: Bounds, size: usize) -> bool {
        self.events >= bounds.events || self.bytes + size > bounds.bytes
    }

    const fn lane(&mut self, lane: Lane) -> &mut VecDeque<Queued> {
        match lane {
            Lane::Security => &mut self.security,
            Lane::Custom => &mut self.custom,
            Lane::Waiting => &mut self.waiting,
        }
    }

    fn give_up(&mut self, gone: &[Box<Entry>], reason: DropReason) {
        self.release(gone.len(), gone.iter().map(|entry| entry.size).sum());
        self.ledger.drop_events(reason, gone.len() as u64);
    }

    /// Whether the flusher must be told: its first event, or a full batch.
    fn admit(&mut self, entry: Box<Entry>, batch_size: usize) -> bool {
        self.events += 1;
        self.bytes += entry.size;
        let lane = if entry.call.is_security() {
            Lane::Security
        } else {
            Lane::Custom
        };
        self.lane(lane).push_back(entry);
        let queued = self.security.len() + self.custom.len();
        queued == 1 || queued == batch_size
    }

    fn newest_custom(&mut self) -> Option<Box<Entry>> {
        self.custom.pop_back().or_else(|| {
            let mut waiting = self.waiting.iter();
            let at = waiting.rposition(|entry| !entry.call.is_security())?;
            self.waiting.remove(at)
        })
    }

    const fn release(&mut self, events: usize, bytes: usize) {
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
