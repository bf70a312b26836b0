//! What the engine does, and that it does what a plain model does.

mod bounds;
pub(in crate::playbooks) mod model;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::playbooks::{ActorKind, EventName, Matcher, Rails, Rule};
use crate::store::{Dimension, Filter, JsonField, StoredEvent};

const SECOND: i64 = 1_000_000;
const LATENESS: i64 = 120 * SECOND;
const SECRET: [u8; 16] = *b"sixteen bytes of";

fn limits() -> Limits {
    Limits {
        lateness: LATENESS,
        ..Limits::default()
    }
}

fn matcher(name: &str, condition: &str) -> Matcher {
    Matcher {
        events: vec![EventName::parse(name)],
        apps: Vec::new(),
        filter: condition.parse().unwrap(),
    }
}

pub(in crate::playbooks) fn playbook(slug: &str, rule: Rule) -> Arc<Playbook> {
    Arc::new(Playbook {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        description: String::new(),
        rule,
        responses: Vec::new(),
        rails: Rails {
            max_actors_per_hour: 1,
            shared_ip_users: 0,
            allow_critical: false,
        },
        notify: false,
    })
}

fn property(name: &str) -> Field {
    Field::Json(JsonField::Properties, vec![name.to_owned()])
}

fn login(number: u64, time: i64, value: u64) -> StoredEvent {
    let id = EventId::from_bytes(u128::from(number).to_be_bytes());
    let mut event = StoredEvent::new(id, time, time, "shop", "a");
    event.ip = Some([203, 0, 113, 7].into());
    event.properties = Some([("v".to_owned(), json!(value))].into_iter().collect());
    event
}

fn rule(detection: Detection) -> Rule {
    Rule {
        trigger: matcher("a", ""),
        cancel: None,
        actor: ActorKind::Ip,
        group_by: None,
        detection,
        period: Duration::from_secs(60),
        cooldown: Duration::from_secs(60),
    }
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let mut engine = Engine::new(limits(), SECRET);
    let playbooks = vec![playbook("p", rule(Detection::Threshold { events: 5 }))];
    engine.set(playbooks.clone());
    engine.feed(&login(1, SECOND, 0), &mut Vec::new());
    let mut bytes = Vec::new();
    engine.checkpoint(&mut bytes).unwrap();
    let restore = |bytes: &[u8]| Engine::restore(&mut &*bytes, limits(), playbooks.clone());
    assert_eq!(restore(&bytes).unwrap().stats(), engine.stats());
    for length in 0..bytes.len() {
        assert!(restore(&bytes[..length]).is_err(), "{length}");
    }
    for place in 0..bytes.len() {
        let mut other = bytes.clone();
        other[place] ^= 4;
        assert!(restore(&other).is_err(), "{place}");
    }
    let other = vec![playbook("p", rule(Detection::Threshold { events: 6 }))];
    let other = Engine::restore(&mut &bytes[..], limits(), other).unwrap();
    assert_eq!(other.stats().actors, 0, "another rule starts anew");
}

#[test]
fn names_are_found_by_what_they_are_and_how_they_begin() {
    let named = |slug: &str, events: &[&str]| {
        let mut rule = rule(Detection::Threshold { events: 1 });
        rule.trigger.events = events.iter().map(|name| EventName::parse(name)).collect();
        rule.cooldown = Duration::ZERO;
        playbook(slug, rule)
    };
    let mut engine = Engine::new(limits(), SECRET);
    engine.set(vec![
        named("exact", &["users.login"]),
        named("prefix", &["users.*"]),
        named("both", &["users.l*", "users.login", "*"]),
        named("other", &["user"]),
    ]);
    let mut slugs = |name: &str| {
        let mut event = login(engine.stats().events, SECOND, 0);
        event.name = name.to_owned();
        let mut firings = Vec::new();
        engine.feed(&event, &mut firings);
        let slugs = firings.iter().map(|firing| firing.playbook.slug.clone());
        slugs.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(slugs("users.login"), "both exact prefix");
    assert_eq!(slugs("users.é"), "both prefix");
    assert_eq!(slugs("é"), "both");
}

#[test]
fn a_condition_on_a_status_is_none_on_a_text() {
    let mut rule = rule(Detection::Threshold { events: 1 });
    rule.trigger.filter = Filter::All(vec![
        "properties.v>0".parse().unwrap(),
        Filter::equals(Field::Dimension(Dimension::App), "shop"),
    ]);
    let mut engine = Engine::new(limits(), SECRET);
    engine.set(vec![playbook("p", rule)]);
    let mut firings = Vec::new();
    let mut event = login(1, SECOND, 0);
    event.properties = Some([("v".to_owned(), json!("1"))].into_iter().collect());
    engine.feed(&event, &mut firings);
    assert!(firings.is_empty());
    engine.feed(&login(2, SECOND, 1), &mut firings);
    assert_eq!(firings.len(), 1);
}
