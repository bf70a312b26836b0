use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value as Json, json};

use crate::actions::{Actor, Hit};
use crate::agent::Call;
use crate::context::RequestContext;
use crate::event::Event;

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
    let Some(suppressed) = limiter.permit(actor, hit.action_id(), Instant::now()) else {
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
