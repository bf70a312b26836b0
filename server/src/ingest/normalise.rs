//! From what agents send to what is stored: one row per event, with the facts of its request.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use serde_json::{Map, Value};
use sqreen::protocol::{
    Actor, Point, RequestInfo, RequestRecord, ResponseInfo, SdkCall, Signal, Timestamp, Trace,
    TrackOptions, names,
};

use super::ignored::Kinds;
use super::{identity, kinds, request, scrub};
use crate::enrich::Lookup;
use crate::sessions::Agent;
use crate::store::{EventId, StoreError, StoredEvent};

/// The most bytes of an event's name.
const MAX_NAME: usize = 256;
/// The most bytes that the events of one batch take stored. A batch repeats no facts within a request, rows do; the
/// limit keeps a small batch from becoming a large one.
const MAX_STORED: usize = 30 << 20;
/// The most events of one batch.
const MAX_EVENTS: usize = 20_000;
/// The most proxies that are noted of one batch.
const MAX_PROXIES: usize = 64;

/// An event, ready to be stored or refused for good.
#[derive(Debug)]
pub(super) struct Row {
    /// The id as the agent gave it, or as it was derived.
    pub(super) id: String,
    pub(super) event: Result<StoredEvent, String>,
}

/// Collects the rows of one batch.
#[derive(Debug)]
pub(super) struct Normaliser<'a> {
    pub(super) agent: &'a Agent,
    pub(super) received: i64,
    /// Events that were made of counts.
    pub(super) counted: u64,
    enrichment: Lookup,
    stored: usize,
    rows: Vec<Row>,
    /// Addresses that passed requests on.
    proxies: BTreeSet<IpAddr>,
    ignored: Kinds,
}

/// What a body came to.
#[derive(Debug)]
pub(super) struct Normalised {
    pub(super) rows: Vec<Row>,
    /// Bytes that the events take stored.
    pub(super) stored: usize,
    /// Addresses that passed requests on.
    pub(super) proxies: BTreeSet<IpAddr>,
    pub(super) ignored: Kinds,
}

/// What the events of one request share.
#[derive(Debug)]
struct Facts<'a> {
    ip: Option<&'a str>,
    request: Option<&'a RequestInfo>,
    user_agent: Option<&'a str>,
    response: Option<&'a ResponseInfo>,
    user: Option<&'a Map<String, Value>>,
    traits: Option<&'a Map<String, Value>>,
    time: Option<Timestamp>,
    /// Whether an event says that the body is collected; then it is for the events that say so.
    body_is_asked_for: bool,
    /// How many equal events there were before.
    ordinals: HashMap<EventId, u32>,
}

/// An event as it was sent.
#[derive(Debug)]
struct Sent<'a> {
    id: Option<&'a str>,
    name: &'a str,
    time: Option<Timestamp>,
    options: TrackOptions,
    /// Its content as text, to derive an id from; empty where it has an id.
    content: String,
}

/// The content of an event of this id, if it is of use.
fn content(id: Option<&str>, text: impl FnOnce() -> Option<String>) -> String {
    match id.map(str::parse::<EventId>) {
        Some(Ok(_)) => String::new(),
        _ => text().unwrap_or_default(),
    }
}

impl<'a> Normaliser<'a> {
    pub(super) fn new(agent: &'a Agent, enrichment: Lookup) -> Self {
        Self {
            agent,
            received: Timestamp::now().as_micros(),
            counted: 0,
            enrichment,
            stored: 0,
            rows: Vec::new(),
            proxies: BTreeSet::new(),
            ignored: Kinds::default(),
        }
    }

    pub(super) fn finish(self) -> Normalised {
        Normalised {
            rows: self.rows,
            stored: self.stored,
            proxies: self.proxies,
            ignored: self.ignored,
        }
    }

    /// Counts what is not kept.
    pub(super) fn ignore(&mut self, kind: &str, count: u64) {
        self.ignored.add(kind, count);
    }

    /// A peer that is not the client has passed the request on. Only this project's SDK tells clients from peers by
    /// configured proxies alone: with another agent, whoever sends a header could pass for a proxy, and for critical.
    fn note_proxy(&mut self, record: &RequestRecord) {
        let request = record.request.as_ref();
        let peer = request.and_then(|request| address(request.remote_ip.as_deref()?));
        let client = record.client_ip.as_deref().and_then(address);
        if let (true, Some(peer), Some(client)) = (self.agent.capable, peer, client)
            && peer != client
            && self.proxies.len() < MAX_PROXIES
        {
            self.proxies.insert(peer);
        }
    }

