//! The actors that are remembered: found by key, bounded in number and bytes, the least recently active ones first to
//! go.

use std::hash::BuildHasher;
use std::mem::size_of;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use super::groups::Groups;
use super::keys::ActorKey;
use super::recency::Recency;
use super::terms::Terms;

/// What the tables beside the nodes take for each, roughly.
const TABLE_BYTES: usize = 32;
/// How many nodes are looked at, whether they are over, for each event that counts.
const SWEEP: usize = 2;
/// Nodes of one piece.
const PIECE: usize = 4_096;
/// All nodes are looked at so often at most, in microseconds of the clock.
const ROUND: i64 = 1_000_000;
/// What is remembered of an actor for one playbook.
#[derive(Debug)]
pub(super) struct Node {
    /// The playbook's place.
    pub(super) playbook: u32,
    pub(super) key: ActorKey,
    /// Until when everything is void; [`i64::MIN`] if nothing is.
    pub(super) void_until: i64,
    pub(super) groups: Groups,
    /// Nothing is over before this time of events that may still come.
    look_at: i64,
}

impl Node {
    fn bytes(&self) -> usize {
        size_of::<Self>() + TABLE_BYTES + self.groups.bytes
    }

    /// Voids what happened until then, in all groups.
    pub(super) fn void(&mut self, until: i64, terms: &Terms) {
        self.void_until = self.void_until.max(until);
        self.groups.void(until, terms);
    }

    /// Forgets what cannot matter if no event before `open` counts; says whether nothing is left.
    fn is_over(&mut self, open: i64, terms: &Terms) -> bool {
        let next = self.groups.forget(open, terms);
        let void = (self.void_until >= open).then(|| self.void_until.saturating_add(1));
        self.look_at = next.or(void).unwrap_or(open);
        next.is_none() && void.is_none()
    }
}

/// Nodes by their numbers, in pieces: a list that grows would be copied as a whole, and events would wait.
#[derive(Debug, Default)]
struct Nodes {
    pieces: Vec<Vec<Option<Node>>>,
}

impl Nodes {
    /// How many numbers there are; nodes are counted by 32 bits.
    fn count(&self) -> u32 {
        let last = self.pieces.last().map_or(0, Vec::len);
        (self.pieces.len().saturating_sub(1) * PIECE + last) as u32
    }

    fn get(&self, at: u32) -> Option<&Node> {
        let piece = self.pieces.get(at as usize / PIECE)?;
        piece.get(at as usize % PIECE)?.as_ref()
    }

    fn get_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.slot(at)?.as_mut()
    }

    fn slot(&mut self, at: u32) -> Option<&mut Option<Node>> {
        let piece = self.pieces.get_mut(at as usize / PIECE)?;
        piece.get_mut(at as usize % PIECE)
    }

    fn key_of(&self, at: u32) -> Option<ActorKey> {
        self.get(at).map(|node| node.key)
    }

    fn take(&mut self, at: u32) -> Option<Node> {
        self.slot(at)?.take()
    }

    /// Puts a node at a free number, or at the next.
    fn put(&mut self, at: u32, node: Node) {
        if let Some(slot) = self.slot(at) {
            *slot = Some(node);
            return;
        }
        match self.pieces.last_mut() {
            Some(piece) if piece.len() < PIECE => piece.push(Some(node)),
            _ => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(Some(node));
                self.pieces.push(piece);
            }
        }
    }
}

/// All actors of all playbooks.
#[derive(Debug)]
pub(super) struct ActorTable {
    nodes: Nodes,
    free: Vec<u32>,
    /// For each playbook, the nodes by their actors, whose keys lie in the nodes alone: what is looked at for each event
    /// is small.
    places: Vec<HashTable<u32>>,
    hasher: RandomState,
    recency: Recency,
    /// Where the sweep goes on.
    hand: u32,
    /// When the next round of the sweep may begin.
    next_round: i64,
    pub(super) actors: usize,
    pub(super) bytes: usize,
    pub(super) evicted: u64,
}

impl ActorTable {
    pub(super) fn new(playbooks: usize) -> Self {
        Self {
            nodes: Nodes::default(),
            free: Vec::new(),
            places: (0..playbooks).map(|_| HashTable::new()).collect(),
            hasher: RandomState::default(),
            recency: Recency::default(),
            hand: 0,
            next_round: i64::MIN,
            actors: 0,
            bytes: 0,
            evicted: 0,
        }
    }

