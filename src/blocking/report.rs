use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::actions::Hit;
use crate::agent::Call;
use crate::context::RequestContext;
use crate::event::Event;
use crate::limiter::Limits;
use crate::user::UserIdentifiers;

/// How often an actor's meeting with an action is reported.
pub(crate) const LIMITS: Limits = Limits {
    reports: 1,
    period: Duration::from_secs(10),
    all_per_second: None,
};

/// Who met an action.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Actor<'a> {
    Ip(IpAddr),
    User(&'a UserIdentifiers),
}

impl Hash for Actor<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Ip(ip) => ip.to_canonical().hash(state),
            Self::User(user) => {
                for pair in user.iter() {
                    pair.hash(state);
                }
            }
        }
    }
}

/// Tracks that an action applied to a request, unless that was done for the same actor a moment
/// ago; the next report then tells how many there were in between.
pub(crate) fn report(
    context: &Arc<RequestContext>,
    hit: &Hit<'_>,
    actor: Actor<'_>,
    reference: &str,
) {
    if !hit.reported() {
        return;
    }
    let limiter = &context.agent.reports;
    let Some(suppressed) = limiter.permit((hit.action_id(), actor), Instant::now()) else {
        return;
    };
    let output = match actor {
        Actor::Ip(ip) => json!({"ip_address": ip.to_string()}),
        Actor::User(user) => json!({"user": Json::Object(user.to_json())}),
    };
    let mut event = Event::unchecked(hit.kind.event().into())
        .property("action_id", hit.action_id().to_owned())
        .property("output", output)
        .property("reference", reference.to_owned());
    if hit.dry_run {
        event = event.property("dry_run", true);
    }
    if suppressed > 0 {
        event = event.property("suppressed", suppressed);
    }
    if let Actor::User(user) = actor {
        event = event.user(user.clone());
    }
    context.send(Call::Action, event);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limiter::Limiter;

    #[test]
    fn actors_and_actions_do_not_share_their_reports() {
        let limiter = Limiter::new(LIMITS);
        let now = Instant::now();
        let ip = |text: &str| Actor::Ip(text.parse().unwrap());
        let (ann, ben) = (ip("192.0.2.1"), ip("192.0.2.2"));
        let user = |pairs: [(&str, &str); 2]| UserIdentifiers::from(pairs);
        let users = [
            user([("a", "x"), ("b", "y")]),
            user([("a", "y"), ("b", "x")]),
        ];
        let mut all = vec![("a", ann), ("b", ann), ("a", ben)];
        all.extend(users.iter().map(|user| ("a", Actor::User(user))));
        for met in &all {
            assert_eq!(limiter.permit(met, now), Some(0), "{met:?}");
        }
        for met in all {
            assert_eq!(limiter.permit(met, now), None, "{met:?}");
        }
        let mapped = ip("::ffff:192.0.2.1");
        assert_eq!(limiter.permit(("a", mapped), now), None);
    }
}
