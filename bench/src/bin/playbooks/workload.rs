//! The playbooks, and the events that concern them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use sqreen_server::playbooks::{ActorKind, Detection, EventName, Matcher, Playbook, Rails, Rule};
use sqreen_server::store::{EventId, Field, JsonField, StoredEvent};

/// Actors, of all playbooks together.
pub(crate) const ACTORS: u64 = 1_000_000;

const HOUR: u64 = 3600;
/// Events of an actor in a window.
const EVENTS: u64 = 4;

pub(crate) struct Workload {
    pub(crate) playbooks: u64,
    names: u64,
    made: u64,
    /// Of a generator of random numbers.
    state: u64,
}

impl Workload {
    /// So many playbooks, whose events have so many names.
    pub(crate) fn new(playbooks: u64, names: u64) -> Self {
        Self {
            playbooks,
            names,
            made: 0,
            state: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// How many playbooks count an event.
    pub(crate) fn concerned(&self) -> u64 {
        self.playbooks / self.names
    }

    /// All four detections, of addresses and users, every other one with a condition.
    pub(crate) fn playbooks(&self) -> Vec<Arc<Playbook>> {
        (0..self.playbooks)
            .map(|place| Arc::new(self.playbook(place)))
            .collect()
    }

    fn playbook(&self, place: u64) -> Playbook {
        let of = Field::Json(JsonField::Properties, vec!["item".to_owned()]);
        let detection = match place % 4 {
            0 => Detection::Threshold { events: 50 },
            1 => Detection::Distinct {
                of,
                values: 50,
                events: 50,
            },
            2 => Detection::Ratio {
                to: matcher(format!("event.{}", (place + 1) % self.names), ""),
                at_least: 50.0,
                events: 50,
            },
            _ => Detection::FirstSeen { of },
        };
        let condition = if place.is_multiple_of(2) {
            ""
        } else {
            "status>=400"
        };
        Playbook {
            slug: format!("playbook-{place}"),
            name: format!("Playbook {place}"),
            description: String::new(),
            rule: Rule {
                trigger: matcher(format!("event.{}", place % self.names), condition),
                cancel: None,
                actor: if place.is_multiple_of(3) {
                    ActorKind::User
                } else {
                    ActorKind::Ip
                },
                group_by: None,
                detection,
                period: Duration::from_secs(HOUR),
                cooldown: Duration::from_secs(HOUR),
            },
            responses: Vec::new(),
            rails: Rails {
                max_actors_per_hour: 100,
                shared_ip_users: 3,
                allow_critical: false,
            },
            notify: false,
        }
    }

    /// Makes the next events, in the place of those before. Actors are as random as they can be, so that each is far
    /// from the one before in memory.
    pub(crate) fn fill(&mut self, events: &mut Vec<StoredEvent>, count: usize) {
        events.clear();
        let population = ACTORS / self.playbooks;
        let step = HOUR * 1_000_000 / (EVENTS * population * self.names);
        for _ in 0..count {
            let (name, actor, item) = (
                self.below(self.names),
                self.below(population),
                self.below(3),
            );
            self.made += 1;
            let time = 1_790_000_000_000_000 + (self.made * step) as i64;
            let id = EventId::from_bytes(u128::from(self.made).to_be_bytes());
            let name = format!("event.{name}");
            let mut event = StoredEvent::new(id, time, time, "shop", name);
            let [a, b, c, d] = (actor as u32).to_be_bytes();
            event.ip = Some([10 + a, b, c, d].into());
            event.user =
                Some([("email".to_owned(), json!(format!("{actor}@shop.example")))].into());
            event.status = Some(401);
            event.path = Some("/login".to_owned());
            event.user_agent = Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0)".to_owned());
            let properties = [
                ("item", json!(format!("sku-{item}"))),
                ("amount", json!(item)),
            ];
            let properties = properties.map(|(name, value)| (name.to_owned(), value));
            event.properties = Some(properties.into_iter().collect());
            events.push(event);
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let random = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        ((u128::from(random) * u128::from(bound)) >> 64) as u64
    }
}

fn matcher(name: String, condition: &str) -> Matcher {
    Matcher {
        events: vec![EventName::Exact(name)],
        apps: Vec::new(),
        filter: condition.parse().expect("the filter is one"),
    }
}
