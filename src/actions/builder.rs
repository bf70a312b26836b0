//! From actions on the wire to a table of them.

use std::time::{Duration, Instant};

use foldhash::quality::RandomState;

use super::address::{self, Network};
use super::chain::{Entry, NONE, Rank};
use super::check;
use super::error::{PackError, Problem};
use super::hit::ActionKind;
use super::index::count;
use super::networks::Target;
use super::table::{Record, Table};
use super::users::UserList;
use super::{MAX_ACTIONS, MAX_TARGETS, MAX_TEXT_BYTES};
use crate::protocol::Action;

/// Counts milliseconds since its making, on the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) const fn starting(now: Instant) -> Self {
        Self(now)
    }

    pub(super) fn tick(self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.0).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    /// The first tick after a duration from `start`; the highest number for none.
    fn end(self, start: Instant, duration: Option<Duration>) -> u64 {
        let since = start.saturating_duration_since(self.0);
        let end = duration.and_then(|duration| since.checked_add(duration));
        let nanos = end.map_or(u128::MAX, |end| end.as_nanos());
        u64::try_from(nanos.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// The targets of actions, not yet sorted.
#[derive(Debug, Default)]
pub(super) struct TargetLists {
    pub(super) v4: Vec<Target<u32>>,
    pub(super) v6: Vec<Target<u128>>,
    pub(super) exact: UserList,
    pub(super) any: UserList,
}

#[derive(Debug)]
pub(super) struct Builder {
    clock: Clock,
    pub(super) start: u64,
    pub(super) hasher: RandomState,
    pub(super) records: Vec<Record>,
    pub(super) text: String,
    pub(super) enforced: TargetLists,
    pub(super) dry_runs: TargetLists,
    /// Actions of unknown kinds.
    pub(super) skipped: usize,
}

impl Builder {
    /// `hasher` is that of all tables to copy from.
    pub(super) fn new(clock: Clock, now: Instant, hasher: RandomState) -> Self {
        Self {
            clock,
            start: clock.tick(now),
            hasher,
            records: Vec::new(),
            text: String::new(),
            enforced: TargetLists::default(),
            dry_runs: TargetLists::default(),
            skipped: 0,
        }
    }

    /// Adds an action whose duration starts at `received`.
    ///
    /// # Errors
    ///
    /// It is malformed, or one too many; the builder is then of no more use.
    pub(super) fn push(&mut self, action: &Action, received: Instant) -> Result<(), PackError> {
        let Some(kind) = ActionKind::of(&action.action) else {
            self.skipped += 1;
            return Ok(());
        };
        let id = &action.action_id;
        let wrong = |field, problem| PackError::action(id, field, problem);
        let id_len = check::id(id).map_err(|problem| wrong("action_id", problem))?;
        let duration = check::duration(action.duration);
        let duration = duration.map_err(|problem| wrong("duration", problem))?;
        let url = if kind.redirects() {
            let url = check::url(action.parameters.url.as_deref());
            url.map_err(|problem| wrong("parameters.url", problem))?
        } else {
            ""
        };
        let expires = self.clock.end(received, duration);
        let rank = Rank {
            blocks: !kind.redirects(),
            expires,
            action: count(self.records.len()),
        };
        self.record(id, url, |text| Record {
            expires,
            text,
            id_len,
            reported: action.send_response,
        })?;
        let (field, pushed) = match kind {
            ActionKind::BlockIp | ActionKind::RedirectIp => {
                ("parameters.ip_cidr", self.push_networks(action, rank))
            }
            ActionKind::BlockUser | ActionKind::RedirectUser => {
                ("parameters.users", self.push_users(action, rank))
            }
        };
        pushed.map_err(|problem| wrong(field, problem))?;
        self.check_targets()
    }

    fn record(
        &mut self,
        id: &str,
        url: &str,
        record: impl FnOnce(u32) -> Record,
    ) -> Result<(), PackError> {
        if self.records.len() >= MAX_ACTIONS {
            return Err(PackError::TooMany {
                what: "actions",
                limit: MAX_ACTIONS,
            });
        }
        self.records.push(record(count(self.text.len())));
        self.text.push_str(id);
        self.text.push_str(url);
        Ok(())
    }

    fn lists(&mut self, dry_run: bool) -> &mut TargetLists {
        if dry_run {
            &mut self.dry_runs
        } else {
            &mut self.enforced
        }
    }

    fn push_networks(&mut self, action: &Action, rank: Rank) -> Result<(), Problem> {
        let networks = &action.parameters.ip_cidr;
        if networks.is_empty() {
            return Err(Problem::Empty);
        }
        let lists = self.lists(action.dry_run);
        for text in networks {
            match address::parse(text) {
                Some(Network::V4(prefix)) => lists.v4.push(Target { prefix, rank }),
                Some(Network::V6(prefix)) => lists.v6.push(Target { prefix, rank }),
                None => return Err(Problem::address(text)),
            }
        }
        Ok(())
    }

    fn push_users(&mut self, action: &Action, rank: Rank) -> Result<(), Problem> {
        if action.parameters.users.is_empty() {
            return Err(Problem::Empty);
        }
        let hasher = self.hasher.clone();
        let lists = self.lists(action.dry_run);
        for identifiers in &action.parameters.users {
            let user = check::user(identifiers)?;
            if action.parameters.match_any {
                for one in user.iter() {
                    lists.any.push(&hasher, || std::iter::once(one), rank);
                }
            } else {
                lists.exact.push(&hasher, || user.iter(), rank);
            }
        }
        Ok(())
    }

    fn check_targets(&self) -> Result<(), PackError> {
        if self.targets() > MAX_TARGETS {
            return Err(PackError::TooMany {
                what: "addresses, networks and users",
                limit: MAX_TARGETS,
            });
        }
        let users = self.enforced.text_len() + self.dry_runs.text_len();
        if self.text.len() + users > MAX_TEXT_BYTES {
            return Err(PackError::TooMany {
                what: "bytes of ids, URLs and users",
                limit: MAX_TEXT_BYTES,
            });
        }
        Ok(())
    }

    /// How many addresses, networks and users there are.
    pub(super) fn targets(&self) -> usize {
        self.enforced.len() + self.dry_runs.len()
    }

    /// Sorts it all.
    ///
    /// # Errors
    ///
    /// Two actions have the same id.
    pub(super) fn build(self) -> Result<Table, PackError> {
        let table = Table::new(self);
        match table.duplicate_id() {
            Some(id) => Err(PackError::action(id, "action_id", Problem::Duplicate)),
            None => Ok(table),
        }
    }

    /// Adds the actions of a table that are to be kept.
    ///
    /// # Errors
    ///
    /// There are too many.
    pub(super) fn copy(
        &mut self,
        table: &Table,
        keep: impl Fn(u32) -> bool,
    ) -> Result<(), PackError> {
        let mut places = Vec::with_capacity(table.len());
        for (action, record) in table.records().iter().enumerate() {
            let action = count(action);
            if !keep(action) {
                places.push(NONE);
                continue;
            }
            places.push(count(self.records.len()));
            let (id, url) = (table.id(action), table.url(action));
            self.record(id, url, |text| Record { text, ..*record })?;
        }
        let rank = |entry: Entry| {
            let place = *places.get(entry.action() as usize)?;
            let record = table.records().get(entry.action() as usize)?;
            (place != NONE).then_some(Rank {
                blocks: !entry.redirects(),
                expires: record.expires,
                action: place,
            })
        };
        for (dry_run, targets) in [(false, &table.enforced), (true, &table.dry_runs)] {
            targets.copy(self.lists(dry_run), &rank);
        }
        self.check_targets()
    }
}

impl TargetLists {
    fn len(&self) -> usize {
        self.v4.len() + self.v6.len() + self.exact.len() + self.any.len()
    }

    fn text_len(&self) -> usize {
        self.exact.text_len() + self.any.text_len()
    }
}
