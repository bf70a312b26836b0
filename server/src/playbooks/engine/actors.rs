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

/// What is remembered of an actor for one playbook.
#[derive(Debug)]
pub(super) struct Node {
    /// The playbook's place.
    pub(super) playbook: u32,
    pub(super) key: ActorKey,
    /// Until when everything is void; [`i64::MIN`] if nothing is.
    pub(super) void_until: i64,
    /// The windows, by the key of their group; 0 where there are none.
    pub(super) windows: Vec<(u64, Window)>,
    newer: u32,
    older: u32,
}

impl Node {
    fn bytes(&self) -> usize {
        let windows = self.windows.iter();
        let inner: usize = windows.map(|(_, window)| window.bytes()).sum();
        size_of::<Self>() + TABLE_BYTES + self.windows.len() * size_of::<(u64, Window)>() + inner
    }

    /// The window of the group, which is made if there is none.
    pub(super) fn window(&mut self, group: u64) -> &mut Window {
        let place = self.windows.iter().position(|(known, _)| *known == group);
        let place = place.unwrap_or_else(|| {
            // Most actors have one alone.
            self.windows.reserve_exact(1);
            self.windows.push((group, Window::default()));
            self.windows.len() - 1
        });
        &mut self.windows[place].1
    }

    /// Forgets what cannot matter from `clock` on; says whether nothing is left.
    fn is_over(&mut self, clock: i64, lateness: i64, terms: &Terms) -> bool {
        let open = clock.saturating_sub(lateness);
        let until = open.saturating_sub(terms.period);
        self.windows
            .retain(|(_, window)| !window.is_over(until, open));
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
        self.insert(Node {
            playbook,
            key,
            void_until,
            windows,
            newer: NONE,
            older: NONE,
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
        for _ in 0..SWEEP.min(self.nodes.len()) {
            self.hand = (self.hand + 1) % self.nodes.len();
            let Some(Some(node)) = self.nodes.get_mut(self.hand) else {
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
                self.remove(self.hand as u32);
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
