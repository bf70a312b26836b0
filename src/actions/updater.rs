use std::sync::Arc;
use std::time::Instant;

use foldhash::quality::RandomState;

use super::MAX_ACTIONS;
use super::allow::Allowed;
use super::builder::{Builder, Clock};
use super::error::PackError;
use super::snapshot::{Enforced, Snapshot};
use super::table::Table;
use crate::protocol::{Action, ActionsChange, ActionsState, ActionsVersion, Allowlist};

/// Changes that may stand beside the base. Each change copies those before it, and each merge
/// copies the base: this is about the root of the largest base, where both cost the same.
const MAX_ADDED: usize = 1_024;

/// All that is in force, as the login's answer or the pack tells it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pack<'a> {
    pub(crate) actions: &'a [Action],
    pub(crate) allowlist: &'a Allowlist,
    pub(crate) dry_run: bool,
    pub(crate) version: Option<&'a ActionsVersion>,
}

/// What became of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Actions of kinds that this SDK does not know.
    pub(crate) skipped: usize,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Followed {
    /// It tells what is in force already.
    Current,
    Applied,
    /// The whole pack is to be loaded: there was a gap, or the backend asks for it.
    Reload,
}

/// Changes what is in force; the agent has one.
#[derive(Debug)]
pub(crate) struct Updater {
    enforced: Arc<Enforced>,
    clock: Clock,
    hasher: RandomState,
    empty: Arc<Table>,
    /// What `enforced` holds.
    current: Arc<Snapshot>,
    /// Snapshots that a request may still read. They are kept so that it never frees them.
    retired: Vec<Arc<Snapshot>>,
    version: Option<ActionsVersion>,
    refusal: Option<Refusal>,
}

/// Why a pack or a change was refused.
#[derive(Debug)]
struct Refusal {
    why: String,
    /// A heartbeat has told it.
    is_told: bool,
    /// A good one came since.
    is_past: bool,
}

impl Updater {
    /// Starts with nothing in force.
    pub(crate) fn new(now: Instant) -> Self {
        let clock = Clock::starting(now);
        let hasher = RandomState::default();
        let empty = Arc::new(Table::new(Builder::new(clock, now, hasher.clone())));
        let current = Arc::new(Snapshot {
            clock,
            base: empty.clone(),
            lifted: Box::default(),
            added: empty.clone(),
            allowed: Arc::default(),
            dry_run: false,
        });
        Self {
            enforced: Arc::new(Enforced::new(current.clone())),
            clock,
            hasher,
            empty,
            current,
            retired: Vec::new(),
            version: None,
            refusal: None,
        }
    }

    /// What requests read.
    pub(crate) fn enforced(&self) -> Arc<Enforced> {
        self.enforced.clone()
    }

    /// Puts a whole pack in the place of all that is in force.
    ///
    /// # Errors
    ///
    /// The pack is malformed or too large; what is in force stays.
    pub(crate) fn load(&mut self, pack: Pack<'_>, received: Instant) -> Result<Loaded, PackError> {
        let loaded = self.try_load(pack, received);
        self.note(loaded.as_ref().err());
        loaded
    }

    fn try_load(&mut self, pack: Pack<'_>, received: Instant) -> Result<Loaded, PackError> {
        let allowed = Allowed::new(pack.allowlist)?;
        let mut builder = self.builder(received);
        for action in pack.actions {
            builder.push(action, received)?;
        }
        let skipped = builder.skipped;
        self.publish(Snapshot {
            clock: self.clock,
            base: Arc::new(builder.build()?),
            lifted: Box::default(),
            added: self.empty.clone(),
            allowed: Arc::new(allowed),
            dry_run: pack.dry_run,
        });
        self.version = pack.version.cloned();
        Ok(Loaded { skipped })
    }

    /// Takes a line of the stream of changes.
    ///
    /// # Errors
    ///
    /// The change is malformed, or brings too much; what is in force stays, and so does the
    /// position, so that the next line asks for the whole pack.
    pub(crate) fn follow(
        &mut self,
        change: &ActionsChange,
        received: Instant,
    ) -> Result<Followed, PackError> {
        let Some(version) = &self.version else {
            return Ok(Followed::Reload);
        };
        let keepalive = change.put.is_empty() && change.lift.is_empty();
        if change.reload || change.epoch != version.epoch {
            return Ok(Followed::Reload);
        }
        if change.seq == version.seq {
            return Ok(Followed::Current);
        }
        if keepalive || Some(change.seq) != version.seq.checked_add(1) {
            return Ok(Followed::Reload);
        }
        let applied = self.apply(&change.put, &change.lift, received);
        self.note(applied.as_ref().err());
        applied?;
        if let Some(version) = &mut self.version {
            version.seq = change.seq;
        }
        Ok(Followed::Applied)
    }

