//! Who was active last, of many.

use std::collections::VecDeque;

/// Entries that are kept whatever the number of nodes.
const SPARE: usize = 1_024;
/// The turn of a node that has none.
const NEVER: u64 = u64::MAX;

/// The order in which nodes were active.
///
/// Each activity adds an entry at the end, and one entry of each node is its last; those before mean nothing and go in
/// their time. A list in which nodes change their places would wait for the memory of three at each activity.
#[derive(Debug, Default)]
pub(super) struct Recency {
    /// For each node, the number of its last entry.
    turns: Vec<u64>,
    entries: VecDeque<u32>,
    /// The number of the first entry.
    first: u64,
    /// How many nodes have an entry.
    nodes: usize,
}

impl Recency {
    /// Makes a node the most recently active.
    pub(super) fn touch(&mut self, node: u32) {
        if self.entries.back() == Some(&node) {
            let last = self.first + self.entries.len() as u64 - 1;
            if self.turns.get(node as usize) == Some(&last) {
                return;
            }
        }
        let turn = self.first + self.entries.len() as u64;
        let place = node as usize;
        if place >= self.turns.len() {
            self.turns.resize(place + 1, NEVER);
        }
        if let Some(known) = self.turns.get_mut(place) {
            self.nodes += usize::from(*known == NEVER);
            *known = turn;
        }
        self.entries.push_back(node);
        if self.entries.len() > 2 * self.nodes + SPARE {
            self.compact();
        }
    }

    /// Takes a node out.
    pub(super) fn remove(&mut self, node: u32) {
        if let Some(turn) = self.turns.get_mut(node as usize)
            && *turn != NEVER
        {
            *turn = NEVER;
            self.nodes -= 1;
        }
    }

    /// The node that was active the longest ago.
    pub(super) fn oldest(&mut self) -> Option<u32> {
        while let Some(node) = self.entries.front() {
            if self.turns.get(*node as usize) == Some(&self.first) {
                return Some(*node);
            }
            self.entries.pop_front();
            self.first += 1;
        }
        None
    }

    /// The nodes, the least recently active first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let entries = self.entries.iter().zip(self.first..);
        entries
            .filter(|(node, turn)| self.turns.get(**node as usize) == Some(turn))
            .map(|(node, _)| *node)
    }

    /// Lets go of the entries that mean nothing.
    fn compact(&mut self) {
        let (mut old, mut new) = (self.first, self.first);
        let turns = &mut self.turns;
        self.entries.retain(|node| {
            let turn = turns.get_mut(*node as usize).filter(|turn| **turn == old);
            old += 1;
            let Some(turn) = turn else {
                return false;
            };
            *turn = new;
            new += 1;
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_a_list(steps in prop::collection::vec((0_u32..40, 0_u32..12), 0..6_000)) {
            let (mut recency, mut list) = (Recency::default(), Vec::<u32>::new());
            for (node, what) in steps {
                match what {
                    0 => {
                        recency.remove(node);
                        list.retain(|known| *known != node);
                    }
                    1 => prop_assert_eq!(recency.oldest(), list.first().copied()),
                    _ => {
                        recency.touch(node);
                        list.retain(|known| *known != node);
                        list.push(node);
                    }
                }
            }
            prop_assert_eq!(recency.iter().collect::<Vec<_>>(), list);
            prop_assert!(recency.entries.len() <= 2 * 40 + SPARE);
        }
    }
}
