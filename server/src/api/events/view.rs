//! How the API shows an event.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use sqreen::protocol::Timestamp;

use super::super::openapi::Time;
use crate::store::{EventId, StoredEvent};

/// A stored event with every key, times as RFC 3339, and no properties as `{}`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Event")]
pub(crate) struct EventView {
    id: EventId,
    /// When it happened.
    #[schemars(with = "Time")]
    time: Timestamp,
    /// When it was stored.
    #[schemars(with = "Time")]
    received: Timestamp,
    app: String,
    name: String,
    ip: Option<IpAddr>,
    /// Of the address, as ISO 3166-1 has it.
    country: Option<String>,
    /// The number of the autonomous system of the address.
    asn: Option<u32>,
    /// The lists that the address is on, such as `tor`.
    network: Vec<String>,
    /// The user by their identifiers.
    user: Option<BTreeMap<String, Value>>,
    method: Option<String>,
    path: Option<String>,
    route: Option<String>,
    host: Option<String>,
    scheme: Option<String>,
    user_agent: Option<String>,
    referer: Option<String>,
    request_id: Option<String>,
    params: Option<Value>,
    body: Option<Value>,
    properties: Map<String, Value>,
    traits: Option<Map<String, Value>>,
    headers: Option<Value>,
    status: Option<u16>,
    agent: Option<String>,
    hostname: Option<String>,
    environment: Option<String>,
    /// Whether it stands for several of a minute.
    aggregated: bool,
}

impl From<StoredEvent> for EventView {
    fn from(event: StoredEvent) -> Self {
        Self {
            id: event.id,
            time: Timestamp::from_micros(event.time),
            received: Timestamp::from_micros(event.received),
            app: event.app,
            name: event.name,
            ip: event.ip,
            country: event.country,
            asn: event.asn,
            network: event.network,
            user: event.user,
            method: event.method,
            path: event.path,
            route: event.route,
            host: event.host,
            scheme: event.scheme,
            user_agent: event.user_agent,
            referer: event.referer,
            request_id: event.request_id,
            params: event.params,
            body: event.body,
            properties: event.properties.unwrap_or_default(),
            traits: event.traits,
            headers: event.headers,
            status: event.status,
            agent: event.agent,
            hostname: event.hostname,
            environment: event.environment,
            aggregated: event.aggregated,
        }
    }
}
