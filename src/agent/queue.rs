//! The bounded queue between the app and the flusher, and the ledger of what became of events.
//!
//! Both sit behind one mutex, so that the ledger's sums hold at every moment. What the app does
//! under it is a push of a few words and a few additions; nothing is formatted or awaited there,
//! and nothing allocated unless custom events give way. The flusher takes at most a batch at a
//! time, and sets those aside whose requests are in flight. It is woken, which costs a system
//! call, only when it dozes or a batch is full: while events come, it looks by itself.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::entry::{Call, Entry, Lane};
use super::ledger::{DropReason, Ledger};
use crate::event::Event;
use crate::limits::Mistakes;

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
    pub(crate) wake: Notify,
    pub(crate) room: Notify,
}

#[derive(Debug)]
struct State {
    security: VecDeque<Entry>,
    custom: VecDeque<Entry>,
    /// Events whose request was in flight when their turn came.
    waiting: VecDeque<Entry>,
    /// Events and bytes held, those of batches under way included.
    events: usize,
    bytes: usize,
    closed: bool,
    /// Whether the flusher waits for the next event, rather than for a moment to look.
    dozing: bool,
    /// Delivered events, to be filled again by the threads that track.
    spares: Vec<Event>,
    ledger: Ledger,
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
            state: Mutex::new(State {
                security: VecDeque::with_capacity(64),
                custom: VecDeque::with_capacity(bounds.events.min(8_192)),
                waiting: VecDeque::new(),
                events: 0,
                bytes: 0,
                closed: false,
                dozing: false,
                spares: Vec::with_capacity(MAX_SPARES),
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

    /// Moves what is ready into `batch`, security events first.
    pub(crate) fn take(&self, now: Instant, cut: Cut, batch: &mut Vec<Entry>) {
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
            if state.lane(lane).is_empty() {
                // Starts over at the front of its memory, so that little of it is ever touched.
                state.lane(lane).clear();
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

    /// Asks to be told of the next event; `false` when events are there already.
    pub(crate) fn doze(&self) -> bool {
        let mut state = self.lock();
        state.dozing = state.security.is_empty() && state.custom.is_empty();
        state.dozing
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
        bounds.are_reached(self.events, self.bytes, size)
    }

    const fn lane(&mut self, lane: Lane) -> &mut VecDeque<Entry> {
        match lane {
            Lane::Security => &mut self.security,
            Lane::Custom => &mut self.custom,
            Lane::Waiting => &mut self.waiting,
        }
    }

    fn give_up(&mut self, gone: &[Entry], reason: DropReason) {
        self.release(gone.len(), gone.iter().map(|entry| entry.size).sum());
        self.ledger.drop_events(reason, gone.len() as u64);
    }

    /// Whether the flusher must be told: it dozes, or a batch is full.
    fn admit(&mut self, entry: Entry, batch_size: usize) -> bool {
        self.events += 1;
        self.bytes += entry.size;
        self.lane(entry.call.lane()).push_back(entry);
        let queued = self.security.len() + self.custom.len();
        std::mem::take(&mut self.dozing) || queued == batch_size
    }

    /// Takes out as many events of lower rank as it needs for `size` to fit; none, if all of them
    /// would not do.
    fn evict_for(&mut self, bounds: Bounds, call: Call, size: usize) -> Vec<Entry> {
        let lower = [Call::Track, Call::Action].into_iter();
        let lower = lower.filter(|lower| lower.rank() < call.rank());
        let (mut events, mut bytes) = (self.events, self.bytes);
        let mut calls = Vec::new();
        for victim in lower.flat_map(|call| self.newest(call)) {
            if !bounds.are_reached(events, bytes, size) {
                break;
            }
            events -= 1;
            bytes = bytes.saturating_sub(victim.size);
            calls.push(victim.call);
        }
        if bounds.are_reached(events, bytes, size) {
            return Vec::new();
        }
        let victims = calls.into_iter().filter_map(|call| self.pop_newest(call));
        let victims: Vec<_> = victims.collect();
        self.release(
            victims.len(),
            victims.iter().map(|victim| victim.size).sum(),
        );
        victims
    }

    /// Events of a call, the newest first; those that were set aside last.
    fn newest(&self, call: Call) -> impl Iterator<Item = &Entry> {
        let lane = match call.lane() {
            Lane::Custom => &self.custom,
            Lane::Security | Lane::Waiting => &self.security,
        };
        let all = lane.iter().rev().chain(self.waiting.iter().rev());
        all.filter(move |entry| entry.call == call)
    }

    fn pop_newest(&mut self, call: Call) -> Option<Entry> {
        [call.lane(), Lane::Waiting].into_iter().find_map(|lane| {
            let lane = self.lane(lane);
            let at = lane.iter().rposition(|entry| entry.call == call)?;
            lane.remove(at)
        })
    }

    const fn release(&mut self, events: usize, bytes: usize) {
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