    /// Gives playbooks other places: `place_of` tells that of each, or that it is gone. Who was active last stays so.
    pub(super) fn rearrange(&mut self, playbooks: usize, place_of: impl Fn(u32) -> Option<u32>) {
        let mut next = Self {
            evicted: self.evicted,
            ..Self::new(playbooks)
        };
        for at in self.recency.iter() {
            let Some(mut node) = self.nodes.take(at) else {
                continue;
            };
            if let Some(place) = place_of(node.playbook) {
                node.playbook = place;
                next.insert(node);
            }
        }
        *self = next;
    }

    /// The nodes, the least recently active first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        let places = self.recency.iter();
        places.filter_map(|at| self.nodes.get(at))
    }

    /// Adds a node as the most recently active; there must be none of its actor.
    pub(super) fn add(
        &mut self,
        playbook: u32,
        key: ActorKey,
        void_until: i64,
        groups: Groups,
    ) -> u32 {
        self.insert(Node {
            playbook,
            key,
            void_until,
            groups,
            look_at: i64::MIN,
        })
    }

    /// Changes what is remembered of an actor, who is the most recently active then.
    pub(super) fn change<T>(
        &mut self,
        playbook: u32,
        key: ActorKey,
        change: impl FnOnce(&mut Node) -> T,
    ) -> Option<T> {
        let nodes = &self.nodes;
        let is_key = |at: &u32| nodes.key_of(*at) == Some(key);
        let places = self.places.get(playbook as usize)?;
        let known = places.find(self.hasher.hash_one(key), is_key).copied();
        let at = match known {
            Some(at) => {
                self.recency.touch(at);
                at
            }
            None => self.add(playbook, key, i64::MIN, Groups::default()),
        };
        let node = self.nodes.get_mut(at)?;
        let before = node.bytes();
        let changed = change(node);
        self.bytes = self.bytes - before + node.bytes();
        Some(changed)
    }

    /// Looks at a few nodes, and lets go of those that are over.
    pub(super) fn sweep(&mut self, clock: i64, lateness: i64, terms: &[Terms]) {
        let open = clock.saturating_sub(lateness);
        for _ in 0..SWEEP {
            if self.hand == 0 {
                if clock < self.next_round {
                    return;
                }
                self.next_round = clock.saturating_add(ROUND);
                self.hand = self.nodes.count();
            }
            let Some(at) = self.hand.checked_sub(1) else {
                return;
            };
            self.hand = at;
            let Some(node) = self.nodes.get_mut(at) else {
                continue;
            };
            let Some(terms) = terms.get(node.playbook as usize) else {
                continue;
            };
            if open < node.look_at {
                continue;
            }
            let before = node.bytes();
            let over = node.is_over(open, terms);
            self.bytes = self.bytes - before + node.bytes();
            if over {
                self.remove(at);
            }
        }
    }

    /// Lets go of the least recently active until there are no more than these.
    pub(super) fn bound(&mut self, actors: usize, bytes: usize) {
        while (self.actors > actors || self.bytes > bytes)
            && let Some(oldest) = self.recency.oldest()
        {
            self.remove(oldest);
            self.evicted += 1;
        }
    }

    /// Answers where it is.
    fn insert(&mut self, node: Node) -> u32 {
        self.actors += 1;
        self.bytes += node.bytes();
        let (playbook, key) = (node.playbook, node.key);
        let at = self.free.pop().unwrap_or_else(|| self.nodes.count());
        self.nodes.put(at, node);
        if let Some(places) = self.places.get_mut(playbook as usize) {
            let (nodes, hasher) = (&self.nodes, &self.hasher);
            let hash_of = |at: &u32| nodes.key_of(*at).map_or(0, |key| hasher.hash_one(key));
            places.insert_unique(hasher.hash_one(key), at, hash_of);
        }
        self.recency.touch(at);
        at
    }

    fn remove(&mut self, at: u32) {
        self.recency.remove(at);
        let Some(node) = self.nodes.take(at) else {
            return;
        };
        self.free.push(at);
        self.actors -= 1;
        self.bytes -= node.bytes();
        if let Some(places) = self.places.get_mut(node.playbook as usize) {
            let hash = self.hasher.hash_one(node.key);
            if let Ok(found) = places.find_entry(hash, |known| *known == at) {
                found.remove();
            }
        }
    }
}
