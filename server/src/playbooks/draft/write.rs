//! From a playbook to what someone would write.

use serde_json::{Map, Value, json};

use super::super::model::{Detection, Matcher, Playbook, Response, Rule, Stage};
use super::super::times;

/// All that [`read`](super::read) takes but tests, with what was left out.
pub(crate) fn write(playbook: &Playbook, stage: Stage) -> Map<String, Value> {
    let Playbook {
        slug,
        name,
        description,
        rule,
        responses,
        rails,
        notify,
    } = playbook;
    let mut to = Map::new();
    let mut put = |name: &str, value: Value| to.insert(name.to_owned(), value);
    put("slug", slug.clone().into());
    put("name", name.clone().into());
    if !description.is_empty() {
        put("description", description.clone().into());
    }
    put("stage", stage.name().into());
    to.extend(write_rule(rule));
    let mut put = |name: &str, value: Value| to.insert(name.to_owned(), value);
    put("max_actors_per_hour", rails.max_actors_per_hour.into());
    put("shared_ip_users", rails.shared_ip_users.into());
    put("allow_critical", rails.allow_critical.into());
    put("notify", (*notify).into());
    put("responses", responses.iter().map(write_response).collect());
    to
}

/// When a playbook fires, as it would be written.
pub(crate) fn write_rule(rule: &Rule) -> Map<String, Value> {
    let mut to = Map::new();
    let mut put = |name: &str, value: Value| to.insert(name.to_owned(), value);
    put("actor", rule.actor.name().into());
    put("trigger", write_matcher(&rule.trigger).into());
    if let Some(field) = &rule.group_by {
        put("group_by", field.to_string().into());
    }
    match &rule.detection {
        Detection::Threshold { events } => {
            put("at_least", (*events).into());
        }
        Detection::Distinct { of, values, events } => {
            put("at_least", (*events).into());
            put(
                "distinct",
                json!({"of": of.to_string(), "at_least": values}),
            );
        }
        Detection::Ratio {
            to,
            at_least,
            events,
        } => {
            put("at_least", (*events).into());
            let mut ratio = write_matcher(to);
            ratio.insert("at_least".to_owned(), (*at_least).into());
            put("ratio", ratio.into());
        }
        Detection::FirstSeen { of } => {
            put("first_seen", of.to_string().into());
        }
    }
    put("period", times::show(rule.period).into());
    put("cooldown", times::show(rule.cooldown).into());
    if let Some(cancel) = &rule.cancel {
        put("cancel", write_matcher(cancel).into());
    }
    to
}

fn write_matcher(matcher: &Matcher) -> Map<String, Value> {
    let mut to = Map::new();
    let names: Vec<String> = matcher.events.iter().map(ToString::to_string).collect();
    to.insert("event".to_owned(), names.into());
    let filter = matcher.filter.to_string();
    if !filter.is_empty() {
        to.insert("where".to_owned(), filter.into());
    }
    if !matcher.apps.is_empty() {
        to.insert("apps".to_owned(), matcher.apps.clone().into());
    }
    to
}

fn write_response(response: &Response) -> Value {
    let durations = response.durations.iter().map(|duration| match duration {
        Some(duration) => times::show(*duration),
        None => times::PERMANENT.to_owned(),
    });
    let mut to = Map::new();
    to.insert("action".to_owned(), response.kind.name().into());
    to.insert("duration".to_owned(), durations.collect());
    if let Some(url) = &response.url {
        to.insert("url".to_owned(), url.clone().into());
    }
    to.into()
}
