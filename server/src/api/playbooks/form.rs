//! The form of a playbook's fields, which a reader of its own takes apart. No limit here is narrower than that reader's.
#![expect(
    dead_code,
    reason = "it is the form of what a reader of its own takes apart"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::playbooks::limits::{
    MAX_ACTORS_PER_HOUR, MAX_EVENTS, MAX_RATIO, MAX_RESPONSES, MAX_VALUES,
};
use crate::playbooks::{ActorKind, Stage};
use crate::state::Kind;

/// The fields of a playbook, as in a file. What it counts is told by one of `at_least` alone, `distinct`, `ratio` and
/// `first_seen`. A length of time is a whole number and `s`, `min`, `h` or `d`, such as `5min`.
#[derive(Debug, JsonSchema)]
pub(in crate::api) struct PlaybookFields {
    /// Lower-case letters, digits and hyphens, at most 64. May be left out where it is in the path.
    slug: Option<String>,
    /// Absent: the slug.
    name: Option<String>,
    description: Option<String>,
    /// Absent: the stage it has, `draft` when it is new.
    stage: Option<Stage>,
    actor: ActorKind,
    /// The events that count.
    trigger: EventMatcher,
    /// Events that void what was counted before.
    cancel: Option<EventMatcher>,
    /// A field of events: each of its values is counted apart.
    group_by: Option<String>,
    /// The number of events within the period; required but with `distinct`, and not with `first_seen`.
    #[schemars(range(min = 1, max = MAX_EVENTS))]
    at_least: Option<u64>,
    distinct: Option<DistinctValues>,
    ratio: Option<RatioToOthers>,
    /// A field of events: a value of it that the actor did not have within the period, while it had others.
    first_seen: Option<String>,
    /// The length of the sliding window: `1min` to `24h`, of `first_seen` to `30d`.
    period: String,
    /// How long after it fired an actor's events do not count: `0s` to `7d`. Absent: the period, none with `first_seen`.
    cooldown: Option<String>,
    /// What is done; each kind once, and of a kind that suits the actor.
    #[schemars(length(max = MAX_RESPONSES))]
    responses: Option<Vec<PlaybookResponse>>,
    /// The actor after so many puts it back to `shadow`. Absent: 100.
    #[schemars(range(min = 1, max = MAX_ACTORS_PER_HOUR))]
    max_actors_per_hour: Option<u32>,
    /// An address from which so many users signed in within a day is not blocked; 0: any is. Absent: 3.
    #[schemars(range(max = MAX_VALUES))]
    shared_ip_users: Option<u32>,
    /// Whether private addresses, loopback and the app's own proxies may be blocked. Absent: no.
    allow_critical: Option<bool>,
    /// Whether people are told. Absent: yes.
    notify: Option<bool>,
    /// What it must do.
    tests: Option<Vec<PlaybookTest>>,
}

/// Events, by their names and what is true of them.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct EventMatcher {
    /// A name, a beginning such as `users.*`, or at most 32 of them.
    event: OneOrMore,
    /// A filter as in the Event Explorer.
    r#where: Option<String>,
    /// Applications, at most 32; absent: all.
    apps: Option<OneOrMore>,
}

/// So many values of a field.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct DistinctValues {
    /// A field of events, such as `user` or `properties.item`.
    of: String,
    #[schemars(range(min = 2, max = MAX_VALUES))]
    at_least: u64,
}

/// So many times as many events as there are of these.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct RatioToOthers {
    /// As in `trigger`.
    event: OneOrMore,
    r#where: Option<String>,
    apps: Option<OneOrMore>,
    #[schemars(range(max = MAX_RATIO), extend("exclusiveMinimum" = 0))]
    at_least: f64,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PlaybookResponse {
    action: Kind,
    /// `5min` to `24h`, or `permanent`; of a list, each holds for an actor who fires once more within 30 days.
    duration: OneOrMore,
    /// Where a redirect leads to, http or https; of redirects alone.
    url: Option<String>,
}

/// A text, or a list of texts.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PlaybookTest {
    name: String,
    given: Option<Vec<GivenEvents>>,
    /// All that the playbook does, in order.
    expect: Option<Vec<ExpectedResponse>>,
}

/// Events of a test; what else there is are the fields of an event.
#[derive(Debug, JsonSchema)]
struct GivenEvents {
    /// When the first happens, after the start.
    at: String,
    /// When it arrives; absent: when it happens.
    received: Option<String>,
    /// How many there are; absent: one.
    #[schemars(range(min = 1))]
    times: Option<u64>,
    /// How long after one another.
    every: Option<String>,
    name: String,
    #[schemars(flatten)]
    event: Map<String, Value>,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct ExpectedResponse {
    /// When the last of the events happened that made it fire, after the start.
    at: String,
    /// An address or range, where the actor is none of users.
    ip: Option<String>,
    /// The identifiers of a user.
    user: Option<BTreeMap<String, Value>>,
    /// The value of `group_by`.
    group: Option<String>,
    /// Absent where the playbook has no responses.
    action: Option<Kind>,
    duration: Option<String>,
}
