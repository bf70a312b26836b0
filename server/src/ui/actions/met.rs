//! What the actor of an event meets, and the ways to change that, in the Event Explorer's rows.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::access::Reader;
use super::super::explorer::link;
use super::tables::lift;
use crate::actions::identifier;
use crate::server::App;
use crate::state::{Action, Targets, User, network};
use crate::store::StoredEvent;

/// The actions that the client and the user of one event meet now.
#[derive(Debug)]
pub(crate) struct Met {
    ip: Vec<Arc<Action>>,
    /// The user as actions name them; `None` if no action can.
    named: Option<User>,
    user: Vec<Arc<Action>>,
}

impl Met {
    pub(crate) fn by(app: &App, event: &StoredEvent) -> Self {
        let text = |(name, value)| Some((String::clone(name), identifier(value)?));
        let named: Option<User> = event
            .user
            .as_ref()
            .and_then(|user| user.iter().map(text).collect());
        let [ip, user] = app.actions.on(&event.app, event.ip, named.as_ref());
        Self { ip, named, user }
    }

    pub(crate) fn ip(&self, event: &StoredEvent, reader: &Reader, back: &str) -> Markup {
        let Some(ip) = event.ip else {
            return html! {};
        };
        let ip = ip.to_string();
        let block = link("/actions", [("ip", ip.as_str()), ("app", &event.app)]) + "#block-ip";
        choices(&self.ip, &block, reader, back)
    }

    pub(crate) fn user(&self, event: &StoredEvent, reader: &Reader, back: &str) -> Markup {
        let Some(user) = &self.named else {
            return html! {};
        };
        let lines: Vec<_> = user
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let lines = lines.join("\n");
        let block =
            link("/actions", [("user", lines.as_str()), ("app", &event.app)]) + "#block-user";
        choices(&self.user, &block, reader, back)
    }
}

fn choices(met: &[Arc<Action>], block: &str, reader: &Reader, back: &str) -> Markup {
    html! {
        @if met.is_empty() {
            a.choice href=(block) { "Block" }
        }
        @for action in met {
            span.met {
                strong { @if action.dry_run { "dry run" } @else { (verb(action)) } }
                @if let Some(wider) = wider(action) {
                    " " a href={ "/actions#a-" (action.id) } { "with " (wider) }
                } @else {
                    " " (lift(action.id, "Unblock", reader, back))
                }
            }
        }
    }
}

fn verb(action: &Action) -> &'static str {
    if action.kind.is_redirect() {
        "redirected"
    } else {
        "blocked"
    }
}

/// Whom else the action concerns, so that lifting it is not only about the actor.
fn wider(action: &Action) -> Option<String> {
    match &action.targets {
        Targets::Ips(nets) => match nets.as_slice() {
            [net] if net.prefix_len() == net.max_prefix_len() => None,
            [net] => Some(network(net)),
            nets => Some(format!("{} networks", nets.len())),
        },
        Targets::Users(users) if users.len() > 1 => Some(format!("{} users", users.len())),
        Targets::Users(_) => None,
    }
}
