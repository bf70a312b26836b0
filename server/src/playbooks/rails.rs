//! What keeps a playbook from doing harm.

use ipnet::IpNet;
use sqreen::protocol::names::LOGIN;

use super::model::{Actor, Stage};
use super::respond::{DAY, HOUR, Outcome, Responder, apps};
use super::service::Current;
use super::tell;
use crate::auth::Caller;
use crate::state::{RunRecord, StateError, Targets, network};
use crate::store::{
    Check, Dimension, Field, Filter, GroupQuery, JsonField, ScanMonitor, StoreError, Test,
    TimeRange,
};

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
        let rails = current.playbook.rails;
        if let Actor::Ip(net) = actor {
            if let Some(entry) = self.actions.allows(net) {
                return Ok(Some(format!("{} is on the allow list", network(&entry))));
            }
            let targets = Targets::ips(vec![*net]);
            let apps = apps(current);
            let critical = apps
                .iter()
                .find_map(|app| self.actions.critical(app.as_deref(), &targets));
            if let Some(reason) = critical.filter(|_| !rails.allow_critical) {
                return Ok(Some(reason));
            }
            if rails.shared_ip_users > 0
                && let Some(reason) = self.shared(*net, run.decided_at, rails.shared_ip_users)
            {
                return Ok(Some(reason));
            }
        }
        if current.stage == Stage::Enforce {
            let enforced = Outcome::Enforced.name();
            let since = run.decided_at - HOUR;
            let most = u64::from(rails.max_actors_per_hour);
            // Whoever was met within the hour is none more.
            let known = self
                .state
                .past_runs(&run.slug, enforced, &run.actor, since)?
                > 0;
            if !known && self.state.past_actors(&run.slug, enforced, since)? >= most {
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

    /// Why the address counts as one that so many users share. One of which that is not known is not blocked.
    fn shared(&self, net: IpNet, now: i64, most: u32) -> Option<String> {
        match self.signed_in(net, now) {
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

    /// How many users have signed in from there within a day.
    fn signed_in(&self, net: IpNet, now: i64) -> Result<u64, StoreError> {
        let is = |field, value: &str| Filter::equals(field, value);
        let success = Field::Json(JsonField::Properties, vec!["success".to_owned()]);
        let ip = Field::Dimension(Dimension::Ip);
        // Single addresses are found by an index.
        let check = match net.prefix_len() == net.max_prefix_len() {
            true => Check::Equals(vec![net.addr().to_string()]),
            false => Check::In(vec![net]),
        };
        let filter = Filter::All(vec![
            Filter::Is(Test { field: ip, check }),
            is(Field::Dimension(Dimension::Name), LOGIN),
            is(success, "true"),
        ]);
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
        let groups = self.store.groups(&query, &ScanMonitor::new())?;
        Ok(groups.rows.first().map_or(0, |row| row.users.count))
    }
}
