use std::time::Duration;

use super::*;
use crate::playbooks::{Actor, Detection, EventName, Kind};

/// The example of the documentation.
fn documented() -> &'static str {
    let (_, example) = include_str!("format.md").split_once("```toml\n").unwrap();
    example.split_once("```").unwrap().0
}

#[test]
fn the_documented_example_is_read_as_it_says() {
    let [entry] = &read(documented()).unwrap()[..] else {
        panic!("one playbook");
    };
    let Entry {
        playbook,
        stage,
        tests,
    } = entry;
    assert_eq!(*stage, Some(Stage::Shadow));
    let rule = &playbook.rule;
    assert_eq!(
        rule.trigger.events,
        [EventName::Exact("users.login".into())]
    );
    assert_eq!(rule.trigger.filter.to_string(), "properties.success:false");
    assert!(matches!(
        rule.detection,
        Detection::Distinct {
            values: 6,
            events: 31,
            ..
        }
    ));
    assert_eq!(rule.cooldown, rule.period);
    let hours = |hours: u64| Some(Duration::from_secs(3_600 * hours));
    assert_eq!(
        playbook.responses[0].durations,
        [Some(Duration::from_secs(300)), hours(1), hours(24)]
    );
    assert_eq!(playbook.rails.max_actors_per_hour, 100);
    assert!(playbook.notify);
    let [test] = &tests[..] else {
        panic!("one test");
    };
    let expected = &test.expect[0];
    assert_eq!(expected.actor, Actor::Ip("203.0.113.7/32".parse().unwrap()));
    assert_eq!(
        expected.response,
        Some((Kind::BlockIp, Some(Duration::from_secs(300))))
    );
    let given = &test.given[0];
    let event = given.event(10, 1_000_000).unwrap();
    assert_eq!(event.time, 1_000_000 + 50_000_000);
    assert_eq!(event.user.unwrap()["email"], "user2@b.example");
}

#[test]
fn what_is_printed_is_read_as_the_same() {
    let text = format!(
        "{}\n{}",
        documented(),
        r#"
[[playbook]]
slug = "odd"
name = "\"odd\"\n"
actor = "user"
trigger = { event = ["a", "b.*"], where = 'properties."a b":"x"', apps = ["shop"] }
group_by = "properties.feature"
at_least = 3
ratio = { event = "c", at_least = 1.5 }
period = "24h"
cooldown = "90s"
notify = false
responses = [
  { action = "redirect_user", url = "https://example.com/help", duration = "permanent" },
  { action = "block_user", duration = ["5min", "permanent"] },
]

[[playbook]]
slug = "newcomer"
actor = "user"
trigger = { event = "users.login" }
first_seen = "ip"
period = "30d"
"#
    );
    let entries = read(&text).unwrap();
    assert_eq!(entries.len(), 3);
    let printed = print(&entries);
    assert_eq!(read(&printed).unwrap(), entries, "{printed}");
}

#[test]
fn an_address_of_ipv6_stands_for_what_its_client_has() {
    let text = r#"
[[playbook]]
slug = "a"
actor = "ip"
trigger = { event = "a" }
at_least = 3
period = "5min"

[[playbook.tests]]
name = "three of one client, each from another address"
given = [{ at = "0s", times = 3, every = "1s", name = "a", ip = "2001:db8:0:1::{n}" }]
expect = [{ at = "2s", ip = "2001:db8:0:1::2" }]

[[playbook.tests]]
name = "three clients"
given = [{ at = "0s", times = 3, every = "1s", name = "a", ip = "2001:db8:0:{n}::1" }]
expect = []

[[playbook.tests]]
name = "three clients of IPv4, by way of NAT64"
given = [{ at = "0s", times = 3, every = "1s", name = "a", ip = "64:ff9b::{n}" }]
expect = []

[[playbook.tests]]
name = "one address of IPv4, however it is written"
given = [
  { at = "0s", times = 2, every = "1s", name = "a", ip = "203.0.113.7" },
  { at = "2s", name = "a", ip = "::ffff:203.0.113.7" },
]
expect = [{ at = "2s", ip = "203.0.113.7" }]
"#;
    for entry in read(text).unwrap() {
        for test in &entry.tests {
            super::run(&entry, test).unwrap_or_else(|failure| panic!("{}: {failure}", test.name));
        }
    }
}

#[test]
fn a_mistake_is_told_with_its_place() {
    const GOOD: &str = r#"
[[playbook]]
slug = "a"
actor = "ip"
trigger = { event = "a", where = "status:404" }
at_least = 6
period = "5min"
responses = [{ action = "block_ip", duration = "5min" }]

[[playbook.tests]]
name = "none"
given = [{ at = "0s", name = "a" }]
"#;
    read(GOOD).unwrap();
    for (good, bad, place, told) in [
        (
            "slug = \"a\"",
            "slug = \"A\"",
            (3, 8),
            "slug: not lower-case",
        ),
        ("slug = \"a\"", "", (2, 1), "slug: missing"),
        ("slug = \"a\"", "slug = ", (3, 8), "not TOML"),
        (
            "\"ip\"",
            "\"host\"",
            (4, 9),
            "actor: none of ip, ip_range, user",
        ),
        ("\"status:404\"", "\"a or (\"", (5, 41), "expected"),
        ("\"status:404\"", "3", (5, 34), "where: not a text"),
        ("event = \"a\",", "", (5, 1), "trigger.event: missing"),
        ("at_least = 6", "at_least = 0", (6, 12), "1 to 10000"),
        ("at_least = 6", "", (2, 1), "at_least: missing"),
        (
            "\"5min\"\n",
            "\"5 days\"\n",
            (7, 10),
            "a time of 1min to 24h",
        ),
        ("period", "perod", (2, 1), "period: missing"),
        (
            "period",
            "every = 3\nperiod",
            (7, 9),
            "every: unknown field",
        ),
        (
            "block_ip",
            "block_user",
            (8, 25),
            "does not suit the actor ip",
        ),
        (
            "duration = \"5min\"",
            "duration = \"1min\"",
            (8, 48),
            "a time of 5min to 24h",
        ),
        (
            "name = \"a\" }",
            "name = \"a\", status = \"x\" }",
            (12, 30),
            "make no event",
        ),
        ("at_least = 6", "at_least = 1979-05-27", (6, 12), "a date"),
    ] {
        let text = GOOD.replacen(good, bad, 1);
        assert_ne!(text, GOOD);
        let error = read(&text).unwrap_err();
        assert!(error.text.contains(told), "{bad}: {error}");
        assert_eq!((error.line, error.column), place, "{bad}: {error}");
    }
    let twice = format!("{GOOD}{GOOD}");
    assert_eq!(read(&twice).unwrap_err().line, 15);
}
