//! Telling people what playbooks did.

use super::model;
use super::respond::{Decided, Outcome, event_places, read_actor, read_json, responses};
use super::service::Current;
use crate::notify::notice::{self, Notice};
use crate::server::Shared;
use crate::state::{RunRecord, StateError};

/// Queues what there is to tell of a decision. Its id is that of the run: nothing is told twice. Blocks.
pub(super) fn tell(shared: &Shared, decided: &Decided) -> Result<(), StateError> {
    let run = &decided.run;
    let Some(current) = shared.playbooks.get(&run.slug) else {
        return Ok(());
    };
    if let Some(reason) = &decided.tripped {
        let tripped = notice::Tripped {
            playbook: playbook(run, &current),
            reason: reason.clone(),
            at: run.decided_at,
        };
        let id = format!("trip-{}", run.id);
        shared.notifier.notify(&id, &Notice::Tripped(tripped))?;
    }
    if current.playbook.notify
        && let Some(fired) = fired(run, &current)
    {
        let notice = Notice::Fired(Box::new(fired));
        shared.notifier.notify(&run.id.to_string(), &notice)?;
    }
    Ok(())
}

fn playbook(run: &RunRecord, current: &Current) -> notice::Playbook {
    notice::Playbook {
        slug: run.slug.clone(),
        name: current.playbook.name.clone(),
        version: run.version.unsigned_abs(),
    }
}

fn fired(run: &RunRecord, current: &Current) -> Option<notice::Fired> {
    let counted = read_json(&run.counted);
    let actions = responses(run).into_iter().flat_map(|response| response.ids);
    let events = event_places(run).into_iter().map(|(_, id)| id.to_string());
    let held = [Outcome::Held, Outcome::Failed].map(Outcome::name);
    Some(notice::Fired {
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
    })
}
