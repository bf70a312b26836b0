//! The engine beside a model that keeps every event and works out every window anew.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::playbooks::{ActorKind, EventName, Matcher, Rule};
use crate::store::StoredEvent;

/// An event as it was taken, with what the rule asks of it.
#[derive(Clone, Debug)]
struct Taken {
    time: i64,
    id: EventId,
    group: Option<Option<String>>,
    value: Option<String>,
    other: bool,
}

/// What the model knows of an actor.
#[derive(Debug, Default)]
struct Known {
    taken: Vec<Taken>,
    void_until: Option<i64>,
    quiet_until: BTreeMap<Option<Option<String>>, i64>,
}

/// The model: one playbook, everything kept.
#[derive(Debug)]
struct Model {
    rule: Rule,
    clock: i64,
    actors: BTreeMap<String, Known>,
}

/// A firing, as far as the model tells.
type Told = (String, Option<String>, i64, Option<BTreeSet<EventId>>);

impl Model {
    fn matches(matcher: &Matcher, event: &StoredEvent) -> bool {
        let name = matcher.events.iter().any(|name| match name {
            EventName::Exact(name) => event.name == *name,
            EventName::Prefix(prefix) => event.name.starts_with(prefix.as_str()),
        });
        let app = matcher.apps.is_empty() || matcher.apps.contains(&event.app);
        name && app && matcher.filter.matches(event)
    }

    fn feed(&mut self, event: &StoredEvent) -> Option<Told> {
        let rule = self.rule.clone();
        let others = match &rule.detection {
            Detection::Ratio { to, .. } => Some(to),
            _ => None,
        };
        let cancels = rule
            .cancel
            .as_ref()
            .is_some_and(|m| Self::matches(m, event));
        let is_other = others.is_some_and(|m| Self::matches(m, event));
        let counts = Self::matches(&rule.trigger, event);
        if !(cancels || is_other || counts) {
            return None;
        }
        self.clock = self.clock.max(event.received);
        let time = event.time.min(event.received);
        if time < self.clock - LATENESS {
            return None;
        }
        let actor = match rule.actor {
            ActorKind::Ip => event.ip?.to_string(),
            ActorKind::IpRange => {
                let text = event.ip?.to_string();
                let (net, _) = text.rsplit_once('.')?;
                format!("{net}.0/24")
            }
            ActorKind::User => json!(event.user.as_ref()?).to_string(),
        };
        let known = self.actors.entry(actor.clone()).or_default();
        if cancels {
            known.void_until = known.void_until.max(Some(time));
        }
        let dynamic: &dyn EventFields = event;
        let text = |field: &Field| dynamic.value(field).map(std::borrow::Cow::into_owned);
        let group = rule.group_by.as_ref().map(text);
        let value = asked_value(&rule.detection).and_then(text);
        let taken = Taken {
            time,
            id: event.id,
            group: group.clone(),
            value: value.clone(),
            other: false,
        };
        let void = |taken: &Taken| known.void_until.is_some_and(|until| taken.time <= until);
        if is_other && !void(&taken) {
            let other = Taken {
                other: true,
                ..taken.clone()
            };
            let twice = |known: &Taken| known.other && known.id == other.id && known.group == group;
            if !known.taken.iter().any(twice) {
                known.taken.push(other);
            }
        }
        if !counts || void(&taken) {
            return None;
        }
        let micros = |time: Duration| i64::try_from(time.as_micros()).unwrap();
        let (period, cooldown) = (micros(rule.period), micros(rule.cooldown));
        let quiet = known
            .quiet_until
            .get(&group)
            .is_some_and(|until| time < *until);
        if let Detection::FirstSeen { .. } = rule.detection {
            value.as_ref()?;
            let recent =
                |known: &&Taken| known.time > time - period && known.group == group && !void(known);
            let seen: Vec<_> = known
                .taken
                .iter()
                .filter(recent)
                .map(|t| t.value.clone())
                .collect();
            known.taken.push(taken.clone());
            if quiet || seen.contains(&value) || seen.is_empty() {
                return None;
            }
            known.quiet_until.insert(group.clone(), time + cooldown);
            return Some((actor, group.flatten(), time, Some([event.id].into())));
        }
        let twice = |known: &Taken| !known.other && known.id == taken.id && known.group == group;
        if quiet || known.taken.iter().any(twice) {
            return None;
        }
        known.taken.push(taken);
        let ours = |known: &&Taken| known.group == group && !void(known);
        let ends: BTreeSet<i64> = known
            .taken
            .iter()
            .filter(ours)
            .filter(|end| !end.other && end.time >= time && end.time - period < time)
            .map(|end| end.time)
            .collect();
        for end in ends {
            let within =
                |known: &&Taken| ours(known) && known.time > end - period && known.time <= end;
            let window: Vec<_> = known.taken.iter().filter(within).collect();
            let marks: Vec<_> = window.iter().filter(|taken| !taken.other).collect();
            let others = window.len() - marks.len();
            let values: BTreeSet<_> = marks
                .iter()
                .filter_map(|taken| taken.value.as_ref())
                .collect();
            let enough = match &rule.detection {
                Detection::Threshold { events } => marks.len() as u64 >= *events,
                Detection::Distinct {
                    values: least,
                    events,
                    ..
                } => marks.len() as u64 >= *events && values.len() as u64 >= *least,
                Detection::Ratio {
                    at_least, events, ..
                } => {
                    marks.len() as u64 >= *events && marks.len() as f64 >= at_least * others as f64
                }
                Detection::FirstSeen { .. } => unreachable!(),
            };
            if enough {
                let exact = !matches!(rule.detection, Detection::Distinct { .. });
                let ids = marks.iter().map(|taken| taken.id).collect();
                known.quiet_until.insert(group.clone(), end + cooldown);
                known.taken.retain(|taken| taken.group != group);
                return Some((actor, group.flatten(), end, exact.then_some(ids)));
            }
        }
        None
    }
}

