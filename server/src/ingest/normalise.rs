//! From what agents send to what is stored: one row per event, with the facts of its request.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value};
use sqreen::protocol::{
    Point, RequestRecord, SdkCall, Signal, Timestamp, Trace, TrackOptions, Verdict, VerdictKind,
    names,
};

use super::facts::{Facts, address, user};
use super::ignored::Kinds;
use super::{kinds, request, scrub};
use crate::enrich::Lookup;
use crate::sessions::Agent;
use crate::store::{AppendBatch, EventId, StoreError, StoredEvent};

/// The most bytes of an event's name.
const MAX_NAME: usize = 256;
/// The most bytes that the events of one batch take stored. A batch repeats no facts within a request, rows do; the
/// limit keeps a small batch from becoming a large one.
const MAX_STORED: usize = 30 << 20;
/// The most events of one batch.
const MAX_EVENTS: usize = 20_000;
/// The most proxies that are noted of one batch.
const MAX_PROXIES: usize = 64;

/// Collects the events of one batch.
#[derive(Debug)]
pub(super) struct Normaliser<'a> {
    pub(super) agent: &'a Agent,
    pub(super) received: i64,
    /// Events that were made of counts.
    pub(super) counted: u64,
    pub(super) enrichment: Lookup,
    events: AppendBatch,
    ids: Vec<String>,
    refused: Vec<Verdict>,
    /// Addresses that passed requests on.
    proxies: BTreeSet<IpAddr>,
    ignored: Kinds,
}

/// What a body came to.
#[derive(Debug)]
pub(super) struct Normalised {
    pub(super) events: AppendBatch,
    /// The id of each of these, as the agent gave it or as it was derived.
    pub(super) ids: Vec<String>,
    /// What was refused for good.
    pub(super) refused: Vec<Verdict>,
    /// Addresses that passed requests on.
    pub(super) proxies: BTreeSet<IpAddr>,
    pub(super) ignored: Kinds,
}