    pub(super) fn record(&mut self, mut record: RequestRecord) {
        self.note_proxy(&record);
        self.observed(&record.observed);
        let mut identify = None;
        let mut calls = Vec::new();
        for mut sent in std::mem::take(&mut record.observed.sdk) {
            let (id, time) = (sent.id.take(), sent.time);
            let content = content(id.as_deref(), || serde_json::to_string(&sent.args).ok());
            match sent.into_call() {
                Ok(SdkCall::Identify {
                    identifiers,
                    traits,
                }) => identify = Some((identifiers, traits)),
                call => calls.push((id, time, content, call)),
            }
        }
        let mut facts = Facts {
            ip: record.client_ip.as_deref(),
            request: record.request.as_ref(),
            user_agent: record.request.as_ref().and_then(|request| request.user_agent.as_deref()),
            response: record.response.as_ref(),
            user: identify.as_ref().map(|(identifiers, _)| identifiers),
            traits: identify.as_ref().map(|(_, traits)| traits),
            time: None,
            body_is_asked_for: calls.iter().any(
                |(.., call)| matches!(call, Ok(SdkCall::Track { options, .. }) if options.collect_body),
            ),
            ordinals: HashMap::new(),
        };
        for (id, time, content, call) in calls {
            match call {
                Ok(SdkCall::Identify { .. }) => {}
                Ok(SdkCall::Track { name, options }) => self.event(
                    &mut facts,
                    Sent {
                        id: id.as_deref(),
                        name: &name,
                        time,
                        options,
                        content,
                    },
                ),
                Err(error) => match id {
                    Some(id) => self.refuse(id, error.to_string()),
                    None => self.ignore("sdk_call", 1),
                },
            }
        }
    }

    pub(super) fn signal(&mut self, signal: &Signal) {
        match signal {
            Signal::Trace(trace) => self.trace(trace),
            Signal::Point(point) => {
                let actor = point.actor.as_ref();
                let mut facts = Facts {
                    user_agent: actor.and_then(|actor| actor.user_agent.as_deref()),
                    ..Facts::of_actor(actor)
                };
                self.point(&mut facts, point);
            }
            Signal::Metric(metric) => self.metric_signal(metric),
            Signal::Other(_) => self.ignore("signal", 1),
        }
    }

    fn trace(&mut self, trace: &Trace) {
        let request = &trace.context.request;
        let mut facts = Facts {
            request: Some(request),
            user_agent: request
                .user_agent
                .as_deref()
                .or(trace.actor.user_agent.as_deref()),
            response: trace.context.response.as_ref(),
            time: trace.time,
            body_is_asked_for: trace.data.iter().any(asks_for_body),
            ..Facts::of_actor(Some(&trace.actor))
        };
        for signal in &trace.data {
            match signal {
                Signal::Point(point) => self.point(&mut facts, point),
                Signal::Metric(metric) => self.metric_signal(metric),
                Signal::Trace(_) | Signal::Other(_) => self.ignore("signal", 1),
            }
        }
    }

    fn point(&mut self, facts: &mut Facts<'_>, point: &Point) {
        let name = point.signal_name.as_str();
        let from_sdk = point
            .source
            .as_deref()
            .is_some_and(|source| source.starts_with("sqreen:sdk:"));
        if !from_sdk
            && !name.starts_with(names::SDK_PREFIX)
            && !name.starts_with(names::ACTION_PREFIX)
        {
            return self.ignore(&kinds::of_point(point), 1);
        }
        let options = serde_json::from_value(point.payload.clone()).unwrap_or_default();
        let sent = Sent {
            id: None,
            name,
            time: point.time,
            options,
            content: format!("{name}{}", point.payload),
        };
        self.event(facts, sent);
    }

    fn event(&mut self, facts: &mut Facts<'_>, sent: Sent<'_>) {
        let (id, wire_id) = self.id(facts, &sent);
        let name = self.name(&sent);
        if name.is_empty() || name.len() > MAX_NAME {
            return self.refuse(wire_id, format!("name: not 1 to {MAX_NAME} bytes"));
        }
        let mut options = sent.options;
        let blocked = blocked_user(&name, &mut options);
        let time = options.timestamp.or(sent.time).or(facts.time);
        let time = time.map_or(self.received, Timestamp::as_micros);
        let mut event = self.blank(id, time, name);
        let own = options.user_identifiers.filter(|user| !user.is_empty());
        let user = own.or_else(|| facts.user.filter(|user| !user.is_empty()).cloned());
        let user = user.or(blocked);
        event.user = user.map(|user| user.into_iter().collect());
        event.traits = facts.traits.filter(|traits| !traits.is_empty()).cloned();
        event.properties = Some(options.properties).filter(|properties| !properties.is_empty());
        event.ip = facts.ip.and_then(address);
        event.user_agent = facts.user_agent.map(str::to_owned);
        event.status = facts.response.and_then(|response| response.status);
        if let Some(request) = facts.request {
            request::describe(&mut event, request);
            if options.collect_body || !facts.body_is_asked_for {
                event.body = request::body(&request.parameters);
            }
        }
        // This project's SDK has scrubbed already, by what the application configured.
        if !self.agent.capable {
            scrub::event(&mut event);
        }
        self.take(wire_id, event);
    }

