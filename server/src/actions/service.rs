//! The decisions.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use sqreen::protocol::{Allowlist, Timestamp};
use tokio::sync::watch;

use super::changes::{Change, Changes};
use super::critical::{self, Proxies};
use super::draft;
use super::limits::MAX_LIVE;
use super::live::LiveSet;
use crate::auth::Caller;
use crate::fields::FieldError;
use crate::state::{
    Action, ActionCursor, ActionDraft, ActionRecord, AllowEntry, Event, Id, Origin, Settings,
    StateError, StateStore, Targets, User, key, network,
};

/// Why a decision is not taken.
#[derive(Debug)]
pub(crate) enum ActionError {
    /// What was sent is wrong.
    Field(FieldError),
    /// The targets are critical, and nobody said that they are meant.
    Critical(FieldError),
    /// There are as many as there may be.
    Full(String),
    State(StateError),
}

impl From<FieldError> for ActionError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<StateError> for ActionError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// What streams wait for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct News {
    /// How many changes there were.
    changes: u64,
    /// Whether the server ends.
    pub(crate) closing: bool,
}

/// All security responses.
#[derive(Debug)]
pub(crate) struct Actions {
    pub(super) epoch: String,
    pub(super) state: Arc<dyn StateStore>,
    /// Held from the write to the store until memory has it, so that both have one order.
    pub(super) writer: Mutex<()>,
    pub(super) live: Mutex<Live>,
    proxies: Mutex<Proxies>,
    news: watch::Sender<News>,
}

/// What is in force.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) set: LiveSet,
    pub(super) changes: Changes,
    pub(super) settings: Settings,
    pub(super) allowed: Vec<AllowEntry>,
    /// What the entries come to.
    pub(super) allowlist: Allowlist,
    /// How often its addresses changed.
    pub(super) allowed_ips: u64,
    /// How often its paths changed.
    pub(super) allowed_paths: u64,
}

/// A page of actions, and where the next one starts.
pub(crate) type ActionPage = (Vec<ActionRecord>, Option<ActionCursor>);

impl Actions {
    /// Reads what is in force.
    pub(crate) fn open(state: Arc<dyn StateStore>) -> Result<Self, StateError> {
        let mut live = Live {
            settings: state.settings()?,
            ..Live::default()
        };
        for action in state.live_actions(now())? {
            live.set.insert(action);
        }
        live.take_allowed(state.allowlist()?);
        Ok(Self {
            epoch: Id::random()?.to_string(),
            state,
            writer: Mutex::default(),
            live: Mutex::new(live),
            proxies: Mutex::default(),
            news: watch::Sender::default(),
        })
    }

    /// Takes an operator's action, see [`draft::action`]. Blocks.
    pub(crate) fn create(
        &self,
        fields: Map<String, Value>,
        by: &Caller,
    ) -> Result<ActionRecord, ActionError> {
        self.decide(&draft::action(fields)?, None, by)
    }

    /// Takes an action, which a playbook's run may have made. Blocks.
    pub(crate) fn decide(
        &self,
        draft: &ActionDraft,
        run: Option<Id>,
        by: &Caller,
    ) -> Result<ActionRecord, ActionError> {
        let _writer = lock(&self.writer);
        let at = now();
        let (replaced, settings) = {
            let live = self.live(at);
            let replaced = live
                .set
                .with_key(draft.app.as_deref(), &key(draft.kind, &draft.targets));
            if replaced.is_none() && live.set.len() >= MAX_LIVE {
                return Err(ActionError::Full(format!(
                    "{MAX_LIVE} actions are in force, the limit"
                )));
            }
            (replaced.cloned(), live.settings)
        };
        let critical = self.critical(draft.app.as_deref(), &draft.targets);
        if let Some(reason) = &critical
            && !draft.allow_critical
            && !settings.allow_critical_ips
        {
            let reason = reason.clone();
            return Err(ActionError::Critical(FieldError::new("ip_cidr", reason)));
        }
        let origin = Origin {
            origin: if run.is_some() {
                "playbook"
            } else {
                "operator"
            },
            run,
            by: &by.name,
            at,
        };
        let replaces = replaced.as_ref().map(|action| action.row);
        let record = self
            .state
            .add_action(draft, critical.as_deref(), origin, replaces)?;
        let action = &record.action;
        tracing::info!(
            id = %action.id,
            kind = action.kind.name(),
            app = action.app.as_deref(),
            targets = action.targets.len(),
            critical = record.critical,
            by = &*by.name,
            "action in force"
        );
        let mut live = lock(&self.live);
        let replaced = replaces.and_then(|row| live.set.remove(row));
        let visible = [Some(action), replaced.as_ref()];
        let visible = visible
            .into_iter()
            .flatten()
            .any(|action| live.shows(action));
        live.set.insert(Arc::clone(action));
        let change = Change::Put(Arc::clone(action), replaced.map(|action| action.id));
        live.changes.push(action.app.clone(), change, visible);
        drop(live);
        self.tell();
        let (id, kind) = (record.action.id.to_string(), record.action.kind.name());
        by.note(&*self.state, Event::ActionCreated, Some(&id), Some(kind));
        Ok(record)
    }

    /// Ends an action; one that has ended stays as it is. `None` if there never was one of that id. Blocks.
    pub(crate) fn lift(&self, id: Id, by: &Caller) -> Result<Option<ActionRecord>, StateError> {
        let _writer = lock(&self.writer);
        let at = now();
        let action = self.live(at).set.with_id(id).cloned();
        if let Some(action) = action {
            self.state.lift_action(id, at, &by.name)?;
            tracing::info!(%id, by = &*by.name, "action lifted");
            let mut live = lock(&self.live);
            live.set.remove(action.row);
            let visible = live.shows(&action);
            live.changes
                .push(action.app.clone(), Change::Lift(id), visible);
            drop(live);
            self.tell();
            let (id, kind) = (id.to_string(), action.kind.name());
            by.note(&*self.state, Event::ActionLifted, Some(&id), Some(kind));
        }
        self.state.action(id)
    }

