//! Users by their identifiers.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::RandomState;

use super::chain::{Chain, Entry, NONE, Rank, State};
use super::index::{Index, Slot, count};

/// Ends a key and a value; no UTF-8 text holds it, so that different users differ in their text.
const END: u8 = 0xff;

/// Users that wait for their place: the builder's half.
#[derive(Debug, Default)]
pub(super) struct UserList {
    text: Vec<u8>,
    users: Vec<(Place, Rank)>,
}

/// A hash, and where the text is.
#[derive(Clone, Copy, Debug)]
struct Place {
    hash: u32,
    start: u32,
    len: u32,
}

impl Place {
    fn text(self, all: &[u8]) -> &[u8] {
        let start = self.start as usize;
        all.get(start..start + self.len as usize)
            .unwrap_or_default()
    }
}

impl UserList {
    /// Adds an action on whoever has these identifiers, which are sorted by key.
    pub(super) fn push<'a, I: Iterator<Item = (&'a str, &'a str)>>(
        &mut self,
        hasher: &RandomState,
        identifiers: impl Fn() -> I,
        rank: Rank,
    ) {
        let hash = hash(hasher, identifiers());
        let start = self.text.len();
        for part in identifiers().flat_map(|(key, value)| [key, value]) {
            self.text.extend_from_slice(part.as_bytes());
            self.text.push(END);
        }
        self.add(hash, start, rank);
    }

    /// Adds the user whose text is all from `start`.
    fn add(&mut self, hash: u32, start: usize, rank: Rank) {
        let place = Place {
            hash,
            start: count(start),
            len: count(self.text.len() - start),
        };
        self.users.push((place, rank));
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }

    pub(super) fn text_len(&self) -> usize {
        self.text.len()
    }
}

/// Users, sorted by a keyed hash that nobody outside can foresee. A hash only says where to look:
/// what is compared is the text of the identifiers.
#[derive(Debug)]
pub(super) struct Users {
    /// Where each record starts.
    index: Index<u32, u32>,
    /// Of each user the entry, the length of the text, and the text: side by side, since all of it
    /// is read at once.
    records: Box<[u8]>,
    chain: Chain,
}

impl Users {
    /// `start` is the time that ends are counted from.
    pub(super) fn new(list: UserList, start: u64) -> Self {
        let UserList { text, mut users } = list;
        let id = |place: Place| (place.hash, place.text(&text));
        users.sort_by(|(a, x), (b, y)| id(*a).cmp(&id(*b)).then(x.cmp(y)));
        let mut chain = Chain::default();
        let mut slots = Vec::with_capacity(users.len());
        let mut records = Vec::with_capacity(text.len() + users.len() * (Entry::BYTES + 4));
        let mut ranks = Vec::new();
        for user in users.chunk_by(|(a, _), (b, _)| id(*a) == id(*b)) {
            let Some((place, _)) = user.first() else {
                continue;
            };
            ranks.clear();
            ranks.extend(user.iter().map(|(_, rank)| *rank));
            let at = slots.len();
            chain.link(&ranks, (0, start), (at, NONE), |entry| {
                slots.push(Slot::new(place.hash, count(records.len())));
                records.extend(entry.to_bytes());
                records.extend(place.len.to_le_bytes());
                records.extend(place.text(&text));
            });
        }
        chain.shrink();
        Self {
            index: Index::new(slots),
            records: records.into_boxed_slice(),
            chain,
        }
    }

    /// The best action in force on the user of exactly these identifiers, sorted by key.
    pub(super) fn find<'a, I: Iterator<Item = (&'a str, &'a str)>>(
        &self,
        hasher: &RandomState,
        identifiers: impl Fn() -> I,
        state: &impl Fn(Entry) -> State,
    ) -> Option<Entry> {
        if self.is_empty() {
            return None;
        }
        let hash = hash(hasher, identifiers());
        let mut at = self.index.last_up_to(hash)?;
        let entry = loop {
            let slot = self.index.get(at).filter(|slot| slot.key() == hash)?;
            let (entry, text) = self.record(slot)?;
            if is_of(text, identifiers()) {
                break entry;
            }
            at = at.checked_sub(1)?;
        };
        let entries = |at| Some(self.record(self.index.get(at)?)?.0);
        self.chain.first((entry, at), entries, state)
    }

    fn record(&self, slot: &Slot<u32, u32>) -> Option<(Entry, &[u8])> {
        let record = self.records.get(slot.value as usize..)?;
        let (entry, rest) = record.split_first_chunk()?;
        let (len, rest) = rest.split_first_chunk()?;
        let text = rest.get(..u32::from_le_bytes(*len) as usize)?;
        Some((Entry::from_bytes(*entry), text))
    }

    /// Adds the users that still have a rank to a list of the same hasher.
    pub(super) fn copy(&self, list: &mut UserList, rank: &impl Fn(Entry) -> Option<Rank>) {
        for slot in self.index.slots() {
            let Some((entry, text)) = self.record(slot) else {
                continue;
            };
            if let Some(rank) = rank(entry) {
                let start = list.text.len();
                list.text.extend_from_slice(text);
                list.add(slot.key(), start, rank);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.slots().is_empty()
    }
}

/// Half of the hash is enough to tell where to look.
fn hash<'a>(hasher: &RandomState, identifiers: impl Iterator<Item = (&'a str, &'a str)>) -> u32 {
    let mut hash = hasher.build_hasher();
    for part in identifiers.flat_map(|(key, value)| [key, value]) {
        hash.write(part.as_bytes());
        hash.write_u8(END);
    }
    hash.finish() as u32
}

fn is_of<'a>(mut text: &[u8], identifiers: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
    for part in identifiers.flat_map(|(key, value)| [key, value]) {
        let rest = text.strip_prefix(part.as_bytes());
        let Some(rest) = rest.and_then(|rest| rest.strip_prefix(&[END])) else {
            return false;
        };
        text = rest;
    }
    text.is_empty()
}
