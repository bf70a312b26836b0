//! What the events of one request share, put together once.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use serde_json::{Map, Value};
use sqreen::protocol::{Actor, Timestamp};

use super::identity;
use crate::enrich::Lookup;
use crate::store::{EventId, StoredEvent};

/// What the events of one request share.
#[derive(Debug)]
pub(super) struct Facts {
    /// An event of the request. Each one overwrites what is its own: id, time, name and properties, and for as long as
    /// it is taken the user and the body.
    pub(super) event: StoredEvent,
    /// The client's address as it was sent.
    ip: String,
    pub(super) time: Option<Timestamp>,
    /// Whether an event says that the body is collected; then it is for the events that say so.
    pub(super) body_is_asked_for: bool,
    /// How many equal events there were before.
    ordinals: HashMap<EventId, u32>,
}

impl Facts {
    /// Those of an event with what is known of its agent.
    pub(super) fn new(event: StoredEvent) -> Self {
        Self {
            event,
            ip: String::new(),
            time: None,
            body_is_asked_for: false,
            ordinals: HashMap::new(),
        }
    }

    /// Sets the client's address, with what is known of it.
    pub(super) fn client(&mut self, ip: Option<String>, enrichment: &mut Lookup) {
        self.event.ip = ip.as_deref().and_then(address);
        enrichment.describe(&mut self.event);
        self.ip = ip.unwrap_or_default();
    }

    pub(super) fn identified(
        &mut self,
        identifiers: Option<Map<String, Value>>,
        traits: Option<Map<String, Value>>,
    ) {
        self.event.user = identifiers.and_then(user);
        self.event.traits = traits.filter(|traits| !traits.is_empty());
    }

    pub(super) fn actor(&mut self, actor: Actor, enrichment: &mut Lookup) {
        self.client(actor.ip_addresses.into_iter().next(), enrichment);
        self.identified(actor.identifiers, actor.traits);
        self.event.user_agent = actor.user_agent;
    }

    /// The id of an event that was given none, made of what it is.
    pub(super) fn derive_id(&mut self, time: Option<Timestamp>, content: &str) -> EventId {
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let parts = [
            self.event.app.as_str(),
            self.event.request_id.as_deref().unwrap_or_default(),
            // Go's requests often have no id, but a time.
            &text(self.time),
            &text(time),
            content,
            &self.ip,
        ];
        let first = identity::derive(&parts, 0);
        let ordinal = self.ordinals.entry(first).or_default();
        let id = match *ordinal {
            0 => first,
            further => identity::derive(&parts, further),
        };
        *ordinal += 1;
        id
    }
}

/// The identifiers of a user, if there are any.
pub(super) fn user(identifiers: Map<String, Value>) -> Option<BTreeMap<String, Value>> {
    (!identifiers.is_empty()).then(|| identifiers.into_iter().collect())
}

pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.trim().parse().ok()?;
    Some(address.to_canonical())
}
