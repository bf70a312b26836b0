//! What a playbook is: which events it looks at, whom it watches, when it fires, and what is done then.
//!
//! These are plain values. Whoever makes them, a file or the API, checks the [`limits`](super::limits).

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::state::Kind;
use crate::store::{Field, Filter};

/// A playbook.
#[derive(Clone, Debug, PartialEq)]
pub struct Playbook {
    /// Names it in files, addresses and the API: lower-case letters, digits and hyphens.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// What it is for, and what the app must track.
    pub description: String,
    /// When it fires.
    pub rule: Rule,
    /// What is done then, in this order. Without any, it is recorded that it fired.
    pub responses: Vec<Response>,
    /// What keeps it from doing harm.
    pub rails: Rails,
    /// Whether people are told: those whose destination takes notices of this playbook.
    pub notify: bool,
}

/// How far a playbook's word goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// It is not evaluated.
    Draft,
    /// It is evaluated, and what it would have done is recorded.
    Shadow,
    /// It does what it says.
    Enforce,
}

impl Stage {
    /// All of them, in the order of their consequence.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Shadow, Self::Enforce];

    /// Its name, such as `shadow`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Enforce => "enforce",
        }
    }

    /// The stage of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// When a playbook fires: all that the engine evaluates. An actor's window is kept for as long as the rule stays equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The events that count.
    pub trigger: Matcher,
    /// The events that void what counted until then, for the same actor in every group.
    pub cancel: Option<Matcher>,
    /// Whom it watches.
    pub actor: ActorKind,
    /// Windows are apart for each value of this field; an event without it is none of its own value.
    pub group_by: Option<Field>,
    /// What must come together within the period.
    pub detection: Detection,
    /// The length of the sliding window, in the events' own time.
    pub period: Duration,
    /// How long after it fired an actor's events do not count, in the events' own time.
    pub cooldown: Duration,
}

/// Which events are meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Matcher {
    /// One of them must match; never empty.
    pub events: Vec<EventName>,
    /// One of these applications; of none, all are meant.
    pub apps: Vec<String>,
    /// What else must hold.
    pub filter: Filter,
}

/// A name of events, or how names begin: `users.login`, `users.*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    /// The whole name.
    Exact(String),
    /// How it begins.
    Prefix(String),
}

impl EventName {
    /// Reads it; a `*` at the end makes it a prefix.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

/// Whom a playbook watches. An event without it does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActorKind {
    /// The client's address; of IPv6 its /64, in which a client may take any.
    Ip,
    /// The /24 of an IPv4 address, the /64 of an IPv6 address.
    IpRange,
    /// All the identifiers of the user.
    User,
}

impl ActorKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ip, Self::IpRange, Self::User];

    /// Its name, such as `ip_range`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::IpRange => "ip_range",
            Self::User => "user",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Someone who made a playbook fire.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// An address, or a range of them.
    Ip(ipnet::IpNet),
    /// The identifiers of a user, in their order by name.
    User(BTreeMap<String, String>),
}

/// What must come together within the period.
#[derive(Clone, Debug, PartialEq)]
pub enum Detection {
    /// At least so many events.
    Threshold {
        /// The least number of events.
        events: u64,
    },
    /// At least so many different values of a field. An event without the field counts as an event alone.
    Distinct {
        /// The field whose values are counted.
        of: Field,
        /// The least number of values.
        values: u64,
        /// The least number of events.
        events: u64,
    },
    /// At least so many events, and so many times as many as others of the same actor.
    Ratio {
        /// The others.
        to: Matcher,
        /// How many times as many, at least.
        at_least: f64,
        /// The least number of events.
        events: u64,
    },
    /// A value that the actor did not have within the period, while it had another one. An event without the field
    /// does not count.
    FirstSeen {
        /// The field whose values are remembered.
        of: Field,
    },
}

impl Detection {
    /// The least number of events that it takes.
    pub(crate) fn least_events(&self) -> u64 {
        match *self {
            Self::Threshold { events } | Self::Ratio { events, .. } => events,
            Self::Distinct { values, events, .. } => values.max(events),
            Self::FirstSeen { .. } => 1,
        }
    }
}

/// What is done to an actor.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Suits the actor: the kinds for addresses, or those for users.
    pub kind: Kind,
    /// Where a redirect leads.
    pub url: Option<String>,
    /// For how long, the first time, the second time and so on; the last one stays. `None` is for ever. Never empty.
    pub durations: Vec<Option<Duration>>,
}

impl Response {
    /// For how long, after so many times before; `None` is for ever.
    #[must_use]
    pub fn duration(&self, times: usize) -> Option<Duration> {
        let last = self.durations.len().saturating_sub(1);
        self.durations.get(times.min(last)).copied().flatten()
    }
}

/// What keeps a playbook from doing harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rails {
    /// So many actors an hour; the one after puts the playbook back to shadow.
    pub max_actors_per_hour: u32,
    /// An address from which so many users have signed in within a day is not blocked; 0 takes no notice of users.
    pub shared_ip_users: u32,
    /// Whether private, loopback and link-local addresses and the app's own proxies may be blocked.
    pub allow_critical: bool,
}
