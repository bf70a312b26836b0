//! What a playbook says, in words.

use maud::{Markup, html};

use super::super::text::start;
use crate::playbooks::{
    ActorKind, Detection, Kind, Matcher, Playbook, Response, Rule, RunResponse, Stage,
    show_duration,
};

/// A description, a paragraph for each line; what stands in backquotes is code.
pub(super) fn description(text: &str) -> Markup {
    html! {
        @for line in text.lines().filter(|line| !line.trim().is_empty()) {
            p {
                @for (place, part) in line.split('`').enumerate() {
                    @if place % 2 == 0 { (part) } @else { code { (part) } }
                }
            }
        }
    }
}

/// Whom and what it watches, and when it fires.
pub(super) fn rule(rule: &Rule) -> String {
    let who = match rule.actor {
        ActorKind::Ip => "An address",
        ActorKind::IpRange => "An address range (/24, or /64 of IPv6)",
        ActorKind::User => "A user",
    };
    let of = matcher(&rule.trigger);
    let period = show_duration(rule.period);
    let group = rule.group_by.as_ref();
    let group = group.map_or_else(String::new, |field| format!(", for each {field} apart"));
    match &rule.detection {
        Detection::Threshold { events } => {
            format!("{who} has at least {events} of {of} within {period}{group}.")
        }
        Detection::Distinct {
            of: field,
            values,
            events,
        } => format!(
            "{who} has at least {values} different values of {field} in at least {events} of {of} within {period}{group}."
        ),
        Detection::Ratio {
            to,
            at_least,
            events,
        } => format!(
            "{who} has at least {events} of {of}, and at least {at_least} times as many as of {}, within {period}{group}.",
            matcher(to)
        ),
        Detection::FirstSeen { of: field } => format!(
            "{who} has a value of {field} in {of} that was not theirs within {period}, while another one was{group}."
        ),
    }
}

/// The most bytes of the words for which events are meant.
const MATCHER: usize = 3_000;

/// Which events are meant.
pub(super) fn matcher(matcher: &Matcher) -> String {
    let names: Vec<_> = matcher.events.iter().map(ToString::to_string).collect();
    let mut text = names.join(" or ");
    let filter = matcher.filter.to_string();
    if !filter.is_empty() {
        text += &format!(" where {filter}");
    }
    if !matcher.apps.is_empty() {
        text += &format!(" in {}", matcher.apps.join(" or "));
    }
    let shown = start(&text, MATCHER);
    if shown.len() < text.len() {
        text = format!("{shown} …");
    }
    text
}

/// What is done, without the rest of the playbook.
pub(super) fn response(response: &Response) -> String {
    let durations = response.durations.iter().map(|duration| match duration {
        Some(duration) => format!("for {}", show_duration(*duration)),
        None => "for ever".to_owned(),
    });
    let durations: Vec<_> = durations.collect();
    let to = response.url.as_ref();
    let to = to.map_or_else(String::new, |url| format!(" to {url}"));
    let durations = durations.join(", the next time ");
    format!("{}{to} {durations}", kind(response.kind))
}

/// What is done to whom.
pub(super) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::BlockIp => "block the address",
        Kind::RedirectIp => "redirect the address",
        Kind::BlockUser => "block the user",
        Kind::RedirectUser => "redirect the user",
    }
}

/// What a run did, or would have done.
pub(super) fn done(response: &RunResponse) -> String {
    let to = response.url.as_ref();
    let to = to.map_or_else(String::new, |url| format!(" to {url}"));
    let length = match response.duration.as_str() {
        "permanent" => "for ever".to_owned(),
        duration => format!("for {duration}"),
    };
    let kind = match Kind::of_name(&response.action) {
        Some(known) => kind(known),
        None => &response.action,
    };
    format!("{kind}{to} {length}")
}

/// All that it says beside its rule, a sentence each.
pub(super) fn rest(playbook: &Playbook) -> Vec<String> {
    let (rule, rails) = (&playbook.rule, &playbook.rails);
    let mut said = Vec::new();
    if let Some(cancel) = &rule.cancel {
        said.push(format!("The count starts again after {}.", matcher(cancel)));
    }
    if !rule.cooldown.is_zero() {
        let cooldown = show_duration(rule.cooldown);
        said.push(format!(
            "Once it fired, the same actor does not count for {cooldown}."
        ));
    }
    let responses: Vec<_> = playbook.responses.iter().map(response).collect();
    said.push(match responses.is_empty() {
        true => "Nothing is done but to record that it fired.".to_owned(),
        false => format!("Then: {}.", responses.join(", and ")),
    });
    let most = rails.max_actors_per_hour;
    said.push(format!(
        "More than {most} actors an hour put it back to shadow; who enforces it again gives it a new hour."
    ));
    if rails.shared_ip_users > 0 && rule.actor != ActorKind::User {
        let users = rails.shared_ip_users;
        said.push(format!(
            "Addresses from which {users} or more users signed in within a day are left alone."
        ));
    }
    if rails.allow_critical {
        said.push("Private, loopback and proxy addresses may be blocked.".to_owned());
    }
    said.push(match playbook.notify {
        true => "People are told.".to_owned(),
        false => "Nobody is told.".to_owned(),
    });
    said
}

/// A stage, by a colour of its own.
pub(super) fn stage(stage: Stage) -> Markup {
    html! { span class={ "mark " (stage.name()) } { (stage.name()) } }
}

/// What an outcome means.
pub(super) fn outcome(name: &str) -> &'static str {
    match name {
        "enforced" => "acted",
        "shadowed" => "would have acted",
        "recorded" => "recorded",
        "held" => "held back",
        "failed" => "failed",
        _ => "under way",
    }
}
