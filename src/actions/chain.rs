//! Which of several actions that concern one target applies.

use super::MAX_ACTIONS;
use super::index::count;

/// No position.
pub(super) const NONE: u32 = u32::MAX;

/// An action on one target, as a lookup needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) until: Until,
    /// The action, three flags, and at the top the length of the network.
    word: u32,
}

/// When an action ends, in milliseconds since its table was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Until(pub(super) u32);

impl Until {
    pub(super) const NEVER: Self = Self(u32::MAX);
    /// More than 49 days ahead: only the action itself knows.
    pub(super) const LATER: Self = Self(u32::MAX - 1);

    fn new(expires: u64, start: u64) -> Self {
        if expires == u64::MAX {
            return Self::NEVER;
        }
        match u32::try_from(expires.saturating_sub(start)) {
            Ok(ms) if ms < Self::LATER.0 => Self(ms),
            _ => Self::LATER,
        }
    }
}

const LEN: u32 = 24;
/// The entry before this one is the next best, and of the same class.
const MORE: u32 = 1 << 23;
const REDIRECT: u32 = 1 << 22;
/// The entry only repeats another one, which comes after it in the chain.
const REPEAT: u32 = 1 << 21;
const ACTION: u32 = REPEAT - 1;

const _: () = assert!(MAX_ACTIONS <= ACTION as usize, "every action has a number");

impl Entry {
    fn new(rank: Rank, len: u8, start: u64, more: bool) -> Self {
        let flag = |flag: u32, set: bool| if set { flag } else { 0 };
        Self {
            until: Until::new(rank.expires, start),
            word: rank.action
                | u32::from(len) << LEN
                | flag(MORE, more)
                | flag(REDIRECT, !rank.blocks),
        }
    }

    pub(super) const BYTES: usize = 8;

    pub(super) const fn to_bytes(self) -> [u8; Self::BYTES] {
        ((self.until.0 as u64) << 32 | self.word as u64).to_le_bytes()
    }

    pub(super) const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let both = u64::from_le_bytes(bytes);
        Self {
            until: Until((both >> 32) as u32),
            word: both as u32,
        }
    }

    /// The same where the chain is entered elsewhere.
    pub(super) const fn repeat(self) -> Self {
        Self {
            word: self.word & !MORE | REPEAT,
            ..self
        }
    }

    pub(super) const fn action(self) -> u32 {
        self.word & ACTION
    }

    /// Bits of its network.
    pub(super) const fn len(self) -> u8 {
        (self.word >> LEN) as u8
    }

    pub(super) const fn redirects(self) -> bool {
        self.word & REDIRECT != 0
    }

    pub(super) const fn repeats(self) -> bool {
        self.word & REPEAT != 0
    }
}

/// Whether an action applies now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    InForce,
    Expired,
    Lifted,
}

/// An action on one target, before it has a place. In order, the best comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) blocks: bool,
    /// Milliseconds since the clock's start.
    pub(super) expires: u64,
    pub(super) action: u32,
}

/// Where to go on from each entry when neither it nor its class applies.
///
/// The entries of one target stand together, the best last. Those of one kind are a class: they
/// are sorted by their end, so that when one has expired the rest of its class has too, and a
/// walk leaves it at once.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// Up to the last entry that has anywhere to go.
    after: Vec<u32>,
}

impl Chain {
    /// Makes the entries of a target, whose first is to stand at `at`. After them comes `next`.
    pub(super) fn link(
        &mut self,
        ranks: &[Rank],
        (len, start): (u8, u64),
        (mut at, mut next): (usize, u32),
        mut push: impl FnMut(Entry),
    ) {
        for class in ranks.chunk_by(|a, b| a.blocks == b.blocks) {
            for (place, rank) in class.iter().enumerate() {
                push(Entry::new(*rank, len, start, place > 0));
                self.set(at, next);
                at += 1;
            }
            next = count(at - 1);
        }
    }

    pub(super) fn set(&mut self, at: usize, next: u32) {
        if next != NONE {
            self.after.resize(at, NONE);
            self.after.push(next);
        }
    }

    pub(super) fn shrink(&mut self) {
        self.after.shrink_to_fit();
    }

    /// The first entry that is in force, from one and its position on.
    pub(super) fn first(
        &self,
        (mut entry, mut at): (Entry, u32),
        entries: impl Fn(u32) -> Option<Entry>,
        state: &impl Fn(Entry) -> State,
    ) -> Option<Entry> {
        loop {
            at = match state(entry) {
                State::InForce => return Some(entry),
                State::Lifted if entry.word & MORE != 0 => at.checked_sub(1)?,
                State::Lifted | State::Expired => *self.after.get(at as usize)?,
            };
            entry = entries(at)?;
        }
    }
}
