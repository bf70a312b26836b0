//! An immutable set of actions.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;

use super::builder::{Builder, TargetLists};
use super::chain::{Entry, Rank, State, Until};
use super::index::{Index, Slot, count};
use super::networks::Networks;
use super::snapshot::Whom;
use super::users::Users;
use crate::UserIdentifiers;

/// What is kept of an action besides its targets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Milliseconds since the clock's start; the highest number has no end.
    pub(super) expires: u64,
    /// Where its id starts in the text; its URL follows.
    pub(super) text: u32,
    pub(super) id_len: u8,
    pub(super) reported: bool,
}

/// The targets of actions, by kind.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) v4: Networks<u32>,
    pub(super) v6: Networks<u128>,
    pub(super) exact: Users,
    /// Single identifiers, for actions that match any of them.
    pub(super) any: Users,
}

impl Targets {
    fn new(lists: TargetLists, start: u64) -> Self {
        Self {
            v4: Networks::new(lists.v4, start),
            v6: Networks::new(lists.v6, start),
            exact: Users::new(lists.exact, start),
            any: Users::new(lists.any, start),
        }
    }

    /// Adds the targets that still have a rank to lists.
    pub(super) fn copy(&self, lists: &mut TargetLists, rank: &impl Fn(Entry) -> Option<Rank>) {
        self.v4.copy(&mut lists.v4, rank);
        self.v6.copy(&mut lists.v6, rank);
        self.exact.copy(&mut lists.exact, rank);
        self.any.copy(&mut lists.any, rank);
    }
}

/// An action found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) table: &'a Table,
    entry: Entry,
}

impl Found<'_> {
    pub(super) const fn action(&self) -> u32 {
        self.entry.action()
    }

    pub(super) const fn blocks(&self) -> bool {
        !self.entry.redirects()
    }

    /// The better of two. Only then does it matter when they end, which is far away in memory.
    pub(super) fn best(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) if a.rank() < b.rank() => Some(b),
            (a, b) => a.or(b),
        }
    }

    fn rank(&self) -> (u8, bool, u64) {
        let record = self.table.record(self.action());
        let expires = record.map_or(0, |record| record.expires);
        (self.entry.len(), self.blocks(), expires)
    }
}

#[derive(Debug)]
pub(super) struct Table {
    /// When it was built, in milliseconds since the clock's start.
    start: u64,
    hasher: RandomState,
    records: Vec<Record>,
    text: String,
    /// Actions by the hash of their id.
    ids: Index<u32, u32>,
    pub(super) enforced: Targets,
    pub(super) dry_runs: Targets,
}

impl Table {
    pub(super) fn new(builder: Builder) -> Self {
        let Builder {
            start,
            hasher,
            mut records,
            mut text,
            enforced,
            dry_runs,
            ..
        } = builder;
        records.shrink_to_fit();
        text.shrink_to_fit();
        let mut table = Self {
            start,
            hasher,
            records,
            text,
            ids: Index::new(Vec::new()),
            enforced: Targets::new(enforced, start),
            dry_runs: Targets::new(dry_runs, start),
        };
        let actions = 0..count(table.len());
        let hashed = actions.map(|action| (table.hash(table.id(action)), action));
        let mut hashed = hashed.collect::<Vec<_>>();
        hashed.sort_unstable();
        let slots = hashed.into_iter().map(|(hash, id)| Slot::new(hash, id));
        table.ids = Index::new(slots.collect());
        table
    }

    /// Half of the hash is enough to tell where to look.
    fn hash(&self, id: &str) -> u32 {
        self.hasher.hash_one(id) as u32
    }

    /// An id that two actions have.
    pub(super) fn duplicate_id(&self) -> Option<&str> {
        let mut same = self.ids.slots().chunk_by(|a, b| a.key() == b.key());
        same.find_map(|slots| {
            let mut ids: Vec<&str> = slots.iter().map(|slot| self.id(slot.value)).collect();
            ids.sort_unstable();
            let mut pairs = ids.array_windows();
            pairs.find_map(|[a, b]| (a == b).then_some(*a))
        })
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    fn record(&self, action: u32) -> Option<&Record> {
        self.records.get(action as usize)
    }

    /// The action with an id.
    pub(super) fn by_id(&self, id: &str) -> Option<u32> {
        let hash = self.hash(id);
        let mut at = self.ids.last_up_to(hash)?;
        loop {
            let slot = self.ids.get(at).filter(|slot| slot.key() == hash)?;
            if self.id(slot.value) == id {
                return Some(slot.value);
            }
            at = at.checked_sub(1)?;
        }
    }

    pub(super) fn id(&self, action: u32) -> &str {
        self.texts(action).0
    }

    pub(super) fn url(&self, action: u32) -> &str {
        self.texts(action).1
    }

    fn texts(&self, action: u32) -> (&str, &str) {
        let Some(record) = self.record(action) else {
            return ("", "");
        };
        let next = self.record(action + 1);
        let end = next.map_or(self.text.len(), |next| next.text as usize);
        let text = self.text.get(record.text as usize..end);
        let text = text.and_then(|text| text.split_at_checked(record.id_len.into()));
        text.unwrap_or_default()
    }

    pub(super) fn reported(&self, action: u32) -> bool {
        self.record(action).is_some_and(|record| record.reported)
    }

    pub(super) fn is_in_force(&self, action: u32, now: u64) -> bool {
        self.record(action)
            .is_some_and(|record| now < record.expires)
    }

    pub(super) fn has_expired(&self, entry: Entry, now: impl FnOnce() -> u64) -> bool {
        match entry.until {
            Until::NEVER => false,
            Until::LATER => !self.is_in_force(entry.action(), now()),
            Until(until) => now().saturating_sub(self.start) >= until.into(),
        }
    }

    /// The best action in force on somebody, of those that are dry runs or of the others.
    pub(super) fn find(
        &self,
        dry_runs: bool,
        whom: Whom<'_>,
        state: &impl Fn(Entry) -> State,
    ) -> Option<Found<'_>> {
        let targets = if dry_runs {
            &self.dry_runs
        } else {
            &self.enforced
        };
        let entry = match whom {
            Whom::V4(v4) => targets.v4.find(v4, state),
            Whom::V6(v6) => targets.v6.find(v6, state),
            Whom::User(user) => return self.find_user(targets, user, state),
        };
        Some(self.found(entry?))
    }

    fn find_user(
        &self,
        targets: &Targets,
        user: &UserIdentifiers,
        state: &impl Fn(Entry) -> State,
    ) -> Option<Found<'_>> {
        let exact = targets.exact.find(&self.hasher, || user.iter(), state);
        let mut best = exact.map(|entry| self.found(entry));
        if !targets.any.is_empty() {
            for one in user.iter() {
                let one = || std::iter::once(one);
                let one = targets.any.find(&self.hasher, one, state);
                best = Found::best(best, one.map(|entry| self.found(entry)));
            }
        }
        best
    }

    const fn found(&self, entry: Entry) -> Found<'_> {
        Found { table: self, entry }
    }
}