    /// Lifts actions, then puts others, each in the place of the one with its id.
    fn apply(
        &mut self,
        put: &[Action],
        lift: &[String],
        received: Instant,
    ) -> Result<(), PackError> {
        let now = self.clock.tick(received);
        let Snapshot { base, added, .. } = &*self.current;
        let mut lifted = self.current.lifted.to_vec();
        let mut ended = Vec::new();
        for id in put.iter().map(|action| &action.action_id).chain(lift) {
            lifted.extend(base.by_id(id));
            ended.extend(added.by_id(id));
        }
        for list in [&mut lifted, &mut ended] {
            list.sort_unstable();
            list.dedup();
        }
        let mut builder = self.builder(received);
        builder.copy(added, keep(added, &ended, now))?;
        for action in put {
            builder.push(action, received)?;
        }
        let total = base.len() - lifted.len() + builder.records.len();
        if builder.targets() + lifted.len() > MAX_ADDED || total > MAX_ACTIONS {
            builder.copy(base, keep(base, &lifted, now))?;
            let merged = Arc::new(builder.build()?);
            self.change(merged, Vec::new(), self.empty.clone());
        } else {
            let added = Arc::new(builder.build()?);
            self.change(base.clone(), lifted, added);
        }
        Ok(())
    }

    /// Frees what no request reads any more, and what has expired if that is most. For each
    /// heartbeat.
    pub(crate) fn tidy(&mut self, now: Instant) {
        self.free();
        let all = self.current.base.len() + self.current.added.len();
        if all as u64 <= self.current.live(now).saturating_mul(2) {
            return;
        }
        // A part of what is in force is within every limit. If it were not, all of it stays.
        if let Ok(merged) = self.merged(now) {
            self.change(Arc::new(merged), Vec::new(), self.empty.clone());
        }
    }

    /// All that is still in force, in one table.
    fn merged(&self, now: Instant) -> Result<Table, PackError> {
        let Snapshot {
            base,
            lifted,
            added,
            ..
        } = &*self.current;
        let tick = self.clock.tick(now);
        let mut builder = self.builder(now);
        builder.copy(added, keep(added, &[], tick))?;
        builder.copy(base, keep(base, lifted, tick))?;
        builder.build()
    }

    /// Notes why a pack did not even get here: it was too large, or no JSON.
    pub(crate) fn refuse(&mut self, why: String) {
        self.refusal = Some(Refusal {
            why,
            is_told: false,
            is_past: false,
        });
    }

    fn note(&mut self, error: Option<&PackError>) {
        match (error, &mut self.refusal) {
            (Some(error), _) => self.refuse(error.to_string()),
            // Another may have taken its place before a heartbeat could tell it.
            (None, Some(refusal)) if !refusal.is_told => refusal.is_past = true,
            (None, refusal) => *refusal = None,
        }
    }

    /// Notes that a heartbeat told this state.
    pub(crate) fn told(&mut self, state: &ActionsState) {
        if let Some(refusal) = &mut self.refusal
            && state.error.as_ref() == Some(&refusal.why)
        {
            refusal.is_told = true;
            if refusal.is_past {
                self.refusal = None;
            }
        }
    }

    /// The position of what is in force.
    pub(crate) const fn version(&self) -> Option<&ActionsVersion> {
        self.version.as_ref()
    }

    /// What heartbeats tell.
    pub(crate) fn state(&self, now: Instant) -> ActionsState {
        ActionsState {
            version: self.version.clone(),
            live: self.current.live(now),
            error: self.refusal.as_ref().map(|refusal| refusal.why.clone()),
        }
    }

    fn builder(&self, now: Instant) -> Builder {
        Builder::new(self.clock, now, self.hasher.clone())
    }

    /// Publishes other actions with the same allow list.
    fn change(&mut self, base: Arc<Table>, lifted: Vec<u32>, added: Arc<Table>) {
        self.publish(Snapshot {
            base,
            lifted: lifted.into(),
            added,
            allowed: self.current.allowed.clone(),
            ..*self.current
        });
    }

    fn publish(&mut self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.enforced.replace(snapshot.clone());
        let before = std::mem::replace(&mut self.current, snapshot);
        self.retired.push(before);
        self.free();
    }

    /// A snapshot that nothing else holds can get no new holder, since it is not in force.
    fn free(&mut self) {
        self.retired
            .retain(|snapshot| Arc::strong_count(snapshot) > 1);
    }
}

/// Which actions of a table stay: those that are not gone, and have not expired.
fn keep(table: &Table, gone: &[u32], now: u64) -> impl Fn(u32) -> bool {
    move |action| gone.binary_search(&action).is_err() && table.is_in_force(action, now)
}
