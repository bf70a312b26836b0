//! The actors that are remembered: found by key, bounded in number and bytes, the least recently active ones first to
//! go.

use std::collections::HashMap;
use std::mem::size_of;

use super::keys::ActorKey;
use super::window::{Terms, Window};

/// No node.
const NONE: u32 = u32::MAX;
/// What the tables beside the nodes take for each, roughly.
const TABLE_BYTES: usize = 40;
/// How many nodes are looked at, whether they are over, for each event that counts.
const SWEEP: usize = 2;
/// All nodes are looked at so often at most, in microseconds of the clock.
const ROUND: i64 = 1_000_000;
/// The most groups of an actor: without it, one address could send as many as it likes, and drive all others out.
const MAX_GROUPS: usize = 1_024;

/// What is remembered of an actor for one playbook.
#[derive(Debug)]
pub(super) struct Node {
    /// The playbook's place.
    pub(super) playbook: u32,
    pub(super) key: ActorKey,
    /// Until when everything is void; [`i64::MIN`] if nothing is.
    pub(super) void_until: i64,
    /// The windows, in the order of the keys of their groups; 0 where there are none.
    windows: Vec<(u64, Window)>,
    /// The bytes that they take.
    inner: usize,
    newer: u32,
    older: u32,
}

impl Node {
    fn bytes(&self) -> usize {
        size_of::<Self>() + TABLE_BYTES + self.inner
    }

    fn count(&mut self) {
        let bytes = |(_, window): &(u64, Window)| size_of::<(u64, Window)>() + window.bytes();
        self.inner = self.windows.iter().map(bytes).sum();
    }

    /// The windows, by the keys of their groups.
    pub(super) fn windows(&self) -> &[(u64, Window)] {
        &self.windows
    }

    fn place(&self, group: u64) -> Result<usize, usize> {
        self.windows
            .binary_search_by_key(&group, |(known, _)| *known)
    }

    /// Lets groups go that were active the longest ago, where there is no room for this one; says whether any went.
    pub(super) fn make_room(&mut self, group: u64) -> bool {
        if self.windows.len() < MAX_GROUPS || self.place(group).is_ok() {
            return false;
        }
        let mut active: Vec<_> = self
            .windows
            .iter()
            .map(|(_, window)| window.active())
            .collect();
        // An eighth at once, so that not every new one looks at all.
        let (_, last, _) = active.select_nth_unstable(MAX_GROUPS / 8);
        let last = *last;
        self.windows.retain(|(_, window)| window.active() > last);
        self.count();
        true
    }

    /// Changes the window of a group, which is made if there is none.
    pub(super) fn change<T>(&mut self, group: u64, change: impl FnOnce(&mut Window) -> T) -> T {
        let place = self.place(group).unwrap_or_else(|place| {
            if self.windows.len() == self.windows.capacity() {
                // Most actors have one alone.
                self.windows.reserve_exact(self.windows.len().max(1));
            }
            self.windows.insert(place, (group, Window::default()));
            self.inner += size_of::<(u64, Window)>();
            place
        });
        let window = &mut self.windows[place].1;
        let before = window.bytes();
        let changed = change(window);
        self.inner = self.inner - before + window.bytes();
        changed
    }

    /// Voids what happened until then, in all groups.
    pub(super) fn void(&mut self, until: i64, terms: &Terms) {
        self.void_until = self.void_until.max(until);
        for (_, window) in &mut self.windows {
            window.void(until, terms);
        }
        self.count();
    }

    /// Forgets what cannot matter from `clock` on; says whether nothing is left.
    fn is_over(&mut self, clock: i64, lateness: i64, terms: &Terms) -> bool {
        let open = clock.saturating_sub(lateness);
        let until = open.saturating_sub(terms.period);
        self.windows
            .retain(|(_, window)| !window.is_over(until, open));
        self.count();
        self.windows.is_empty() && self.void_until < open
    }
}

/// All actors of all playbooks.
#[derive(Debug)]
pub(super) struct ActorTable {
    nodes: Vec<Option<Node>>,
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
            at = node.newer;
            if let Some(place) = place_of(node.playbook) {
                node.playbook = place;
                next.insert(node);
            }
        }
        *self = next;
    }

    /// The nodes, the least recently active first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        let node = |at: u32| self.nodes.get(at as usize).and_then(Option::as_ref);
        std::iter::successors(node(self.oldest), move |last| node(last.newer))
    }

    /// Adds a node as the most recently active; there must be none of its actor.
    pub(super) fn add(
        &mut self,
        playbook: u32,
        key: ActorKey,
        void_until: i64,
        windows: Vec<(u64, Window)>,
    ) {
        let mut node = Node {
            playbook,
            key,
            void_until,
            windows,
            inner: 0,
            newer: NONE,
            older: NONE,
        };
        node.windows.sort_unstable_by_key(|(group, _)| *group);
        node.count();
        self.insert(node);
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
                self.unlink(at);
                self.link(at);
                at
            }
            None => {
                self.add(playbook, key, i64::MIN, Vec::new());
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
            let before = node.bytes();
            let over = node.is_over(clock, lateness, terms);
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

    fn node(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize).and_then(Option::as_mut)
    }

    /// Makes it the most recently active.
    fn link(&mut self, at: u32) {
        let newest = self.newest;
        if let Some(node) = self.node(at) {
            (node.newer, node.older) = (NONE, newest);
        }
        match self.node(newest) {
            Some(before) => before.newer = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    fn unlink(&mut self, at: u32) {
        let Some(node) = self.node(at) else { return };
        let (newer, older) = (node.newer, node.older);
        match self.node(newer) {
            Some(node) => node.older = older,
            None => self.newest = older,
        }
        match self.node(older) {
            Some(node) => node.newer = newer,
            None => self.oldest = newer,
        }
    }
}