    /// Blocks.
    pub(crate) fn get(&self, id: Id) -> Result<Option<ActionRecord>, StateError> {
        self.state.action(id)
    }

    /// Actions in force, the newest first: those that concern the application, or all. Blocks.
    pub(crate) fn live_page(
        &self,
        app: Option<&str>,
        before: Option<ActionCursor>,
        limit: usize,
    ) -> Result<ActionPage, StateError> {
        let before = before.map_or(i64::MAX, |before| before.row);
        let rows = self.live(now()).set.newest(app, before, limit + 1);
        let next = rows.get(limit).and(rows.get(limit.saturating_sub(1)));
        let next = next.map(|row| ActionCursor {
            ended: 0,
            row: *row,
        });
        let rows = rows.get(..limit).unwrap_or(&rows);
        Ok((self.state.actions_of_rows(rows)?, next))
    }

    /// Actions that have ended, the last ended first: those that concern the application, or all. Blocks.
    pub(crate) fn past_page(
        &self,
        app: Option<&str>,
        before: Option<ActionCursor>,
        limit: usize,
    ) -> Result<ActionPage, StateError> {
        let mut records = self.state.past_actions(app, before, limit + 1, now())?;
        let more = records.len() > limit;
        records.truncate(limit);
        let last = records.last().filter(|_| more);
        let next = last.map(ActionCursor::of);
        Ok((records, next))
    }

    /// The actions that a client with this address meets, and a user of these identifiers: those that concern the
    /// application, or all.
    pub(crate) fn on(
        &self,
        app: Option<&str>,
        ip: Option<IpAddr>,
        user: Option<&User>,
    ) -> [Vec<Arc<Action>>; 2] {
        let live = self.live(now());
        [
            ip.map(|ip| live.set.on_ip(app, ip)).unwrap_or_default(),
            user.map(|user| live.set.on_user(app, user))
                .unwrap_or_default(),
        ]
    }

    /// As [`on`](Self::on), with all that is stored of them. Blocks.
    pub(crate) fn met(
        &self,
        app: Option<&str>,
        ip: Option<IpAddr>,
        user: Option<&User>,
    ) -> Result<Vec<ActionRecord>, StateError> {
        let met = self.on(app, ip, user).concat();
        let rows: Vec<_> = met.iter().map(|action| action.row).collect();
        self.state.actions_of_rows(&rows)
    }

    pub(crate) fn settings(&self) -> Settings {
        lock(&self.live).settings
    }

    /// Changes settings, see [`draft::settings`]. Blocks.
    pub(crate) fn set(
        &self,
        fields: Map<String, Value>,
        by: &Caller,
    ) -> Result<Settings, ActionError> {
        let _writer = lock(&self.writer);
        let before = self.settings();
        let settings = draft::settings(fields, before)?;
        self.state.set_settings(settings, now(), &by.name)?;
        if settings != before {
            tracing::warn!(?settings, by = &*by.name, "settings of the actions changed");
        }
        let mut live = lock(&self.live);
        live.settings = settings;
        if settings.dry_run != before.dry_run {
            live.changes.push(None, Change::Reload, true);
            self.tell();
        }
        drop(live);
        if settings != before {
            let detail = format!(
                "dry_run={} allow_critical_ips={}",
                settings.dry_run, settings.allow_critical_ips
            );
            by.note(&*self.state, Event::SettingsChanged, None, Some(&detail));
        }
        Ok(settings)
    }

    /// Remembers addresses that pass requests on to the application.
    pub(crate) fn note_proxies(&self, app: &str, proxies: impl IntoIterator<Item = IpAddr>) {
        lock(&self.proxies).note(app, proxies);
    }

    /// Why these targets are critical to the application, or to one of all.
    pub(crate) fn critical(&self, app: Option<&str>, targets: &Targets) -> Option<String> {
        let Targets::Ips(nets) = targets else {
            return None;
        };
        let proxies = lock(&self.proxies);
        nets.iter().find_map(|net| {
            let reason = critical::range(net).or_else(|| proxies.reason(app, net))?;
            Some(format!("{} {reason}", network(net)))
        })
    }

    /// Hears of each change from now on, and of the server's end.
    pub(crate) fn listen(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    pub(super) fn tell(&self) {
        self.news.send_modify(|news| news.changes += 1);
    }

    /// Ends the streams.
    pub(crate) fn drain(&self) {
        self.news.send_modify(|news| news.closing = true);
    }

    /// Ends the streams, and refuses further decisions. Blocks.
    pub(crate) fn close(&self) -> Result<(), StateError> {
        self.drain();
        let _writer = lock(&self.writer);
        self.state.close()
    }

    /// What is in force now.
    pub(super) fn live(&self, now: i64) -> MutexGuard<'_, Live> {
        let mut live = lock(&self.live);
        live.set.prune(now);
        live
    }
}

impl Live {
    /// Whether old agents are given the action: they would enforce what is a dry run, and mismatch what takes one
    /// identifier as enough.
    pub(super) fn shows(&self, action: &Action) -> bool {
        !self.settings.dry_run && !action.dry_run && !action.match_any
    }
}

/// Microseconds since the Unix epoch.
pub(super) fn now() -> i64 {
    Timestamp::now().as_micros()
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