pub(in crate::playbooks) fn rules() -> impl Strategy<Value = Rule> {
    let detection = prop_oneof![
        (1_u64..6).prop_map(|events| Detection::Threshold { events }),
        (1_u64..8, 2_u64..5).prop_map(|(events, values)| Detection::Distinct {
            of: property("v"),
            values,
            events,
        }),
        (1_u64..5, prop_oneof![Just(0.5), Just(1.0), Just(2.0)]).prop_map(|(events, at_least)| {
            Detection::Ratio {
                to: matcher("b", ""),
                at_least,
                events,
            }
        }),
        Just(Detection::FirstSeen { of: property("v") }),
    ];
    let trigger = prop_oneof![
        Just(matcher("a", "")),
        Just(matcher("a*", "status<500")),
        Just(Matcher {
            apps: vec!["shop".to_owned()],
            ..matcher("a", "")
        }),
    ];
    let cancel = prop_oneof![
        3 => Just(None),
        1 => Just(Some(matcher("c", ""))),
        1 => Just(Some(matcher("a", "status:200"))),
    ];
    let actor = prop_oneof![
        Just(ActorKind::Ip),
        Just(ActorKind::IpRange),
        Just(ActorKind::User)
    ];
    let group = prop_oneof![3 => Just(None), 1 => Just(Some(property("g")))];
    let times = (
        prop_oneof![Just(60_u64), Just(90)],
        prop_oneof![Just(0_u64), Just(30), Just(60)],
    );
    (trigger, cancel, actor, group, detection, times).prop_map(
        |(trigger, cancel, actor, group_by, detection, (period, cooldown))| Rule {
            trigger,
            cancel,
            actor,
            group_by,
            detection,
            period: Duration::from_secs(period),
            cooldown: Duration::from_secs(cooldown),
        },
    )
}

/// Events of few actors and values, mostly in order; some late, some of the future, some twice.
pub(in crate::playbooks) fn events(most: usize) -> impl Strategy<Value = Vec<StoredEvent>> {
    let name = prop_oneof![6 => Just("a"), 1 => Just("ab"), 2 => Just("b"), 1 => Just("c"), 1 => Just("d")];
    let behind = prop_oneof![6 => Just(0_i64), 3 => 0..150_i64, 1 => Just(-30)];
    let one = (
        name,
        0..25_i64,
        behind,
        0..3_u8,
        0..3_u8,
        prop::option::weighted(0.9, 0..4_u8),
        prop::option::weighted(0.8, 0..2_u8),
        prop_oneof![Just(200_u16), Just(401), Just(500)],
        prop::bool::weighted(0.1),
    );
    prop::collection::vec(one, 1..most).prop_map(|events| {
        let mut now = 1_000_000 * SECOND;
        let mut made: Vec<StoredEvent> = Vec::new();
        for (name, step, behind, ip, user, value, group, status, again) in events {
            now += step * SECOND;
            if let Some(last) = made.last().filter(|_| again).cloned() {
                made.push(StoredEvent {
                    time: last.time.min(last.received),
                    received: now,
                    ..last
                });
                continue;
            }
            let id = EventId::from_bytes((made.len() as u128).to_be_bytes());
            let app = if user == 0 { "blog" } else { "shop" };
            let mut event = StoredEvent::new(id, now - behind * SECOND, now, app, name);
            event.ip = Some([203, 0, 113 + ip / 2, ip].into());
            event.user = (user < 2).then(|| [("id".to_owned(), json!(user))].into());
            event.status = Some(status);
            let mut properties = serde_json::Map::new();
            properties.extend(value.map(|value| ("v".to_owned(), json!(value))));
            properties.extend(group.map(|group| ("g".to_owned(), json!(group))));
            event.properties = Some(properties);
            made.push(event);
        }
        made
    })
}

