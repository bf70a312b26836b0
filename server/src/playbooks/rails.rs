//! What keeps a playbook from doing harm.

use std::time::{Duration, Instant};

use ipnet::IpNet;
use sqreen::protocol::names::LOGIN;

use super::model::{Actor, Stage};
use super::respond::{DAY, HOUR, Outcome, Responder, apps, event_places};
use super::service::Current;
use super::tell;
use crate::auth::Caller;
use crate::state::{RunRecord, StateError, Targets, network};
use crate::store::{
    Check, Dimension, Field, Filter, GroupQuery, JsonField, ScanMonitor, StoreError, Test,
    TimeRange,
};

/// How long a decision waits for what the store knows of an actor: other events wait meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

impl Responder<'_> {
    /// Why nothing may be done to the actor.
    pub(super) fn held(
        &self,
        current: &Current,
        actor: &Actor,
        run: &RunRecord,
    ) -> Result<Option<String>, StateError> {
        if let Some(by) = &run.undone_by {
            return Ok(Some(format!("undone by {by} before it was decided")));
        }
        let kept = match actor {
            Actor::Ip(net) => self.kept(current, *net, run.decided_at),
            Actor::User(_) => self.tested(current, run),
        };
        if kept.is_some() {
            return Ok(kept);
        }
        if current.stage == Stage::Enforce {
            let enforced = Outcome::Enforced.name();
            // Whoever enforces it again after a trip has seen what it did: the hour begins anew.
            let since = current.record.staged_at.max(run.decided_at - HOUR);
            let most = u64::from(current.playbook.rails.max_actors_per_hour);
            let others = self
                .state
                .past_others(&run.slug, enforced, &run.actor, since)?;
            if others >= most {
                let reason = format!("{most} actors within an hour, the limit");
                let by = Caller::playbook(&run.slug);
                // First, since the stage is what leads here: whoever ends in between comes here again, and tells once.
                let (id, notice) = tell::tripped(run, current, &reason);
                self.notifier.notify(&id, &notice)?;
                self.playbooks
                    .set_stage(&run.slug, Stage::Shadow, Some(&reason), &by)?;
                tracing::warn!(
                    playbook = run.slug,
                    reason,
                    "a playbook was put back to shadow"
                );
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    /// Why the address is left alone.
    fn kept(&self, current: &Current, net: IpNet, now: i64) -> Option<String> {
        let rails = current.playbook.rails;
        if let Some(entry) = self.actions.allows(&net) {
            return Some(format!("{} is on the allow list", network(&entry)));
        }
        let targets = Targets::ips(vec![net]);
        let critical = apps(current)
            .iter()
            .find_map(|app| self.actions.critical(app.as_deref(), &targets));
        critical
            .filter(|_| !rails.allow_critical)
            .or_else(|| match rails.shared_ip_users {
                0 => None,
                most => self.shared(current, net, now, most),
            })
    }

    /// Why the user is left alone: what comes from the allow list's addresses is a test, say, and speaks against nobody.
    /// Without these events it would not have fired.
    fn tested(&self, current: &Current, run: &RunRecord) -> Option<String> {
        let entries = self.actions.allowed();
        let mut nets = entries.iter().flat_map(|entry| &entry.ips).peekable();
        nets.peek()?;
        let nets: Vec<_> = nets.collect();
        let places = event_places(run);
        let until = Instant::now() + PATIENCE;
        let mut listed = 0;
        for (time, id) in &places {
            let found = match Instant::now() < until {
                true => self.store.find(*id, *time),
                false => Err(StoreError::Cancelled),
            };
            match found {
                Ok(found) => {
                    let ip = found.and_then(|event| event.ip);
                    let from = ip.is_some_and(|ip| nets.iter().any(|net| net.contains(&ip)));
                    listed += usize::from(from);
                }
                Err(error) => {
                    tracing::error!(%error, "the events of a run are not known");
                    return Some("it is not known from where its events came".to_owned());
                }
            }
        }
        let all = places.len();
        let least = current.playbook.rule.detection.least_events();
        let needed = usize::try_from(least).map_or(all, |least| least.min(all));
        let text = || format!("{listed} of {all} events came from addresses on the allow list");
        (all - listed < needed).then(text)
    }

    /// Why the address counts as one that so many users share. One of which that is not known is not blocked.
    fn shared(&self, current: &Current, net: IpNet, now: i64, most: u32) -> Option<String> {
        match self.signed_in(current, net, now) {
            Ok(users) if users < u64::from(most) => None,
            Ok(users) => Some(format!(
                "{users} users signed in from it within a day: block users rather than the address"
            )),
            Err(error) => {
                tracing::error!(%error, "the users of an address are not known");
                Some("it is not known how many users signed in from it".to_owned())
            }
        }
    }

    /// How many users have signed in from there within a day, to the applications that the responses are for.
    fn signed_in(&self, current: &Current, net: IpNet, now: i64) -> Result<u64, StoreError> {
        let is = |field, check| Filter::Is(Test { field, check });
        let equals = |text: &str| Check::Equals(vec![text.to_owned()]);
        let success = Field::Json(JsonField::Properties, vec!["success".to_owned()]);
        // Single addresses are found by an index.
        let within = match net.prefix_len() == net.max_prefix_len() {
            true => equals(&net.addr().to_string()),
            false => Check::In(vec![net]),
        };
        let mut all = vec![
            is(Field::Dimension(Dimension::Ip), within),
            is(Field::Dimension(Dimension::Name), equals(LOGIN)),
            is(success, equals("true")),
        ];
        let apps = &current.playbook.rule.trigger.apps;
        if !apps.is_empty() {
            let named = Check::Equals(apps.clone());
            all.push(is(Field::Dimension(Dimension::App), named));
        }
        let filter = Filter::All(all);
        let query = GroupQuery {
            filter,
            range: TimeRange {
                from: Some(now - DAY),
                to: None,
            },
            by: Field::Dimension(Dimension::Name),
            limit: 1,
            distinct: true,
        };
        let groups = self
            .store
            .groups(&query, &ScanMonitor::until(Instant::now() + PATIENCE))?;
        Ok(groups.rows.first().map_or(0, |row| row.users.count))
    }
}
