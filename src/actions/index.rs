//! Where a key stands among sorted keys, each with a value.
//!
//! The keys are cut into cells of equal width, a few keys in each if they are spread evenly, and
//! the cell of a key is found by a shift. A cell of many keys is cut again, so that keys crowded
//! into one network cost one more step. Of a large index that touches one line of memory that is
//! not in a cache, where a search by halves touches one for each of its last steps.

use std::ops::Range;

/// An address or a hash: a number whose bits are read from the left.
pub(super) trait Key: Copy + Ord {
    /// The key as it is stored: aligned to no more than its value.
    type Stored: Copy + std::fmt::Debug;

    fn store(self) -> Self::Stored;
    fn read(stored: Self::Stored) -> Self;
    /// How many bits at the left are the same.
    fn common_bits(self, other: Self) -> u8;
    /// Clears all but the first bits.
    fn clear_after(self, bits: u8) -> Self;
    /// Sets all but the first bits.
    fn fill_after(self, bits: u8) -> Self;
    fn next(self) -> Option<Self>;
    /// Bits needed to write how far it is from `start`.
    fn distance_bits(self, start: Self) -> u32;
    /// The cell of width 2^`shift` that it falls into, counted from `start`; at most `last`.
    fn cell(self, start: Self, shift: u32, last: u32) -> u32;
}

macro_rules! key {
    ($int:ty, $stored:ty, $store:expr, $read:expr) => {
        impl Key for $int {
            type Stored = $stored;

            fn store(self) -> $stored {
                $store(self)
            }

            fn read(stored: $stored) -> Self {
                $read(stored)
            }

            fn common_bits(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            fn clear_after(self, bits: u8) -> Self {
                self & !Self::MAX.checked_shr(bits.into()).unwrap_or_default()
            }

            fn fill_after(self, bits: u8) -> Self {
                self | Self::MAX.checked_shr(bits.into()).unwrap_or_default()
            }

            fn next(self) -> Option<Self> {
                self.checked_add(1)
            }

            fn distance_bits(self, start: Self) -> u32 {
                Self::BITS - self.saturating_sub(start).leading_zeros()
            }

            fn cell(self, start: Self, shift: u32, last: u32) -> u32 {
                let cell = self.saturating_sub(start) >> shift;
                u32::try_from(cell).map_or(last, |cell| cell.min(last))
            }
        }
    };
}

key!(u32, u32, |key| key, |key| key);
key!(u128, [u64; 2], split, join);

const fn split(key: u128) -> [u64; 2] {
    [(key >> 64) as u64, key as u64]
}

fn join([high, low]: [u64; 2]) -> u128 {
    u128::from(high) << 64 | u128::from(low)
}

/// Keys that a cell should hold: few cells, so that those of a large index stay in a cache.
const KEYS_PER_CELL: usize = 16;
/// Keys that are looked at one by one; more are searched by halves.
const MAX_RUN: usize = 32;
/// Keys of a cell beyond which it is cut again. Searching fewer costs no more than cutting.
const MAX_HALVED: usize = 256;
/// How often a cell is cut again at most: bounds memory for keys chosen to be in the way.
const MAX_DEPTH: u8 = 4;
/// Marks a cell that was cut again: the rest is the number of its grid.
const CUT: u32 = 1 << 31;

/// Sorted keys, fewer than 2^31, and their values.
#[derive(Debug)]
pub(super) struct Index<K: Key, V> {
    slots: Box<[Slot<K, V>]>,
    grids: Vec<Grid<K>>,
    /// The position of the first key of each cell; one more cell ends each grid.
    cells: Vec<u32>,
}

/// A key beside its value, so that both are in the same line of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot<K: Key, V> {
    key: K::Stored,
    pub(super) value: V,
}

impl<K: Key, V> Slot<K, V> {
    pub(super) fn new(key: K, value: V) -> Self {
        Self {
            key: key.store(),
            value,
        }
    }

    pub(super) fn key(&self) -> K {
        K::read(self.key)
    }
}

/// The cells of a range of the keys.
#[derive(Clone, Copy, Debug)]
struct Grid<K> {
    start: K,
    shift: u32,
    first_cell: u32,
    /// The number of the last cell, from zero.
    last: u32,
    /// Position of the first key.
    from: u32,
}

impl<K: Key, V> Index<K, V> {
    /// Takes keys in order; the same may come several times.
    pub(super) fn new(slots: Vec<Slot<K, V>>) -> Self {
        let mut index = Self {
            slots: slots.into_boxed_slice(),
            grids: Vec::new(),
            cells: Vec::new(),
        };
        let mut ranges = Vec::new();
        index.plan(0..index.slots.len(), 0, &mut ranges);
        let mut next = 0;
        while let Some((range, depth)) = ranges.get(next).cloned() {
            index.cut(next, range, depth, &mut ranges);
            next += 1;
        }
        index.grids.shrink_to_fit();
        index.cells.shrink_to_fit();
        index
    }

