//! What is kept in bounds, and what that costs.

use super::*;

#[test]
fn a_flood_of_few_values_is_kept_in_bounds_and_misses_nothing() {
    let detection = Detection::Distinct {
        of: property("v"),
        values: 4,
        events: 20,
    };
    let mut engine = Engine::new(limits(), SECRET);
    engine.set(vec![playbook("p", rule(detection))]);
    let mut firings = Vec::new();
    for number in 0..50_000 {
        engine.feed(
            &login(number, number as i64 * SECOND / 100, number % 3),
            &mut firings,
        );
    }
    assert!(firings.is_empty());
    let stats = engine.stats();
    assert!(stats.bytes < 40_000, "{stats:?}");
    assert_eq!(stats.trimmed, 0);
    engine.feed(&login(50_000, 500 * SECOND, 3), &mut firings);
    assert_eq!(firings.len(), 1);
    assert!(firings[0].count >= 20 && firings[0].values == 4);
}

#[test]
fn actors_whose_time_is_over_are_let_go() {
    let mut engine = Engine::new(limits(), SECRET);
    engine.set(vec![playbook(
        "p",
        rule(Detection::Threshold { events: 5 }),
    )]);
    for number in 0..2_000_u32 {
        let mut event = login(number.into(), i64::from(number) * SECOND, 0);
        event.ip = Some(number.to_be_bytes().into());
        engine.feed(&event, &mut Vec::new());
    }
    let stats = engine.stats();
    // The period and the lateness are 180 s; the sweep takes as many events as there are actors to look at.
    assert!(stats.actors < 600 && stats.evicted == 0, "{stats:?}");
}

#[test]
fn who_was_active_the_longest_ago_is_forgotten_first() {
    let limits = Limits {
        actors: 2,
        ..limits()
    };
    let mut engine = Engine::new(limits, SECRET);
    engine.set(vec![playbook(
        "p",
        rule(Detection::Threshold { events: 2 }),
    )]);
    let mut firings = Vec::new();
    let mut feed = |ip: u8| {
        let mut event = login(u64::from(ip) + firings.len() as u64 * 100, SECOND, 0);
        event.id = EventId::from_bytes(
            (u128::from(ip) << 64 | engine.stats().events as u128).to_be_bytes(),
        );
        event.ip = Some([203, 0, 113, ip].into());
        engine.feed(&event, &mut firings);
        firings.len()
    };
    assert_eq!((feed(1), feed(2), feed(3)), (0, 0, 0));
    assert_eq!((feed(1), feed(3)), (0, 1), "1 was forgotten, 3 was not");
}

/// The ratio of a busy address stays what it is, also when there are more events than are kept.
#[test]
fn others_are_not_forgotten_before_the_events_that_they_are_held_against() {
    let detection = Detection::Ratio {
        to: matcher("b", ""),
        at_least: 1.0,
        events: 100,
    };
    let mut engine = Engine::new(limits(), SECRET);
    engine.set(vec![playbook("p", rule(detection))]);
    let mut firings = Vec::new();
    let mut feed = |number: u64, name: &str, time: i64| {
        let mut event = login(number, time, 0);
        event.name = name.to_owned();
        engine.feed(&event, &mut firings);
        firings.len()
    };
    // One of 100 fails, within one minute.
    for number in 0..200_000 {
        let name = if number % 100 == 0 { "a" } else { "b" };
        assert_eq!(feed(number, name, number as i64 * 250), 0, "{number}");
    }
    // What comes late is not held against what is left of its time.
    for number in 0..150 {
        assert_eq!(feed(3_000_000 + number, "a", number as i64), 0);
    }
    let now = 60 * SECOND;
    for number in 0..20_000 {
        if feed(4_000_000 + number, "a", now + number as i64) == 1 {
            return;
        }
    }
    panic!("it never fires");
}

#[test]
fn a_rule_that_asks_for_many_events_gets_them() {
    for detection in [
        Detection::Threshold { events: 10_000 },
        Detection::Distinct {
            of: property("v"),
            values: 2,
            events: 10_000,
        },
        Detection::Ratio {
            to: matcher("b", ""),
            at_least: 1.0,
            events: 10_000,
        },
    ] {
        let mut engine = Engine::new(limits(), SECRET);
        engine.set(vec![playbook("p", rule(detection))]);
        let mut firings = Vec::new();
        for number in 0..9_999 {
            engine.feed(&login(number, number as i64, number % 3), &mut firings);
        }
        assert!(firings.is_empty());
        engine.feed(&login(9_999, 9_999, 0), &mut firings);
        assert_eq!(firings.len(), 1);
        assert_eq!((firings[0].count, firings[0].events.len()), (10_000, 1_000));
    }
}

/// Many tries at one account between those at others do not hide the others, also where a good login would end it.
#[test]
fn a_flood_of_one_value_hides_no_other() {
    let detection = Detection::Distinct {
        of: property("v"),
        values: 4,
        events: 4,
    };
    let mut rule = rule(detection);
    rule.cancel = Some(matcher("c", ""));
    let mut engine = Engine::new(limits(), SECRET);
    engine.set(vec![playbook("p", rule)]);
    let mut firings = Vec::new();
    for number in 0..40_000 {
        let value = if number % 12_000 == 0 { number } else { 1 };
        engine.feed(&login(number, number as i64 * 1_000, value), &mut firings);
        // 0, 1, 12,000 and 24,000
        assert_eq!(firings.len(), usize::from(number >= 24_000), "{number}");
    }
    let stats = engine.stats();
    assert!(stats.bytes < 300_000 && stats.trimmed > 0, "{stats:?}");
}

#[test]
fn the_groups_of_an_actor_are_bounded() {
    let mut rule = rule(Detection::Threshold { events: 2 });
    rule.group_by = Some(property("v"));
    let mut engine = Engine::new(limits(), SECRET);
    engine.set(vec![playbook("p", rule)]);
    let mut firings = Vec::new();
    for number in 0..20_000 {
        engine.feed(&login(number, number as i64, number), &mut firings);
    }
    let stats = engine.stats();
    assert_eq!(stats.actors, 1);
    assert!(stats.bytes < 200_000 && stats.trimmed > 0, "{stats:?}");
    engine.feed(&login(20_000, 20_000, 0), &mut firings);
    assert!(firings.is_empty(), "the group of long ago is forgotten");
    engine.feed(&login(20_001, 20_001, 19_999), &mut firings);
    assert_eq!(firings.len(), 1, "that of lately is not");
}
