//! What an actor did after a playbook fired on them, and what else met them: whether it was right.

use std::collections::BTreeMap;

use sqreen::protocol::Timestamp;

use super::model::Actor;
use super::respond::{DAY, read_actor};
use crate::actions::Actions;
use crate::state::{Action, ActionCursor, ActionRecord, RunRecord, StateError, Targets, network};
use crate::store::{
    Check, Dimension, EventStore, Field, Filter, JsonField, ScanMonitor, StoreError, Test,
    TimeRange,
};

/// The most names of events that are told apart.
const NAMES: usize = 1_000;
/// How many actions are looked through, of those in force and of those that have ended.
const ACTIONS: usize = 1_000;

/// The day after a run, as far as it has come.
#[derive(Clone, Debug)]
pub(crate) struct After {
    pub(crate) actor: Actor,
    /// From the first microsecond after the run's last event.
    pub(crate) from: i64,
    /// Exclusive.
    pub(crate) until: i64,
}

/// The events of an actor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) events: u64,
    /// By their names, the most frequent first.
    pub(crate) names: Vec<(String, u64)>,
    /// Successful logins, as a backtest counts them.
    pub(crate) signed_in: u64,
    /// When the first of these was.
    pub(crate) first_signed_in: Option<i64>,
    /// Whether the count came to its end; if not, the last events are missing.
    pub(crate) whole: bool,
}

impl After {
    /// `None` if the run's actor cannot be read.
    pub(crate) fn of(run: &RunRecord) -> Option<Self> {
        let from = run.at.saturating_add(1);
        Some(Self {
            actor: read_actor(&run.actor)?,
            from,
            until: run
                .at
                .saturating_add(DAY)
                .min(Timestamp::now().as_micros())
                .max(from),
        })
    }

    /// The actor's events.
    pub(crate) fn filter(&self) -> Filter {
        let ip = Field::Dimension(Dimension::Ip);
        match &self.actor {
            Actor::Ip(net) if net.prefix_len() == net.max_prefix_len() => {
                Filter::equals(ip, network(net))
            }
            Actor::Ip(net) => Filter::Is(Test {
                field: ip,
                check: Check::In(vec![*net]),
            }),
            Actor::User(pairs) => {
                let pair = |(name, value): (&String, &String)| {
                    let field = Field::Json(JsonField::User, vec![name.clone()]);
                    Filter::equals(field, value)
                };
                Filter::All(pairs.iter().map(pair).collect())
            }
        }
    }

    /// Counts the actor's events in one pass, which the monitor may end early. Blocks on the disk.
    pub(crate) fn done(
        &self,
        store: &dyn EventStore,
        monitor: &ScanMonitor,
    ) -> Result<Done, StoreError> {
        let success = ["success".to_owned()];
        let fields = [
            Field::Dimension(Dimension::Name),
            Field::Json(JsonField::Properties, success.to_vec()),
        ];
        let range = TimeRange {
            from: Some(self.from),
            to: Some(self.until),
        };
        let is_true = Check::Equals(vec!["true".to_owned()]);
        let mut names: BTreeMap<String, u64> = BTreeMap::new();
        let mut done = Done::default();
        done.whole = store.scan_rows(&self.filter(), range, &fields, monitor, &mut |event| {
            done.events += 1;
            let Some(name) = event.text(Dimension::Name) else {
                return;
            };
            if *name == *"users.login" && event.meets(JsonField::Properties, &success, &is_true) {
                done.signed_in += 1;
                done.first_signed_in.get_or_insert(event.time());
            }
            if let Some(count) = names.get_mut(&*name) {
                *count += 1;
            } else if names.len() < NAMES {
                names.insert(name.into_owned(), 1);
            }
        })?;
        done.names = names.into_iter().collect();
        done.names
            .sort_by_key(|(_, events)| std::cmp::Reverse(*events));
        Ok(done)
    }

    /// The actions on the actor meanwhile, the newest first, but for those of the run itself; of thousands, some of
    /// those that have ended may be missing. Blocks.
    pub(crate) fn met(
        &self,
        actions: &Actions,
        run: &RunRecord,
    ) -> Result<Vec<ActionRecord>, StateError> {
        let mut found = match &self.actor {
            Actor::Ip(net) if net.prefix_len() == net.max_prefix_len() => {
                actions.met(None, Some(net.addr()), None)?
            }
            Actor::Ip(_) => actions.live_page(None, None, ACTIONS)?.0,
            Actor::User(pairs) => actions.met(None, None, Some(pairs))?,
        };
        // Nearly all actions end within a day.
        let before = ActionCursor {
            ended: self.until.saturating_add(DAY),
            row: i64::MAX,
        };
        found.extend(actions.past_page(None, Some(before), ACTIONS)?.0);
        found.retain(|record| {
            let ended = record.lifted_at.or(record.action.expires_at);
            record.run != Some(run.id)
                && record.created_at < self.until
                && ended.is_none_or(|ended| ended >= self.from)
                && self.concerns(&record.action)
        });
        found.sort_by_key(|record| std::cmp::Reverse(record.action.row));
        Ok(found)
    }

    fn concerns(&self, action: &Action) -> bool {
        match (&self.actor, &action.targets) {
            (Actor::Ip(net), Targets::Ips(nets)) => nets
                .iter()
                .any(|other| other.contains(net) || net.contains(other)),
            (Actor::User(user), Targets::Users(users)) if action.match_any => users
                .iter()
                .flatten()
                .any(|(name, value)| user.get(name) == Some(value)),
            (Actor::User(user), Targets::Users(users)) => users.contains(user),
            _ => false,
        }
    }
}
