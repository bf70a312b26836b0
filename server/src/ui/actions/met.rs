//! What an actor meets, and the ways to change that: in the rows of events, and on the actor's own page.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::access::Reader;
use super::super::actor::Actor;
use super::super::explorer::link;
use super::super::room::{fit, some};
use super::super::text::{counted, short};
use super::form::lines;
use super::tables::{entry, left, lift, table, targets};
use crate::server::App;
use crate::state::{Action, Role, Targets, network};
use crate::store::StoredEvent;

/// The most bytes of the identifiers that a link fills in.
const MAX_LINES: usize = 2_048;
/// The most bytes of the actions that one event's client or user meets.
const CHOICES: usize = 3_000;
/// The most networks of the allow list that are told of an address.
const NETS: usize = 10;
/// The most bytes of those that an actor meets, on their page.
const STANDING: usize = 20_000;

/// The actions that the client and the user of one event meet now.
#[derive(Debug)]
pub(crate) struct Met {
    ip: Vec<Arc<Action>>,
    /// The user as actions name them; `None` if no action can.
    named: Option<Actor>,
    user: Vec<Arc<Action>>,
}

impl Met {
    pub(crate) fn by(app: &App, event: &StoredEvent) -> Self {
        let on = |actor: &Actor| on(app, actor, Some(&event.app));
        let named = event.user.as_ref().and_then(Actor::of_user);
        Self {
            ip: event.ip.map(|ip| on(&Actor::Ip(ip))).unwrap_or_default(),
            user: named.as_ref().map(on).unwrap_or_default(),
            named,
        }
    }

    /// The event's user, if actions can name them.
    pub(crate) fn named(&self) -> Option<&Actor> {
        self.named.as_ref()
    }

    pub(crate) fn ip(&self, event: &StoredEvent, reader: &Reader, back: &str) -> Markup {
        let actor = event.ip.map(Actor::Ip);
        choices(actor.as_ref(), &event.app, &self.ip, reader, back)
    }

    pub(crate) fn user(&self, event: &StoredEvent, reader: &Reader, back: &str) -> Markup {
        choices(self.named(), &event.app, &self.user, reader, back)
    }
}

/// The actions that the actor meets now: those that concern the application, or all.
fn on(app: &App, actor: &Actor, within: Option<&str>) -> Vec<Arc<Action>> {
    let (ip, user) = match actor {
        Actor::Ip(ip) => (Some(*ip), None),
        Actor::User(pairs) => (None, Some(pairs.iter().cloned().collect())),
    };
    let [ip, user] = app.actions.on(within, ip, user.as_ref());
    [ip, user].concat()
}

fn choices(
    actor: Option<&Actor>,
    app: &str,
    met: &[Arc<Action>],
    reader: &Reader,
    back: &str,
) -> Markup {
    let Some(actor) = actor else {
        return html! {};
    };
    let choice = |action: &Arc<Action>| {
        html! {
            span.met {
                strong { @if action.dry_run { "dry run" } @else { (verb(action)) } }
                @if let Some(wider) = wider(action) {
                    " " a href=(entry(action)) { "with " (wider) }
                } @else {
                    " " (lift(action.id, "Unblock", reader, back))
                }
            }
        }
    };
    html! {
        @if met.is_empty() && reader.may(Role::Operator) {
            (block(actor, Some(app), back))
        }
        (some(met.iter(), CHOICES, choice))
    }
}

/// What the actor meets now, as their own page shows it: of one application, or of all.
pub(crate) fn standing(
    app: &App,
    actor: &Actor,
    within: Option<&str>,
    reader: &Reader,
    back: &str,
) -> Markup {
    let met = on(app, actor, within);
    let stopped = met
        .iter()
        .any(|action| !action.dry_run && wider(action).is_none());
    let row = |action: &Arc<Action>| {
        html! {
            tr {
                td data-label="Now" {
                    strong { (verb(action)) }
                    @if action.dry_run { " " span.mark { "dry run" } }
                    br; small { @match &action.app { Some(app) => { "in " (short(app)) }, None => "in all apps" } }
                }
                td data-label="Ends" { (left(action.expires_at)) }
                td data-label="By" { a href=(entry(action)) { (action.kind.name()) } " " (targets(action)) }
                td { @if wider(action).is_none() { (lift(action.id, "Unblock", reader, back)) } }
            }
        }
    };
    let rows = fit(met.iter().map(row), STANDING);
    let more = met.len() - rows.len();
    html! {
        @if met.is_empty() { p { "No action concerns this actor." } } @else {
            (table("What the actor meets", &["Now", "Ends", "By", ""], rows.into_iter()))
            @if more > 0 { p.note { "And " (counted(more as u64, "action")) " more: " a href="/actions" { "all in force" } "." } }
        }
        @if let Actor::Ip(ip) = actor {
            @let entries = app.actions.allowed();
            @for net in entries.iter().flat_map(|entry| &entry.ips).filter(|net| net.contains(ip)).take(NETS) {
                p { "Never stopped: " a href="/actions#allowlist" { (network(net)) " is on the allow list" } "." }
            }
        }
        @if !stopped && reader.may(Role::Operator) { p { (block(actor, within, back)) } }
    }
}

/// The way to the form that blocks the actor, in one application or in all.
fn block(actor: &Actor, app: Option<&str>, back: &str) -> Markup {
    let (name, value, form) = match actor {
        Actor::Ip(ip) => ("ip", Some(ip.to_string()), "#block-ip"),
        Actor::User(pairs) => {
            let lines = lines(pairs).filter(|lines| lines.len() <= MAX_LINES);
            ("user", lines, "#block-user")
        }
    };
    let Some(value) = value else {
        return html! { small { "to be blocked through the API alone" } };
    };
    let app = app.map(|app| ("app", app));
    let fields = [(name, value.as_str())].into_iter().chain(app);
    let href = link("/actions", fields.chain([("back", back)])) + form;
    html! { a.choice href=(href) { "Block" } }
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