    /// An event with what is known of its agent.
    pub(super) fn blank(&self, id: EventId, time: i64, name: String) -> StoredEvent {
        let mut event = StoredEvent::new(id, time, self.received, self.agent.app.clone(), name);
        event.agent.clone_from(&self.agent.label);
        event.hostname.clone_from(&self.agent.hostname);
        event.environment.clone_from(&self.agent.environment);
        event
    }

    fn id(&self, facts: &mut Facts<'_>, sent: &Sent<'_>) -> (EventId, String) {
        if let Some(id) = sent.id
            && let Ok(parsed) = id.parse()
        {
            return (parsed, id.to_owned());
        }
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        let request = facts.request;
        let rid = text(request.and_then(|request| request.rid.as_deref()));
        let parts = [
            self.agent.app.as_str(),
            &rid,
            // Go's requests often have no id, but a time.
            &time(facts.time),
            &time(sent.time),
            &sent.content,
            facts.ip.unwrap_or_default(),
        ];
        let first = identity::derive(&parts, 0);
        let ordinal = facts.ordinals.entry(first).or_default();
        let id = identity::derive(&parts, *ordinal);
        *ordinal += 1;
        let wire_id = sent.id.map_or_else(|| id.to_string(), str::to_owned);
        (id, wire_id)
    }

    fn name(&self, sent: &Sent<'_>) -> String {
        // Node reports what it blocked without the prefix in its older mode.
        let is_action = self.agent.agent_type == "nodejs"
            && matches!(
                sent.name,
                "block_ip" | "block_user" | "redirect_ip" | "redirect_user"
            )
            && sent.options.properties.contains_key("action_id");
        if is_action {
            format!("{}{}", names::ACTION_PREFIX, sent.name)
        } else {
            names::stored(sent.name).to_owned()
        }
    }

    pub(super) fn take(&mut self, id: String, mut event: StoredEvent) {
        if self.rows.len() >= MAX_EVENTS {
            return self.refuse(id, format!("batch: more than {MAX_EVENTS} events"));
        }
        self.enrichment.describe(&mut event);
        match event.check() {
            Ok(bytes) if self.stored + bytes <= MAX_STORED => {
                self.stored += bytes;
                self.rows.push(Row {
                    id,
                    event: Ok(event),
                });
            }
            Ok(_) => self.refuse(
                id,
                format!("batch: takes more than {MAX_STORED} bytes stored"),
            ),
            Err(StoreError::EventTooLarge { limit, .. }) => {
                self.refuse(id, format!("event: larger than {limit} bytes"));
            }
            Err(StoreError::EventTooDeep { field, limit, .. }) => {
                self.refuse(id, format!("{field}: nested deeper than {limit} levels"));
            }
            Err(error) => self.refuse(id, error.to_string()),
        }
    }

    fn refuse(&mut self, id: String, reason: String) {
        tracing::debug!(app = self.agent.app, id, reason, "event rejected");
        // Only this project's SDK asks for verdicts, and counts them.
        if !self.agent.capable {
            self.ignore("event:rejected", 1);
        }
        self.rows.push(Row {
            id,
            event: Err(reason),
        });
    }
}

impl<'a> Facts<'a> {
    fn of_actor(actor: Option<&'a Actor>) -> Self {
        Self {
            ip: actor
                .and_then(|actor| actor.ip_addresses.first())
                .map(String::as_str),
            request: None,
            user_agent: None,
            response: None,
            user: actor.and_then(|actor| actor.identifiers.as_ref()),
            traits: actor.and_then(|actor| actor.traits.as_ref()),
            time: None,
            body_is_asked_for: false,
            ordinals: HashMap::new(),
        }
    }
}

/// Whom a security response was applied to, if it is one on users. The old agents disagree on where its report says
/// so: Node's `output` are the identifiers, that of others has them as `user`, which is what is stored.
fn blocked_user(name: &str, options: &mut TrackOptions) -> Option<Map<String, Value>> {
    let kind = name.strip_prefix(names::ACTION_PREFIX)?;
    if !matches!(kind, "block_user" | "redirect_user") {
        return None;
    }
    let output = options.properties.get_mut("output")?.as_object_mut()?;
    if !output.get("user").is_some_and(Value::is_object) {
        let identifiers = std::mem::take(output);
        output.insert("user".to_owned(), Value::Object(identifiers));
    }
    output.get("user")?.as_object().cloned()
}

pub(super) fn address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.trim().parse().ok()?;
    Some(address.to_canonical())
}

fn asks_for_body(signal: &Signal) -> bool {
    let Signal::Point(point) = signal else {
        return false;
    };
    point.payload.get("collect_body").and_then(Value::as_bool) == Some(true)
}
