//! What the queue holds behind its mutex.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::super::entry::{Call, Entry, Lane};
use super::super::ledger::{DropReason, Ledger};
use super::{Bounds, Cut, MAX_SPARES};
use crate::event::Event;

#[derive(Debug)]
pub(super) struct State {
    security: VecDeque<Entry>,
    custom: VecDeque<Entry>,
    automatic: VecDeque<Entry>,
    /// Events whose request was in flight when their turn came.
    waiting: VecDeque<Entry>,
    /// When those were last looked at.
    looked: Instant,
    /// Whether the last batch had no room for an event that had waited, or for one of security.
    left_over: bool,
    /// Events and bytes held, those of batches under way included.
    pub(super) events: usize,
    pub(super) bytes: usize,
    pub(super) closed: bool,
    /// Whether the flusher waits for the next event, rather than for a moment to look.
    dozing: bool,
    /// Delivered events, to be filled again by the threads that track.
    pub(super) spares: Vec<Event>,
    pub(super) ledger: Ledger,
}

/// Fills a batch within its bounds.
#[derive(Debug)]
struct Filling<'a> {
    batch: &'a mut Vec<Entry>,
    bytes: usize,
    cut: Cut,
}

impl Filling<'_> {
    /// Gives an event back that does not fit.
    fn add(&mut self, entry: Entry) -> Result<(), Entry> {
        let fits = self.batch.len() < self.cut.events
            && (self.batch.is_empty() || self.bytes + entry.size <= self.cut.bytes);
        if !fits {
            return Err(entry);
        }
        self.bytes += entry.size;
        self.batch.push(entry);
        Ok(())
    }
}

impl State {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            security: VecDeque::with_capacity(64),
            custom: VecDeque::with_capacity(bounds.events.min(8_192)),
            automatic: VecDeque::new(),
            waiting: VecDeque::new(),
            looked: Instant::now(),
            left_over: false,
            events: 0,
            bytes: 0,
            closed: false,
            dozing: false,
            spares: Vec::with_capacity(MAX_SPARES),
            ledger: Ledger::default(),
        }
    }

    /// Moves what is ready into `batch`, security events first. Whether all was looked at: of the
    /// events that wait for their requests, it is no more than a batch.
    pub(super) fn take(&mut self, now: Instant, cut: Cut, batch: &mut Vec<Entry>) -> bool {
        let bytes = 0;
        let mut filling = Filling { batch, bytes, cut };
        let looks = self.waiting.len().min(cut.events);
        let all = looks == self.waiting.len();
        self.looked = now;
        self.left_over = false;
        for _ in 0..looks {
            let Some(entry) = self.waiting.pop_front() else {
                break;
            };
            if !entry.is_ready(now, cut.response_wait) {
                self.waiting.push_back(entry);
            } else if let Err(entry) = filling.add(entry) {
                self.left_over = true;
                self.waiting.push_back(entry);
            }
        }
        for lane in [Lane::Security, Lane::Custom, Lane::Automatic] {
            while let Some(entry) = self.lane(lane).pop_front() {
                if !entry.is_ready(now, cut.response_wait) {
                    self.waiting.push_back(entry);
                } else if let Err(entry) = filling.add(entry) {
                    self.left_over |= matches!(lane, Lane::Security);
                    self.lane(lane).push_front(entry);
                    break;
                }
            }
            if self.lane(lane).is_empty() {
                // Starts over at the front of its memory, so that little of it is ever touched.
                self.lane(lane).clear();
            }
        }
        all
    }

    /// When a batch is due for the events held; `None` when there are none.
    pub(super) fn due(&self, cut: Cut, max_staleness: Duration, now: Instant) -> Option<Instant> {
        if self.left_over || self.queued() >= cut.events {
            return Some(now);
        }
        let fronts = self.lanes().into_iter().filter_map(VecDeque::front);
        let waiting = (!self.waiting.is_empty()).then_some(self.looked);
        let since = fronts.map(|entry| entry.queued).chain(waiting).min()?;
        Some(since + max_staleness)
    }

    /// Asks to be told of the next event; `false` when events are there already.
    pub(super) fn doze(&mut self) -> bool {
        self.dozing = self.queued() == 0;
        self.dozing
    }

    /// When the oldest event that is not in a batch was queued.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let lanes = self.lanes().into_iter().chain([&self.waiting]);
        let fronts = lanes.filter_map(VecDeque::front);
        fronts.map(|entry| entry.queued).min()
    }

    /// Takes out what is too old.
    pub(super) fn expire(&mut self, expired: impl Fn(Instant) -> bool) -> Vec<Entry> {
        let mut gone = Vec::new();
        for lane in Lane::ALL {
            while let Some(entry) = self.lane(lane).pop_front_if(|entry| expired(entry.queued)) {
                gone.push(entry);
            }
        }
        self.give_up(&gone, DropReason::Expired);
        gone
    }

    /// Takes out all.
    pub(super) fn drain(&mut self, reason: DropReason) -> Vec<Entry> {
        let mut gone = Vec::new();
        for lane in Lane::ALL {
            gone.extend(self.lane(lane).drain(..));
        }
        self.give_up(&gone, reason);
        gone
    }

    fn give_up(&mut self, gone: &[Entry], reason: DropReason) {
        self.release(gone.len(), gone.iter().map(|entry| entry.size).sum());
        self.ledger.drop_events(reason, gone.len() as u64);
    }

    /// The lanes whose events are looked at first.
    const fn lanes(&self) -> [&VecDeque<Entry>; 3] {
        [&self.security, &self.custom, &self.automatic]
    }

    fn queued(&self) -> usize {
        self.lanes().map(VecDeque::len).iter().sum()
    }

    pub(super) const fn is_full(&self, bounds: Bounds, size: usize) -> bool {
        bounds.are_reached(self.events, self.bytes, size)
    }

    const fn lane(&mut self, lane: Lane) -> &mut VecDeque<Entry> {
        match lane {
            Lane::Security => &mut self.security,
            Lane::Custom => &mut self.custom,
            Lane::Automatic => &mut self.automatic,
            Lane::Waiting => &mut self.waiting,
        }
    }

    /// Whether the flusher must be told: it dozes, or a batch is full.
    pub(super) fn admit(&mut self, entry: Entry, batch_size: usize) -> bool {
        self.events += 1;
        self.bytes += entry.size;
        self.lane(entry.call.lane()).push_back(entry);
        std::mem::take(&mut self.dozing) || self.queued() == batch_size
    }

    /// Takes out as many events of lower rank as it needs for `size` to fit; none, if all of them
    /// would not do.
    pub(super) fn evict_for(&mut self, bounds: Bounds, call: Call, size: usize) -> Vec<Entry> {
        let lower = [Call::NotFound, Call::Track, Call::Action].into_iter();
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
        let (lane, waits) = match call.lane() {
            Lane::Automatic => (&self.automatic, false),
            Lane::Custom => (&self.custom, true),
            Lane::Security | Lane::Waiting => (&self.security, true),
        };
        let waiting = waits.then(|| self.waiting.iter().rev());
        let all = lane.iter().rev().chain(waiting.into_iter().flatten());
        all.filter(move |entry| entry.call == call)
    }

    fn pop_newest(&mut self, call: Call) -> Option<Entry> {
        [call.lane(), Lane::Waiting].into_iter().find_map(|lane| {
            let lane = self.lane(lane);
            let at = lane.iter().rposition(|entry| entry.call == call)?;
            lane.remove(at)
        })
    }

    pub(super) const fn release(&mut self, events: usize, bytes: usize) {
        self.events = self.events.saturating_sub(events);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
