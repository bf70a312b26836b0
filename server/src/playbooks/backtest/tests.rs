//! The curve beside an engine for each of its thresholds.

use std::collections::HashSet;

use proptest::prelude::*;

use super::super::engine::tests::{model, playbook};
use super::super::model::ActorKind;
use super::*;
use crate::playbooks::Rule;
use crate::store::StoredEvent;

/// The events as a store hands them out: each once, in the order of time, as if it had arrived at once.
fn history(events: Vec<StoredEvent>) -> Vec<StoredEvent> {
    let mut known = HashSet::new();
    let mut history = events;
    history.retain(|event| known.insert(event.id));
    for event in &mut history {
        event.time = event.time.min(event.received);
        event.received = event.time;
    }
    history.sort_by_key(|event| (event.time, event.id));
    history
}

fn found(rule: Rule, events: &[StoredEvent]) -> Backtest {
    let scan = |filter: &Filter, _: &[Field], sink: &mut dyn FnMut(&dyn EventFields)| {
        let meant = events.iter().filter(|event| filter.matches(*event));
        meant.for_each(|event| sink(event));
        Ok(true)
    };
    evaluate(&playbook("p", rule), &[], scan).unwrap().unwrap()
}

/// How many actors make an engine fire whose rule has this threshold.
fn fired(mut rule: Rule, at_least: f64, events: &[StoredEvent]) -> u64 {
    match &mut rule.detection {
        Detection::Threshold { events } => *events = at_least as u64,
        Detection::Distinct { values, events, .. } => {
            if events == values {
                *events = at_least as u64;
            }
            *values = at_least as u64;
        }
        Detection::Ratio { at_least: own, .. } => *own = at_least,
        Detection::FirstSeen { .. } => panic!("has no threshold"),
    }
    let mut engine = Engine::new(Limits::default(), [3; 16]);
    engine.set(vec![playbook("p", rule)]);
    let mut firings = Vec::new();
    let events = events.iter();
    events.for_each(|event| engine.feed(event, &mut firings));
    let actors = firings.iter().map(|firing| format!("{:?}", firing.actor));
    actors.collect::<HashSet<_>>().len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_curve_is_what_an_engine_finds_for_each_threshold(rule in model::rules(), events in model::events(120)) {
        let events = history(events);
        for point in found(rule.clone(), &events).curve {
            let expected = fired(rule.clone(), point.at_least, &events);
            prop_assert_eq!(point.actors, expected, "at least {}", point.at_least);
        }
    }
}

#[test]
fn the_curve_remembers_so_many_actors_and_tells_that_there_were_more() {
    let text = r#"
[[playbook]]
slug = "p"
actor = "ip"
trigger = { event = "a" }
at_least = 2
period = "1h"
"#;
    let rule = &crate::playbooks::file::read(text).unwrap()[0].playbook.rule;
    let limits = Limits {
        actors: 20,
        ..Limits::default()
    };
    let peaks = |gap: i64| {
        let mut peaks = Peaks::new(rule, vec![1.0, 2.0], limits);
        for number in 0..200_u8 {
            let mut event = StoredEvent::new(EventId::from_bytes([number; 16]), 0, 0, "shop", "a");
            event.ip = Some([203, 0, 113, number % 100].into());
            let mut engine = Engine::new(limits, [0; 16]);
            engine.set(vec![playbook("p", rule.clone())]);
            let parts = engine.find(&event);
            let actor = engine.actors(&event).key(ActorKind::Ip).unwrap();
            peaks.take(Seen {
                parts,
                actor,
                group: 0,
                value: None,
                time: i64::from(number) * gap,
            });
        }
        (peaks.forgotten, peaks.curve().collect::<Vec<_>>())
    };
    // All of them within the period: each is forgotten before it comes again.
    let (forgotten, curve) = peaks(1_000_000);
    assert!((170..200).contains(&forgotten), "{forgotten}");
    assert_eq!(curve, [(1.0, 100), (2.0, 0)]);
    // Each an hour after the one before: nobody is forgotten before their time.
    assert_eq!(peaks(3_600_000_000), (0, vec![(1.0, 100), (2.0, 0)]));
}
