//! The allow list.

use ipnet::IpNet;
use serde_json::{Map, Value};
use sqreen::protocol::Allowlist;

use super::changes::Change;
use super::draft;
use super::limits::MAX_ALLOW_ENTRIES;
use super::service::{ActionError, Actions, Live, lock, now};
use crate::auth::Caller;
use crate::state::{AllowEntry, Event, Id, StateError};

impl Actions {
    /// The entries of the allow list, in the order of creation.
    pub(crate) fn allowed(&self) -> Vec<AllowEntry> {
        lock(&self.live).allowed.clone()
    }

    /// What the allow list has in common with the network, if anything.
    pub(crate) fn allows(&self, net: &IpNet) -> Option<IpNet> {
        let live = lock(&self.live);
        let mut allowed = live.allowed.iter().flat_map(|entry| &entry.ips);
        let meets = |other: &&IpNet| other.contains(net) || net.contains(*other);
        allowed.find(meets).copied()
    }

    /// Adds an entry to the allow list, see [`draft::allowed`]. Blocks.
    pub(crate) fn allow(
        &self,
        fields: Map<String, Value>,
        by: &Caller,
    ) -> Result<AllowEntry, ActionError> {
        let draft = draft::allowed(fields)?;
        let _writer = lock(&self.writer);
        let mut entries = self.allowed();
        if entries.len() >= MAX_ALLOW_ENTRIES {
            let full = format!("the allow list has {MAX_ALLOW_ENTRIES} entries, the limit");
            return Err(ActionError::Full(full));
        }
        let entry = self.state.add_allowed(&draft, now(), &by.name)?;
        tracing::info!(id = %entry.id, by = &*by.name, "entry added to the allow list");
        let id = entry.id.to_string();
        entries.push(entry.clone());
        self.put_allowed(entries);
        by.note(&*self.state, Event::AllowAdded, Some(&id), None);
        Ok(entry)
    }

    /// Removes an entry of the allow list; `None` if there never was one of that id. Blocks.
    pub(crate) fn disallow(&self, id: Id, by: &Caller) -> Result<Option<AllowEntry>, StateError> {
        let _writer = lock(&self.writer);
        let removed = self.state.remove_allowed(id, now(), &by.name)?;
        let mut entries = self.allowed();
        let before = entries.len();
        entries.retain(|entry| entry.id != id);
        if entries.len() < before {
            self.put_allowed(entries);
            let id = id.to_string();
            by.note(&*self.state, Event::AllowRemoved, Some(&id), None);
        }
        Ok(removed)
    }

    fn put_allowed(&self, entries: Vec<AllowEntry>) {
        let mut live = lock(&self.live);
        if live.take_allowed(entries) {
            // Old agents are told by commands of their own.
            live.changes.push(None, Change::Reload, false);
            drop(live);
            self.tell();
        }
    }
}

impl Live {
    /// Takes the entries of the allow list, and says whether they come to something else than before.
    pub(super) fn take_allowed(&mut self, entries: Vec<AllowEntry>) -> bool {
        let sorted = |texts: &mut Vec<String>| {
            texts.sort_unstable();
            texts.dedup();
        };
        let nets = entries.iter().flat_map(|entry| &entry.ips);
        let mut ips: Vec<_> = nets.map(ToString::to_string).collect();
        let mut paths: Vec<_> = entries
            .iter()
            .flat_map(|entry| &entry.paths)
            .cloned()
            .collect();
        sorted(&mut ips);
        sorted(&mut paths);
        let changed = (ips != self.allowlist.ips, paths != self.allowlist.paths);
        self.allowed_ips += u64::from(changed.0);
        self.allowed_paths += u64::from(changed.1);
        self.allowlist = Allowlist { ips, paths };
        self.allowed = entries;
        changed.0 || changed.1
    }
}
