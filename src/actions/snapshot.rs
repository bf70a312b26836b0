use std::cell::Cell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use arc_swap::{ArcSwap, Guard};

use super::allow::Allowed;
use super::builder::Clock;
use super::chain::{Entry, State};
use super::hit::{ActionKind, Hit};
use super::table::{Found, Record, Table};
use crate::UserIdentifiers;

/// The actions in force, as requests see them.
#[derive(Debug)]
pub(crate) struct Enforced {
    snapshot: ArcSwap<Snapshot>,
    /// Whether the snapshot has any action: it spares the requests of an app without actions the
    /// larger part of a load.
    any: AtomicBool,
}

impl Enforced {
    pub(super) fn new(snapshot: Arc<Snapshot>) -> Self {
        Self {
            any: (!snapshot.is_empty()).into(),
            snapshot: ArcSwap::new(snapshot),
        }
    }

    /// Whether any action can apply, so that a request need not even resolve its client.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// What is in force now: one atomic load. Let go of it before awaiting anything.
    pub(crate) fn load(&self) -> Guard<Arc<Snapshot>> {
        self.snapshot.load()
    }

    pub(super) fn replace(&self, snapshot: Arc<Snapshot>) {
        let any = !snapshot.is_empty();
        self.snapshot.store(snapshot);
        self.any.store(any, Ordering::Release);
    }
}

/// The actions in force and the allow list, which never change.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(super) clock: Clock,
    /// The last whole pack, or what later changes were merged into.
    pub(super) base: Arc<Table>,
    /// Actions of the base that were lifted or replaced since, sorted.
    pub(super) lifted: Box<[u32]>,
    /// Actions since.
    pub(super) added: Arc<Table>,
    pub(super) allowed: Arc<Allowed>,
    pub(super) dry_run: bool,
}

/// Whom a lookup is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whom<'a> {
    V4(u32),
    V6(u128),
    User(&'a UserIdentifiers),
}

impl Snapshot {
    fn is_empty(&self) -> bool {
        self.base.len() == 0 && self.added.len() == 0
    }

    /// Whether the address or the path is in the allow list, which wins over every action.
    pub(crate) fn allows(&self, ip: Option<IpAddr>, path: &str) -> bool {
        !self.allowed.is_empty()
            && (self.allowed.path(path) || ip.is_some_and(|ip| self.allowed.ip(ip)))
    }

    /// The action on an address. `now` is read at most once, and only when there is an action
    /// that ends.
    pub(crate) fn by_ip(&self, ip: IpAddr, now: impl Fn() -> Instant) -> Option<Hit<'_>> {
        let whom = match ip.to_canonical() {
            IpAddr::V4(v4) => Whom::V4(v4.to_bits()),
            IpAddr::V6(v6) => Whom::V6(v6.to_bits()),
        };
        let (found, dry_run) = self.find(whom, now)?;
        let kind = if found.blocks() {
            ActionKind::BlockIp
        } else {
            ActionKind::RedirectIp
        };
        Some(Hit {
            table: found.table,
            action: found.action(),
            kind,
            dry_run,
        })
    }

    /// The action on a user. `now` is as for [`by_ip`](Self::by_ip).
    pub(crate) fn by_user(
        &self,
        user: &UserIdentifiers,
        now: impl Fn() -> Instant,
    ) -> Option<Hit<'_>> {
        let (found, dry_run) = self.find(Whom::User(user), now)?;
        let kind = if found.blocks() {
            ActionKind::BlockUser
        } else {
            ActionKind::RedirectUser
        };
        Some(Hit {
            table: found.table,
            action: found.action(),
            kind,
            dry_run,
        })
    }

    /// The best action, and whether it is a dry run.
    fn find(&self, whom: Whom<'_>, now: impl Fn() -> Instant) -> Option<(Found<'_>, bool)> {
        let read = Cell::new(None);
        let tick = || {
            let tick = read.get().unwrap_or_else(|| self.clock.tick(now()));
            read.set(Some(tick));
            tick
        };
        let state = |table: &Table, lifted: &[u32], entry: Entry| {
            if lifted.binary_search(&entry.action()).is_ok() {
                State::Lifted
            } else if table.has_expired(entry, tick) {
                State::Expired
            } else {
                State::InForce
            }
        };
        let (base, added) = (&*self.base, &*self.added);
        [false, true].into_iter().find_map(|dry_runs| {
            let old = base.find(dry_runs, whom, &|entry| state(base, &self.lifted, entry));
            let new = added.find(dry_runs, whom, &|entry| state(added, &[], entry));
            let best = Found::best(old, new)?;
            Some((best, dry_runs || self.dry_run))
        })
    }

    /// How many actions are in force.
    pub(crate) fn live(&self, now: Instant) -> u64 {
        let now = self.clock.tick(now);
        let is_in_force = |record: &&Record| now < record.expires;
        let live = |table: &Table| table.records().iter().filter(is_in_force).count();
        let lifted = self.lifted.iter();
        let lifted = lifted.filter(|action| self.base.is_in_force(**action, now));
        (live(&self.base) + live(&self.added)).saturating_sub(lifted.count()) as u64
    }
}
