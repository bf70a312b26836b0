//! What people are told of what playbooks did.

use super::model;
use super::respond::{Outcome, event_places, read_actor, read_json, responses};
use super::service::Current;
use crate::notify::MAX_EVENTS;
use crate::notify::notice::{self, Notice};
use crate::state::RunRecord;

/// That a playbook was put back to shadow by a run, and the notice's id.
pub(super) fn tripped(run: &RunRecord, current: &Current, reason: &str) -> (String, Notice) {
    let tripped = notice::Tripped {
        playbook: playbook(run, current),
        reason: reason.to_owned(),
        at: run.decided_at,
    };
    (format!("trip-{}", run.id), Notice::Tripped(tripped))
}

fn playbook(run: &RunRecord, current: &Current) -> notice::Playbook {
    notice::Playbook {
        slug: run.slug.clone(),
        name: current.playbook.name.clone(),
        version: run.version.unsigned_abs(),
    }
}

/// What came of a run, where people are told of the playbook's. Its id is that of the run: nothing is told twice.
pub(super) fn fired(run: &RunRecord, current: &Current) -> Option<Notice> {
    if !current.playbook.notify {
        return None;
    }
    let counted = read_json(&run.counted);
    let actions = responses(run).into_iter().flat_map(|response| response.ids);
    let events = event_places(run).into_iter().take(MAX_EVENTS);
    let events = events.map(|(_, id)| id.to_string());
    let held = [Outcome::Held, Outcome::Failed].map(Outcome::name);
    let fired = notice::Fired {
        playbook: playbook(run, current),
        apps: current.playbook.rule.trigger.apps.clone(),
        actor: match read_actor(&run.actor)? {
            model::Actor::User(user) => notice::Actor::User(user),
            model::Actor::Ip(net) if net.prefix_len() == net.max_prefix_len() => {
                notice::Actor::Ip(net.addr())
            }
            model::Actor::Ip(net) => notice::Actor::Range(net),
        },
        stage: match run.stage.as_str() {
            "enforce" => notice::Stage::Enforce,
            _ => notice::Stage::Shadow,
        },
        actions: actions.collect(),
        held: run
            .reason
            .clone()
            .filter(|_| held.contains(&run.outcome.as_str())),
        count: counted["events"].as_u64().unwrap_or_default(),
        window_s: current.playbook.rule.period.as_secs(),
        events: events.collect(),
        at: run.at,
    };
    Some(Notice::Fired(Box::new(fired)))
}
