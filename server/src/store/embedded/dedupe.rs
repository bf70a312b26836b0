//! The ids of the events of the last while, to recognise one that is sent again.
//!
//! Ids come in generations: those of one step of time, or as many as fit in one. The oldest generations are forgotten
//! as a whole, by age or by number.
//!
//! All lie in one set of 256 tables with linear probing. Of an id are kept the 64 bits of a keyed hash, which of the
//! tables another hash puts it in, and a byte that tells its generation. So one look at one place in memory finds it,
//! at 11 to 15 bytes for each id. An id that is known is always recognised; a new one is taken for known by mistake
//! with a chance of one in 10^15, which nobody who does not know the keys can raise. Forgotten ids are left in the
//! tables until these are made anew.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::store::event::EventId;

/// The window is forgotten in steps of this fraction.
const STEPS: i64 = 8;

/// The most ids are divided by this for those of one generation.
const PARTS: usize = 8;

/// The most generations: fewer than there are tags, by so many that no table has one from before when it is used again.
const MAX_GENERATIONS: usize = 64;

const TABLES: usize = 256;

/// Tables that are made anew with each new generation, where they hold anything forgotten.
const CLEANED: usize = TABLES / 8;

/// Tells the ids of a generation in the tables; 0 is for ids that are not known any more.
type Tag = u8;

/// Ids by age. An id is remembered for the window at least, for an eighth of it longer at most, unless there are too
/// many.
#[derive(Debug)]
pub(super) struct DedupeWindow {
    /// By age, the newest last.
    generations: VecDeque<Generation>,
    /// Which tags are those of a generation.
    live: [bool; TABLES],
    tables: Vec<Table>,
    keys: [RandomState; 2],
    /// The width of a step, in microseconds.
    width: i64,
    max_ids: usize,
    ids: usize,
    forgotten: u64,
    last_tag: Tag,
    /// The table that is looked at next for what is forgotten.
    next_clean: usize,
}

#[derive(Debug)]
struct Generation {
    tag: Tag,
    /// The step of time that its ids are of.
    step: i64,
    ids: usize,
}

impl DedupeWindow {
    pub(super) fn new(window: Duration, max_ids: usize) -> Self {
        let window = i64::try_from(window.as_micros()).unwrap_or(i64::MAX);
        let width = window / STEPS + i64::from(window % STEPS != 0);
        Self {
            generations: VecDeque::new(),
            live: [false; TABLES],
            tables: (0..TABLES).map(|_| Table::default()).collect(),
            keys: [RandomState::default(), RandomState::default()],
            width: width.max(1),
            max_ids: max_ids.max(1),
            ids: 0,
            forgotten: 0,
            last_tag: 0,
            next_clean: 0,
        }
    }

    /// The ids remembered.
    pub(super) fn len(&self) -> usize {
        self.ids
    }

    /// The ids forgotten before their time.
    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// The earliest time whose ids are remembered at `now`, both in microseconds since the Unix epoch.
    pub(super) fn horizon(&self, now: i64) -> i64 {
        (now / self.width)
            .saturating_sub(STEPS)
            .saturating_mul(self.width)
    }

    /// Remembers the id as one of `time`; says whether it is new.
    pub(super) fn insert(&mut self, id: EventId, time: i64) -> bool {
        let (table, print) = self.place(&id);
        let known = self.tables.get(table).and_then(|table| table.find(print));
        if known.is_some_and(|tag| self.is_live(tag)) {
            return false;
        }
        let generation = self.generation(time / self.width);
        let Some(generation) = self.generations.get_mut(generation) else {
            return true;
        };
        generation.ids += 1;
        self.ids += 1;
        let tag = generation.tag;
        if let Some(table) = self.tables.get_mut(table) {
            table.put(print, tag, &self.live);
        }
        true
    }

    /// Forgets an id that was not stored after all.
    pub(super) fn remove(&mut self, id: &EventId) {
        let (table, print) = self.place(id);
        let removed = self
            .tables
            .get_mut(table)
            .and_then(|table| table.remove(print));
        let Some(tag) = removed else { return };
        let mut generations = self.generations.iter_mut();
        if let Some(generation) = generations.find(|generation| generation.tag == tag) {
            generation.ids -= 1;
            self.ids -= 1;
        }
    }