/// An event as it was sent.
#[derive(Debug)]
struct Sent {
    id: Option<String>,
    name: String,
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
            events: AppendBatch::with_limit(MAX_STORED),
            ids: Vec::new(),
            refused: Vec::new(),
            proxies: BTreeSet::new(),
            ignored: Kinds::default(),
        }
    }

    pub(super) fn finish(self) -> Normalised {
        Normalised {
            events: self.events,
            ids: self.ids,
            refused: self.refused,
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
        let mut facts = self.facts();
        let mut tracked = Vec::new();
        for mut sent in std::mem::take(&mut record.observed.sdk) {
            let (id, time) = (sent.id.take(), sent.time);
            let content = content(id.as_deref(), || serde_json::to_string(&sent.args).ok());
            match sent.into_call() {
                Ok(SdkCall::Identify {
                    identifiers,
                    traits,
                }) => facts.identified(Some(identifiers), Some(traits)),
                Ok(SdkCall::Track { name, options }) => {
                    facts.body_is_asked_for |= options.collect_body;
                    tracked.push(Ok(Sent {
                        id,
                        name,
                        time,
                        options,
                        content,
                    }));
                }
                Err(error) => tracked.push(Err((id, error))),
            }
        }
        facts.client(record.client_ip, &mut self.enrichment);
        facts.event.status = record.response.and_then(|response| response.status);
        if let Some(mut request) = record.request {
            facts.event.user_agent = request.user_agent.take();
            request::describe(&mut facts.event, request);
        }
        self.scrub(&mut facts);
        for sent in tracked {
            match sent {
                Ok(sent) => self.event(&mut facts, sent),
                Err((Some(id), error)) => self.refuse(id, error.to_string()),
                Err((None, _)) => self.ignore("sdk_call", 1),
            }
        }
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        match signal {
            Signal::Trace(trace) => self.trace(*trace),
            Signal::Point(mut point) => {
                let mut facts = self.facts();
                if let Some(actor) = point.actor.take() {
                    facts.actor(actor, &mut self.enrichment);
                }
                self.scrub(&mut facts);
                self.point(&mut facts, *point);
            }
            Signal::Metric(metric) => self.metric_signal(&metric),
            Signal::Other(_) => self.ignore("signal", 1),
        }
    }

    fn trace(&mut self, trace: Trace) {
        let mut facts = self.facts();
        facts.actor(trace.actor, &mut self.enrichment);
        let mut request = trace.context.request;
        if let Some(user_agent) = request.user_agent.take() {
            facts.event.user_agent = Some(user_agent);
        }
        request::describe(&mut facts.event, request);
        let response = trace.context.response;
        facts.event.status = response.and_then(|response| response.status);
        facts.time = trace.time;
        facts.body_is_asked_for = trace.data.iter().any(asks_for_body);
        self.scrub(&mut facts);
        for signal in trace.data {
            match signal {
                Signal::Point(point) => self.point(&mut facts, *point),
                Signal::Metric(metric) => self.metric_signal(&metric),
                Signal::Trace(_) | Signal::Other(_) => self.ignore("signal", 1),
            }
        }
    }

    fn point(&mut self, facts: &mut Facts, point: Point) {
        let name = point.signal_name.as_str();
        let from_sdk = point
            .source
            .as_deref()
            .is_some_and(|source| source.starts_with("sqreen:sdk:"));
        if !from_sdk
            && !name.starts_with(names::SDK_PREFIX)
            && !name.starts_with(names::ACTION_PREFIX)
        {
            return self.ignore(&kinds::of_point(&point), 1);
        }
        let content = format!("{name}{}", point.payload);
        let sent = Sent {
            id: None,
            name: point.signal_name,
            time: point.time,
            options: point.payload.into(),
            content,
        };
        self.event(facts, sent);
    }

    fn facts(&self) -> Facts {
        let nothing_yet = EventId::from_bytes([0; 16]);
        Facts::new(self.blank(nothing_yet, self.received, String::new()))
    }

    /// Removes secrets from what events share. This project's SDK has done so, by what the application configured.
    fn scrub(&self, facts: &mut Facts) {
        if !self.agent.capable {
            scrub::event(&mut facts.event);
        }
    }

    fn event(&mut self, facts: &mut Facts, sent: Sent) {
        let given = sent.id.as_deref().and_then(|id| id.parse().ok());
        let id = given.unwrap_or_else(|| facts.derive_id(sent.time, &sent.content));
        let wire_id = sent.id.unwrap_or_else(|| id.to_string());
        let mut options = sent.options;
        let name = self.name(sent.name, &options);
        if name.is_empty() || name.len() > MAX_NAME {
            return self.refuse(wire_id, format!("name: not 1 to {MAX_NAME} bytes"));
        }
        let blocked = blocked_user(&name, &mut options);
        let time = options.timestamp.or(sent.time).or(facts.time);
        let event = &mut facts.event;
        event.id = id;
        event.time = time.map_or(self.received, Timestamp::as_micros);
        event.name = name;
        event.properties = Some(options.properties).filter(|properties| !properties.is_empty());
        if !self.agent.capable {
            event.properties.iter_mut().for_each(scrub::members);
        }
        let mut own_user = options.user_identifiers.and_then(user);
        if event.user.is_none() {
            own_user = own_user.or_else(|| blocked.map(|user| user.into_iter().collect()));
        }
        let shared_user = own_user.map(|own| event.user.replace(own));
        let others_body = match options.collect_body || !facts.body_is_asked_for {
            true => None,
            false => event.body.take(),
        };
        self.take(wire_id, event);
        if let Some(user) = shared_user {
            event.user = user;
        }
        if others_body.is_some() {
            event.body = others_body;
        }
    }

    /// An event with what is known of its agent.
    pub(super) fn blank(&self, id: EventId, time: i64, name: String) -> StoredEvent {
        let mut event = StoredEvent::new(id, time, self.received, self.agent.app.clone(), name);
        event.agent.clone_from(&self.agent.label);
        event.hostname.clone_from(&self.agent.hostname);
        event.environment.clone_from(&self.agent.environment);
        event
    }

    fn name(&self, sent: String, options: &TrackOptions) -> String {
        // Node reports what it blocked without the prefix in its older mode.
        let is_action = self.agent.agent_type == "nodejs"
            && matches!(
                sent.as_str(),
                "block_ip" | "block_user" | "redirect_ip" | "redirect_user"
            )
            && options.properties.contains_key("action_id");
        if is_action {
            format!("{}{sent}", names::ACTION_PREFIX)
        } else {
            match sent.strip_prefix(names::SDK_PREFIX) {
                Some(stored) => stored.to_owned(),
                None => sent,
            }
        }
    }

    pub(super) fn take(&mut self, id: String, event: &StoredEvent) {
        if self.ids.len() + self.refused.len() >= MAX_EVENTS {
            return self.refuse(id, format!("batch: more than {MAX_EVENTS} events"));
        }
        match self.events.push(event) {
            Ok(()) => self.ids.push(id),
            Err(StoreError::AppendTooLarge { limit, .. }) => {
                self.refuse(id, format!("batch: takes more than {limit} bytes stored"));
            }
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
        self.refused.push(Verdict {
            id,
            kind: VerdictKind::Rejected(reason),
        });
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

fn asks_for_body(signal: &Signal) -> bool {
    let Signal::Point(point) = signal else {
        return false;
    };
    point.payload.get("collect_body").and_then(Value::as_bool) == Some(true)
}
