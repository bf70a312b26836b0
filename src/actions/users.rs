//! Users by their identifiers.

use std::hash::{BuildHasher, Hasher, RandomState};

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
    index: Index<u32, User>,
    text: Box<[u8]>,
    chain: Chain,
}

#[derive(Clone, Copy, Debug)]
struct User {
    start: u32,
    len: u32,
    entry: Entry,
}

impl Users {
    /// `start` is the time that ends are counted from.
    pub(super) fn new(list: UserList, start: u64) -> Self {
        let UserList { text, mut users } = list;
        let id = |place: Place| (place.hash, place.text(&text));
        users.sort_by(|(a, x), (b, y)| id(*a).cmp(&id(*b)).then(x.cmp(y)));
        let mut chain = Chain::default();
        let mut slots = Vec::with_capacity(users.len());
        let mut sorted = Vec::with_capacity(text.len());
        let mut ranks = Vec::new();
        for user in users.chunk_by(|(a, _), (b, _)| id(*a) == id(*b)) {
            let Some((place, _)) = user.first() else {
                continue;
            };
            let (start_of_text, len) = (count(sorted.len()), place.len);
            sorted.extend_from_slice(place.text(&text));
            ranks.clear();
            ranks.extend(user.iter().map(|(_, rank)| *rank));
            let at = slots.len();
            chain.link(&ranks, (0, start), (at, NONE), |entry| {
                let user = User {
                    start: start_of_text,
                    len,
                    entry,
                };
                slots.push(Slot::new(place.hash, user));
            });
        }
        chain.shrink();
        Self {
            index: Index::new(slots),
            text: sorted.into_boxed_slice(),
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
        loop {
            let slot = self.index.get(at).filter(|slot| slot.key() == hash)?;
            if is_of(self.text(slot), identifiers()) {
                break;
            }
            at = at.checked_sub(1)?;
        }
        let entry = |at| self.index.get(at).map(|slot| slot.value.entry);
        self.chain.first(at, entry, state)
    }

    fn text(&self, slot: &Slot<u32, User>) -> &[u8] {
        let place = Place {
            hash: slot.key(),
            start: slot.value.start,
            len: slot.value.len,
        };
        place.text(&self.text)
    }

    /// Adds the users that still have a rank to a list of the same hasher.
    pub(super) fn copy(&self, list: &mut UserList, rank: &impl Fn(Entry) -> Option<Rank>) {
        for slot in self.index.slots() {
            if let Some(rank) = rank(slot.value.entry) {
                let start = list.text.len();
                list.text.extend_from_slice(self.text(slot));
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
