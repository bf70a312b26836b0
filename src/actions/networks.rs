//! The longest network that holds an address, and the wider ones around it.

use super::address::Prefix;
use super::chain::{Chain, Entry, NONE, Rank, State};
use super::index::{Index, Key, Slot, count};

/// An action on a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target<K> {
    pub(super) prefix: Prefix<K>,
    pub(super) rank: Rank,
}

/// Networks by their first address. Where one ends inside of a wider one, the wider one is
/// repeated, so that the last entry up to an address is of the longest network that holds it, if
/// any does. From there the chain leads outwards.
#[derive(Debug)]
pub(super) struct Networks<K: Key> {
    index: Index<K, Entry>,
    chain: Chain,
}

impl<K: Key> Networks<K> {
    /// `start` is the time that ends are counted from.
    pub(super) fn new(mut targets: Vec<Target<K>>, start: u64) -> Self {
        targets.sort();
        let mut laid = Layout::with_capacity(targets.len());
        let mut ranks = Vec::new();
        for network in targets.chunk_by(|a, b| a.prefix == b.prefix) {
            ranks.clear();
            ranks.extend(network.iter().map(|target| target.rank));
            if let Some(target) = network.first() {
                laid.push(target.prefix, &ranks, start);
            }
        }
        drop(targets);
        laid.leave(None);
        laid.chain.shrink();
        Self {
            index: Index::new(laid.slots),
            chain: laid.chain,
        }
    }

    /// The best action in force on an address.
    pub(super) fn find(&self, address: K, state: &impl Fn(Entry) -> State) -> Option<Entry> {
        let at = self.index.last_up_to(address)?;
        let slot = self.index.get(at)?;
        if slot.key().common_bits(address) < slot.value.len() {
            return None;
        }
        let entries = |at| self.index.get(at).map(|slot| slot.value);
        self.chain.first((slot.value, at), entries, state)
    }

    /// Adds the targets that still have a rank to a list.
    pub(super) fn copy(&self, list: &mut Vec<Target<K>>, rank: &impl Fn(Entry) -> Option<Rank>) {
        let slots = self.index.slots().iter();
        list.extend(
            slots
                .filter(|slot| !slot.value.repeats())
                .filter_map(|slot| {
                    let prefix = Prefix {
                        first: slot.key(),
                        len: slot.value.len(),
                    };
                    rank(slot.value).map(|rank| Target { prefix, rank })
                }),
        );
    }
}

/// Networks that come in order, wider before narrower, and the entries made of them.
struct Layout<K: Key> {
    slots: Vec<Slot<K, Entry>>,
    chain: Chain,
    /// The networks around the last one, that included, each with the position of its best entry.
    around: Vec<(Prefix<K>, u32)>,
}

impl<K: Key> Layout<K> {
    fn with_capacity(targets: usize) -> Self {
        Self {
            slots: Vec::with_capacity(targets),
            chain: Chain::default(),
            around: Vec::new(),
        }
    }

    fn push(&mut self, prefix: Prefix<K>, ranks: &[Rank], start: u64) {
        self.leave(Some(prefix.first));
        let outer = self.around.last().map_or(NONE, |(_, best)| *best);
        let at = self.slots.len();
        let slots = &mut self.slots;
        let push = |entry| slots.push(Slot::new(prefix.first, entry));
        self.chain
            .link(ranks, (prefix.len, start), (at, outer), push);
        self.around.push((prefix, count(self.slots.len() - 1)));
    }

    /// Leaves the networks that do not reach the next one; without one, all.
    fn leave(&mut self, next: Option<K>) {
        let ends = |prefix: &Prefix<K>| next.is_none_or(|next| prefix.last() < next);
        while let Some((inner, _)) = self.around.pop_if(|(inner, _)| ends(inner)) {
            let Some(after) = inner.last().next().filter(|after| next != Some(*after)) else {
                continue;
            };
            let outer = self.around.last().filter(|(outer, _)| outer.holds(after));
            let outer = outer.and_then(|(_, best)| Some((*best, self.slots.get(*best as usize)?)));
            if let Some((best, slot)) = outer {
                let repeat = Slot::new(after, slot.value.repeat());
                self.chain.set(self.slots.len(), best);
                self.slots.push(repeat);
            }
        }
    }
}
