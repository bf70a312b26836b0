//! What is in force, in memory: found by address, by user, by application.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::state::{Action, Id, Targets, User};

/// The actions in force.
#[derive(Debug, Default)]
pub(super) struct LiveSet {
    /// By place in the order of creation.
    rows: BTreeMap<i64, Arc<Action>>,
    ids: HashMap<Id, i64>,
    /// `None` is the scope of all applications.
    scopes: HashMap<Option<Arc<str>>, Scope>,
    ends: BTreeSet<(i64, i64)>,
    networks: HashMap<IpNet, Vec<i64>>,
    users: HashMap<User, Vec<i64>>,
    /// Of actions that take one identifier of a user as enough.
    identifiers: HashMap<(String, String), Vec<i64>>,
}

#[derive(Debug, Default)]
struct Scope {
    rows: BTreeMap<i64, Arc<Action>>,
    keys: HashMap<[u8; 16], i64>,
}

impl LiveSet {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn insert(&mut self, action: Arc<Action>) {
        let row = action.row;
        self.ids.insert(action.id, row);
        if let Some(end) = action.expires_at {
            self.ends.insert((end, row));
        }
        match &action.targets {
            Targets::Ips(nets) => {
                for net in nets {
                    self.networks.entry(*net).or_default().push(row);
                }
            }
            Targets::Users(users) if action.match_any => {
                for pair in pairs(users) {
                    self.identifiers.entry(pair).or_default().push(row);
                }
            }
            Targets::Users(users) => {
                for user in users {
                    self.users.entry(user.clone()).or_default().push(row);
                }
            }
        }
        let scope = self.scopes.entry(action.app.clone()).or_default();
        scope.keys.insert(action.key(), row);
        scope.rows.insert(row, Arc::clone(&action));
        self.rows.insert(row, action);
    }

    pub(super) fn remove(&mut self, row: i64) -> Option<Arc<Action>> {
        let action = self.rows.remove(&row)?;
        self.ids.remove(&action.id);
        if let Some(end) = action.expires_at {
            self.ends.remove(&(end, row));
        }
        match &action.targets {
            Targets::Ips(nets) => {
                for net in nets {
                    forget(&mut self.networks, net, row);
                }
            }
            Targets::Users(users) if action.match_any => {
                for pair in pairs(users) {
                    forget(&mut self.identifiers, &pair, row);
                }
            }
            Targets::Users(users) => {
                for user in users {
                    forget(&mut self.users, user, row);
                }
            }
        }
        if let Some(scope) = self.scopes.get_mut(&action.app) {
            scope.rows.remove(&row);
            // A replacement may have taken the key over already.
            if scope.keys.get(&action.key()) == Some(&row) {
                scope.keys.remove(&action.key());
            }
            if scope.rows.is_empty() {
                self.scopes.remove(&action.app);
            }
        }
        Some(action)
    }

    /// Removes what has expired.
    pub(super) fn prune(&mut self, now: i64) {
        while let Some((end, row)) = self.ends.first().copied()
            && end <= now
        {
            self.remove(row);
        }
    }

    /// The action of this kind and of these targets, in this scope.
    pub(super) fn with_key(&self, app: Option<&str>, key: &[u8; 16]) -> Option<&Arc<Action>> {
        let scope = self.scopes.get(&app.map(Arc::from))?;
        self.rows.get(scope.keys.get(key)?)
    }

    pub(super) fn with_id(&self, id: Id) -> Option<&Arc<Action>> {
        self.rows.get(self.ids.get(&id)?)
    }

    /// What concerns the application, in the order of creation.
    pub(super) fn of_app(&self, app: &str) -> Vec<Arc<Action>> {
        let scope = |app: Option<Arc<str>>| self.scopes.get(&app).map(|scope| &scope.rows);
        let (all, own) = (scope(None), scope(Some(Arc::from(app))));
        let mut actions: Vec<_> = all
            .into_iter()
            .chain(own)
            .flat_map(BTreeMap::values)
            .collect();
        // Two sorted runs.
        actions.sort_by_key(|action| action.row);
        actions.into_iter().cloned().collect()
    }

    /// Rows before `before`, the newest first, `limit` at most: those that concern the application, or all.
    pub(super) fn newest(&self, app: Option<&str>, before: i64, limit: usize) -> Vec<i64> {
        let rows = self.rows.range(..before).rev();
        let wanted = rows.filter(|(_, action)| concerns(action, app));
        wanted.map(|(row, _)| *row).take(limit).collect()
    }

    /// The actions that an address meets, the most specific network first: those that concern the application, or all.
    pub(super) fn on_ip(&self, app: Option<&str>, ip: IpAddr) -> Vec<Arc<Action>> {
        let host = IpNet::from(ip);
        let nets = (0..=host.max_prefix_len()).rev();
        let nets = nets.filter_map(|prefix| IpNet::new(ip, prefix).ok());
        let rows = nets
            .filter_map(|net| self.networks.get(&net.trunc()))
            .flatten();
        self.actions(rows, app)
    }

    /// The actions that a user meets: those that concern the application, or all.
    pub(super) fn on_user(&self, app: Option<&str>, user: &User) -> Vec<Arc<Action>> {
        let any = user
            .iter()
            .filter_map(|(key, value)| self.identifiers.get(&(key.clone(), value.clone())));
        let rows = self.users.get(user).into_iter().chain(any).flatten();
        self.actions(rows, app)
    }

    fn actions<'a>(
        &self,
        rows: impl Iterator<Item = &'a i64>,
        app: Option<&str>,
    ) -> Vec<Arc<Action>> {
        let mut found: Vec<Arc<Action>> = Vec::new();
        for action in rows.filter_map(|row| self.rows.get(row)) {
            if concerns(action, app) && found.iter().all(|known| known.row != action.row) {
                found.push(Arc::clone(action));
            }
        }
        found
    }
}

fn concerns(action: &Action, app: Option<&str>) -> bool {
    match (&action.app, app) {
        (Some(own), Some(app)) => **own == *app,
        _ => true,
    }
}

fn pairs(users: &[User]) -> impl Iterator<Item = (String, String)> {
    let pairs: BTreeSet<_> = users.iter().flatten().collect();
    pairs
        .into_iter()
        .map(|(key, value)| (key.clone(), value.clone()))
}

fn forget<K: std::hash::Hash + Eq>(index: &mut HashMap<K, Vec<i64>>, key: &K, row: i64) {
    if let Some(rows) = index.get_mut(key) {
        rows.retain(|known| *known != row);
        if rows.is_empty() {
            index.remove(key);
        }
    }
}