    /// Forgets what is older than the window.
    pub(super) fn expire(&mut self, now: i64) {
        let oldest = (now / self.width).saturating_sub(STEPS);
        while self
            .generations
            .front()
            .is_some_and(|first| first.step < oldest)
        {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> usize {
        let Some(oldest) = self.generations.pop_front() else {
            return 0;
        };
        if let Some(live) = self.live.get_mut(usize::from(oldest.tag)) {
            *live = false;
        }
        self.ids -= oldest.ids;
        oldest.ids
    }

    /// The place of the newest generation of this step that has room.
    fn generation(&mut self, step: i64) -> usize {
        let most = self.max_ids.div_ceil(PARTS);
        let place = |generations: &VecDeque<Generation>| {
            generations.partition_point(|generation| generation.step <= step)
        };
        while self.ids >= self.max_ids || self.generations.len() >= MAX_GENERATIONS {
            self.forgotten += self.forget_oldest() as u64;
        }
        let behind = place(&self.generations);
        let last = behind
            .checked_sub(1)
            .and_then(|last| self.generations.get(last));
        if last.is_some_and(|last| last.step == step && last.ids < most) {
            return behind - 1;
        }
        self.clean();
        let tag = self.free_tag();
        self.generations
            .insert(behind, Generation { tag, step, ids: 0 });
        behind
    }

    /// A tag that no generation has, the one that was in use the longest ago.
    fn free_tag(&mut self) -> Tag {
        let mut tag = self.last_tag;
        loop {
            tag = tag.checked_add(1).unwrap_or(1);
            // There are far fewer generations than tags.
            if !self.is_live(tag) {
                break;
            }
        }
        self.last_tag = tag;
        if let Some(live) = self.live.get_mut(usize::from(tag)) {
            *live = true;
        }
        tag
    }

    fn is_live(&self, tag: Tag) -> bool {
        is_live(&self.live, tag)
    }

    /// Makes some tables anew that hold anything forgotten: each is looked at once in eight generations.
    fn clean(&mut self) {
        for table in self.tables.iter_mut().skip(self.next_clean).take(CLEANED) {
            if table.has_forgotten(&self.live) {
                table.rebuild(&self.live);
            }
        }
        self.next_clean = (self.next_clean + CLEANED) % TABLES;
    }

    /// In which table the id lies, and what is kept of it there.
    fn place(&self, id: &EventId) -> (usize, u64) {
        let id = u128::from_be_bytes(*id.as_bytes());
        let [of_table, of_print] = &self.keys;
        // 0 is for an empty slot.
        let print = of_print.hash_one(id).max(1);
        (of_table.hash_one(id) as usize % TABLES, print)
    }
}

/// A hash table with linear probing.
#[derive(Debug, Default)]
struct Table {
    /// 0 where there is none.
    prints: Vec<u64>,
    tags: Vec<Tag>,
    used: usize,
}

impl Table {
    const LEAST: usize = 16;

    /// The slot of the print: where it is, or where it may be put.
    fn slot(&self, print: u64) -> Option<usize> {
        let length = self.prints.len();
        // The upper half of the product: the print as a fraction of the length.
        let home = ((u128::from(print) * length as u128) >> 64) as usize;
        let (before, behind) = self.prints.split_at_checked(home)?;
        let is_it = |other: &u64| *other == print || *other == 0;
        match behind.iter().position(is_it) {
            Some(at) => Some(home + at),
            None => before.iter().position(is_it),
        }
    }

    fn find(&self, print: u64) -> Option<Tag> {
        let slot = self.slot(print)?;
        let is_there = self.prints.get(slot) == Some(&print);
        self.tags.get(slot).copied().filter(|_| is_there)
    }

    fn put(&mut self, print: u64, tag: Tag, live: &[bool; TABLES]) {
        // Beyond four fifths, looking for a free slot takes long.
        if (self.used + 1) * 5 > self.prints.len() * 4 {
            self.rebuild(live);
        }
        let Some(slot) = self.slot(print) else {
            return;
        };
        if let (Some(at), Some(of)) = (self.prints.get_mut(slot), self.tags.get_mut(slot)) {
            self.used += usize::from(*at == 0);
            (*at, *of) = (print, tag);
        }
    }

    fn remove(&mut self, print: u64) -> Option<Tag> {
        let slot = self.slot(print)?;
        let is_there = self.prints.get(slot) == Some(&print);
        let tag = self.tags.get_mut(slot).filter(|_| is_there)?;
        Some(std::mem::take(tag))
    }

    fn has_forgotten(&self, live: &[bool; TABLES]) -> bool {
        let is_forgotten = |(print, tag): (&u64, &Tag)| *print != 0 && !is_live(live, *tag);
        self.prints.iter().zip(&self.tags).any(is_forgotten)
    }

    /// Keeps what is known, with room for a third as many.
    fn rebuild(&mut self, live: &[bool; TABLES]) {
        let old = std::mem::take(self);
        let kept = || {
            let slots = old.prints.iter().zip(&old.tags);
            slots.filter(|(print, tag)| **print != 0 && is_live(live, **tag))
        };
        let length = (kept().count() * 5 / 3).max(Self::LEAST);
        self.prints = vec![0; length];
        self.tags = vec![0; length];
        for (print, tag) in kept() {
            if let Some(slot) = self.slot(*print)
                && let (Some(at), Some(of)) = (self.prints.get_mut(slot), self.tags.get_mut(slot))
            {
                (*at, *of) = (*print, *tag);
                self.used += 1;
            }
        }
    }
}

fn is_live(live: &[bool; TABLES], tag: Tag) -> bool {
    live.get(usize::from(tag)).is_some_and(|live| *live)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> EventId {
        EventId::from_bytes(n.to_be_bytes())
    }

    #[test]
    fn an_id_is_known_for_the_window_and_then_forgotten() {
        let mut window = DedupeWindow::new(Duration::from_micros(800), 10);
        assert!(window.insert(id(1), 1000));
        assert!(!window.insert(id(1), 1799));
        window.expire(1800);
        assert!(!window.insert(id(1), 1800));
        window.expire(1900);
        assert_eq!(window.len(), 0);
        assert!(window.insert(id(1), 1900));
        assert_eq!(window.forgotten(), 0);
    }

    #[test]
    fn too_many_ids_push_out_the_oldest_and_count_them() {
        let mut window = DedupeWindow::new(Duration::from_micros(800), 4);
        for n in 0..4 {
            assert!(window.insert(id(n), if n < 3 { 100 } else { 200 }));
        }
        assert!(window.insert(id(4), 300));
        assert_eq!((window.len(), window.forgotten()), (4, 1));
        for n in 1..4 {
            assert!(!window.insert(id(n), 300));
        }
        assert!(window.insert(id(0), 300));
    }

    #[test]
    fn a_removed_id_is_new_again() {
        let mut window = DedupeWindow::new(Duration::from_micros(800), 4);
        assert!(window.insert(id(1), 1));
        window.remove(&id(1));
        assert_eq!(window.len(), 0);
        assert!(window.insert(id(1), 1));
    }

    #[test]
    fn times_out_of_order_and_extreme_are_fine() {
        let mut window = DedupeWindow::new(Duration::MAX, 100);
        for (n, time) in [0, i64::MAX, i64::MIN, -1, 5].into_iter().enumerate() {
            assert!(window.insert(id(n as u128), time));
            window.expire(i64::MAX);
            window.expire(i64::MIN);
            window.horizon(i64::MIN);
        }
        assert!(DedupeWindow::new(Duration::ZERO, 0).insert(id(1), 0));
    }

    /// Against a plain list of what is to be known.
    #[test]
    fn many_ids_in_little_time_are_known_to_the_last_seven_eighths() {
        const MOST: u128 = 8_000;
        let mut window = DedupeWindow::new(Duration::from_secs(80), MOST as usize);
        for n in 0..200_000 {
            assert!(window.insert(id(n), 5), "{n}");
            let oldest = n.saturating_sub(MOST * 7 / 8 - 1);
            assert!(!window.insert(id(n), 5));
            assert!(!window.insert(id(oldest), 5), "{oldest} at {n}");
        }
        assert_eq!(window.len() as u64 + window.forgotten(), 200_000);
        let slots: usize = window.tables.iter().map(|table| table.prints.len()).sum();
        assert!(slots < 2 * MOST as usize, "{slots} slots");
        // And all is given back once it is old.
        for n in 0..10 {
            window.expire(100_000_000 * (n + 1));
            assert!(window.insert(id(1_000_000 + n as u128), 100_000_000 * (n + 1)));
        }
        assert_eq!(window.len(), 1);
        let slots: usize = window.tables.iter().map(|table| table.prints.len()).sum();
        assert_eq!(slots, TABLES * Table::LEAST);
    }

    #[test]
    fn an_id_takes_at_most_15_bytes() {
        let mut window = DedupeWindow::new(Duration::from_secs(80), 4_000_000);
        let mut worst = 0;
        for n in 0..400_000_u128 {
            window.insert(id(n << 64 | n), 5);
            if n % 10_000 == 9_999 && n > 100_000 {
                let slots: usize = window.tables.iter().map(|table| table.prints.len()).sum();
                worst = worst.max(slots * 9 * 10 / window.len());
            }
        }
        assert!(worst <= 155, "{} bytes", worst as f64 / 10.0);
    }
}