    /// Plans a grid for a range of keys, unless it need not or cannot be cut. Answers with its
    /// number.
    fn plan(
        &mut self,
        range: Range<usize>,
        depth: u8,
        ranges: &mut Vec<(Range<usize>, u8)>,
    ) -> Option<u32> {
        let run = self.slots.get(range.clone())?;
        let (start, end) = (run.first()?.key(), run.last()?.key());
        if depth > 0 && (run.len() <= MAX_HALVED || start == end || depth > MAX_DEPTH) {
            return None;
        }
        let cells = (run.len() / KEYS_PER_CELL).max(2).next_power_of_two();
        let number = count(self.grids.len());
        self.grids.push(Grid {
            start,
            shift: end
                .distance_bits(start)
                .saturating_sub(cells.trailing_zeros()),
            first_cell: 0,
            last: count(cells - 1),
            from: count(range.start),
        });
        ranges.push((range, depth));
        Some(number)
    }

    /// Writes the cells of a planned grid, and plans those of its full cells.
    fn cut(
        &mut self,
        number: usize,
        range: Range<usize>,
        depth: u8,
        ranges: &mut Vec<(Range<usize>, u8)>,
    ) {
        let Some(grid) = self.grids.get_mut(number) else {
            return;
        };
        grid.first_cell = count(self.cells.len());
        let Grid {
            start, shift, last, ..
        } = *grid;
        let mut from = range.start;
        for cell in 0..=last {
            let run = self.slots.get(from..range.end).unwrap_or_default();
            let here = |slot: &&Slot<K, V>| slot.key().cell(start, shift, last) <= cell;
            let len = run.iter().take_while(here).count();
            let inner = self.plan(from..from + len, depth + 1, ranges);
            self.cells
                .push(inner.map_or(count(from), |inner| CUT | inner));
            from += len;
        }
        self.cells.push(count(range.end));
    }

    pub(super) fn slots(&self) -> &[Slot<K, V>] {
        &self.slots
    }

    pub(super) fn get(&self, at: u32) -> Option<&Slot<K, V>> {
        self.slots.get(at as usize)
    }

    /// The position of the last key that is not above `key`.
    pub(super) fn last_up_to(&self, key: K) -> Option<u32> {
        let mut grid = self.grids.first()?;
        let (from, to) = loop {
            let cell = grid.first_cell + key.cell(grid.start, grid.shift, grid.last);
            let from = *self.cells.get(cell as usize)?;
            if from & CUT == 0 {
                break (from, self.start_of(cell + 1)?);
            }
            grid = self.grids.get((from & !CUT) as usize)?;
        };
        let run = self.slots.get(from as usize..to as usize)?;
        // Branches are guessed, so that what follows is loaded while these keys still are.
        let below = if run.len() <= MAX_RUN {
            run.iter().take_while(|slot| slot.key() <= key).count()
        } else {
            run.partition_point(|slot| slot.key() <= key)
        };
        from.checked_add(count(below))?.checked_sub(1)
    }

    fn start_of(&self, cell: u32) -> Option<u32> {
        let from = *self.cells.get(cell as usize)?;
        if from & CUT == 0 {
            return Some(from);
        }
        let grid = self.grids.get((from & !CUT) as usize)?;
        Some(grid.from)
    }
}

/// Positions and lengths, which the limits keep far below 2^31.
pub(super) const fn count(n: usize) -> u32 {
    n as u32
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn check<K: Key + std::fmt::Debug>(mut keys: Vec<K>, wanted: &[K]) {
        keys.sort();
        let slots = keys.iter().map(|key| Slot::new(*key, ())).collect();
        let index = Index::new(slots);
        for key in wanted.iter().chain(&keys) {
            let last = keys.partition_point(|other| other <= key).checked_sub(1);
            assert_eq!(index.last_up_to(*key), last.map(count), "{key:?}");
        }
    }

    /// Keys around each other at every scale, and crowds of the same.
    fn crowded() -> impl Strategy<Value = Vec<u128>> {
        let some = (any::<u128>(), 0_u32..128, 0_usize..60);
        vec(some, 0..12).prop_map(|crowds| {
            let mut keys = Vec::new();
            for (key, shift, len) in crowds {
                let near = (0..len as u128).map(|n| key.wrapping_add(n << shift));
                keys.extend(near);
                keys.extend(std::iter::repeat_n(key, len / 2));
            }
            keys
        })
    }

    proptest! {
        #[test]
        fn finds_the_last_key_that_is_not_above(
            keys in crowded(),
            wanted in vec(any::<u128>(), 0..50),
        ) {
            let near = keys.iter().flat_map(|key| [key.wrapping_sub(1), key.wrapping_add(1)]);
            let wanted: Vec<u128> = wanted.into_iter().chain(near).chain([0, u128::MAX]).collect();
            check(keys.clone(), &wanted);
            for shift in [0, 64, 96] {
                let part = |key: &u128| (*key >> shift) as u32;
                let wanted: Vec<u32> = wanted.iter().map(part).collect();
                check(keys.iter().map(part).collect(), &wanted);
            }
        }
    }

    #[test]
    fn finds_among_none_one_and_the_widest() {
        check::<u32>(vec![], &[0, 1, u32::MAX]);
        check::<u32>(vec![7], &[0, 6, 8, u32::MAX]);
        check::<u32>(vec![0, u32::MAX], &[1, u32::MAX - 1]);
        check::<u128>(vec![0, u128::MAX], &[1, u128::MAX - 1]);
        check::<u32>((0..5_000).collect(), &[5_000]);
        // Each key halves the distance to the next: the worst for cells of equal width.
        let halving: Vec<u128> = (0..128).map(|bit| 1 << bit).collect();
        let both = halving.iter().flat_map(|key| [key - 1, key + 1]);
        check(halving.repeat(40), &both.collect::<Vec<_>>());
    }
}