fn told(firing: &Firing) -> Told {
    let actor = match &firing.actor {
        Actor::Ip(net) => crate::state::network(net),
        // The model has the identifiers as they were sent: numbers.
        Actor::User(user) => format!("{{\"id\":{}}}", user["id"]),
    };
    let exact = !matches!(firing.playbook.rule.detection, Detection::Distinct { .. });
    let ids = firing.events.iter().map(|(_, id)| *id).collect();
    (actor, firing.group.clone(), firing.at, exact.then_some(ids))
}

/// Whether all that a firing tells happened as it says, and is what the rule asks for.
fn justified(firing: &Firing, events: &[StoredEvent]) -> Result<(), String> {
    let rule = &firing.playbook.rule;
    let period = i64::try_from(rule.period.as_micros()).unwrap();
    let mut values = BTreeSet::new();
    for (time, id) in &firing.events {
        let event = events.iter().find(|event| event.id == *id);
        let event = event.ok_or("an event that never was")?;
        let dynamic: &dyn EventFields = event;
        let mut model = Actors::new(dynamic, Keyed(SECRET));
        let same = event.time.min(event.received) == *time
            && model.actor(rule.actor).as_ref() == Some(&firing.actor)
            && rule
                .group_by
                .as_ref()
                .and_then(|field| dynamic.value(field))
                .as_deref()
                == firing.group.as_deref();
        if !same || !Model::matches(&rule.trigger, event) {
            return Err(format!("{id} does not count"));
        }
        if *time <= firing.at - period || *time > firing.at {
            return Err(format!("{id} is out of the window"));
        }
        values.extend(asked_value(&rule.detection).and_then(|field| dynamic.value(field)));
    }
    let count = firing.events.len() as u64;
    let enough = match rule.detection {
        Detection::Threshold { events } => count >= events,
        Detection::Distinct {
            values: least,
            events,
            ..
        } => count >= events && values.len() as u64 >= least,
        Detection::Ratio {
            at_least, events, ..
        } => count >= events && count as f64 >= at_least * firing.others as f64,
        Detection::FirstSeen { .. } => count == 1,
    };
    enough
        .then_some(())
        .ok_or_else(|| format!("{count} events are not enough"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn it_fires_when_the_model_does(rule in rules(), events in events(60)) {
        let mut engine = Engine::new(limits(), SECRET);
        engine.set(vec![playbook("p", rule.clone())]);
        let mut model = Model { rule, clock: i64::MIN, actors: BTreeMap::new() };
        for (place, event) in events.iter().enumerate() {
            let mut firings = Vec::new();
            engine.feed(event, &mut firings);
            let expected: Vec<_> = model.feed(event).into_iter().collect();
            let found: Vec<_> = firings.iter().map(told).collect();
            prop_assert_eq!(found, expected, "event {}", place);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_restart_changes_nothing(rules in prop::collection::vec(rules(), 1..4), events in events(60), cuts in prop::collection::vec(0..60_usize, 0..4)) {
        let playbooks: Vec<_> = rules.into_iter().enumerate().map(|(n, rule)| playbook(&format!("p{n}"), rule)).collect();
        let fresh = || {
            let mut engine = Engine::new(limits(), SECRET);
            engine.set(playbooks.clone());
            engine
        };
        let (mut one, mut other) = (fresh(), fresh());
        let (mut whole, mut cut) = (Vec::new(), Vec::new());
        for (place, event) in events.iter().enumerate() {
            one.feed(event, &mut whole);
            other.feed(event, &mut cut);
            if cuts.contains(&place) {
                let mut bytes = Vec::new();
                other.checkpoint(&mut bytes).unwrap();
                other = Engine::restore(&mut &bytes[..], limits(), playbooks.clone()).unwrap();
                other.set(playbooks.iter().rev().cloned().collect());
            }
        }
        prop_assert_eq!(whole, cut);
    }

    #[test]
    fn few_actors_and_bytes_are_enough_for_it(rules in prop::collection::vec(rules(), 1..4), events in events(120), actors in 0..4_usize, bytes in 0..2_000_usize) {
        let mut engine = Engine::new(Limits { actors, bytes, lateness: LATENESS }, SECRET);
        engine.set(rules.into_iter().enumerate().map(|(n, rule)| playbook(&format!("p{n}"), rule)).collect());
        // Who is forgotten may be told the same again; the store does not do that.
        let mut known = BTreeSet::new();
        let events: Vec<_> = events.into_iter().filter(|event| known.insert(event.id)).collect();
        let mut used = BTreeSet::new();
        for (place, event) in events.iter().enumerate() {
            let mut firings = Vec::new();
            engine.feed(event, &mut firings);
            let stats = engine.stats();
            prop_assert!(stats.actors <= actors as u64 && stats.bytes <= bytes as u64);
            for firing in &firings {
                prop_assert_eq!(justified(firing, &events[..=place]), Ok(()));
                let slug = &firing.playbook.slug;
                let anew = |(_, id): &(i64, EventId)| used.insert((slug.clone(), *id));
                prop_assert!(firing.events.iter().all(anew), "an event counted twice");
            }
        }
    }
}
