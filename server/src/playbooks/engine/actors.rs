//! The actors that are remembered: found by key, bounded in number and bytes, the least recently active ones first to
//! go.

use std::collections::HashMap;
use std::mem::size_of;

use super::groups::Groups;
use super::keys::ActorKey;
use super::terms::Terms;

/// No node.
const NONE: u32 = u32::MAX;
/// What the tables beside the nodes take for each, roughly.
const TABLE_BYTES: usize = 48;
/// How many nodes are looked at, whether they are over, for each event that counts.
const SWEEP: usize = 2;
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

/// Who was active before and after.
#[derive(Clone, Copy, Debug)]
struct Link {
    newer: u32,
    older: u32,
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

/// All actors of all playbooks.
#[derive(Debug)]
pub(super) struct ActorTable {
    nodes: Vec<Option<Node>>,
    /// Of each node, apart from it: much less is touched when one becomes the newest.
    links: Vec<Link>,
    free: Vec<u32>,
    /// For each playbook, the nodes by their actors.
    places: Vec<HashMap<ActorKey, u32, foldhash::fast::RandomState>>,
    newest: u32,
    oldest: u32,
    /// Where the sweep goes on.
    hand: usize,
    /// When the next round of the sweep may begin.
    next_round: i64,
    pub(super) actors: usize,
    pub(super) bytes: usize,
    pub(super) evicted: u64,
}

impl ActorTable {
    pub(super) fn new(playbooks: usize) -> Self {
        Self {
            nodes: Vec::new(),
            links: Vec::new(),
            free: Vec::new(),
            places: (0..playbooks).map(|_| HashMap::default()).collect(),
            newest: NONE,
            oldest: NONE,
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
        let mut at = self.oldest;
        while let Some(mut node) = self.nodes.get_mut(at as usize).and_then(Option::take) {
            at = self.links.get(at as usize).map_or(NONE, |link| link.newer);
            if let Some(place) = place_of(node.playbook) {
                node.playbook = place;
                next.insert(node);
            }
        }
        *self = next;
    }

    /// The nodes, the least recently active first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        let next = |at: &u32| self.links.get(*at as usize).map(|link| link.newer);
        let places = std::iter::successors(Some(self.oldest), next);
        places.map_while(|at| self.nodes.get(at as usize).and_then(Option::as_ref))
    }

    /// Adds a node as the most recently active; there must be none of its actor.
    pub(super) fn add(&mut self, playbook: u32, key: ActorKey, void_until: i64, groups: Groups) {
        self.insert(Node {
            playbook,
            key,
            void_until,
            groups,
            look_at: i64::MIN,
        });
    }

    /// Changes what is remembered of an actor, who is the most recently active then.
    pub(super) fn change<T>(
        &mut self,
        playbook: u32,
        key: ActorKey,
        change: impl FnOnce(&mut Node) -> T,
    ) -> Option<T> {
        let known = self.places.get(playbook as usize)?.get(&key).copied();
        let at = match known {
            Some(at) => {
                if at != self.newest {
                    self.unlink(at);
                    self.link(at);
                }
                at
            }
            None => {
                self.add(playbook, key, i64::MIN, Groups::default());
                self.newest
            }
        };
        let node = self.nodes.get_mut(at as usize)?.as_mut()?;
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
                self.hand = self.nodes.len();
            }
            let Some(at) = self.hand.checked_sub(1) else {
                return;
            };
            self.hand = at;
            let Some(Some(node)) = self.nodes.get_mut(at) else {
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
                // Nodes are counted by 32 bits.
                self.remove(at as u32);
            }
        }
    }

    /// Lets go of the least recently active until there are no more than these.
    pub(super) fn bound(&mut self, actors: usize, bytes: usize) {
        while (self.actors > actors || self.bytes > bytes) && self.oldest != NONE {
            self.remove(self.oldest);
            self.evicted += 1;
        }
    }

    fn insert(&mut self, node: Node) {
        self.actors += 1;
        self.bytes += node.bytes();
        let (playbook, key) = (node.playbook, node.key);
        let at = match self.free.pop() {
            Some(at) => at,
            None => {
                self.nodes.push(None);
                self.links.push(Link {
                    newer: NONE,
                    older: NONE,
                });
                (self.nodes.len() - 1) as u32
            }
        };
        if let Some(slot) = self.nodes.get_mut(at as usize) {
            *slot = Some(node);
        }
        if let Some(places) = self.places.get_mut(playbook as usize) {
            places.insert(key, at);
        }
        self.link(at);
    }

    fn remove(&mut self, at: u32) {
        self.unlink(at);
        let Some(node) = self.nodes.get_mut(at as usize).and_then(Option::take) else {
            return;
        };
        self.free.push(at);
        self.actors -= 1;
        self.bytes -= node.bytes();
        if let Some(places) = self.places.get_mut(node.playbook as usize) {
            places.remove(&node.key);
        }
    }

    fn link_of(&mut self, at: u32) -> Option<&mut Link> {
        self.links.get_mut(at as usize)
    }

    /// Makes it the most recently active.
    fn link(&mut self, at: u32) {
        let newest = self.newest;
        if let Some(link) = self.link_of(at) {
            (link.newer, link.older) = (NONE, newest);
        }
        match self.link_of(newest) {
            Some(before) => before.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let Some(Link { newer, older }) = self.link_of(at).copied() else {
            return;
        };
        match self.link_of(newer) {
            Some(link) => link.older = older,
            None => self.newest = older,
        }
        match self.link_of(older) {
            Some(link) => link.newer = newer,
            None => self.oldest = newer,
        }
    }
}
