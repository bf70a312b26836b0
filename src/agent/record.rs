//! Turns events into the records that go over the wire. Everything is formatted and scrubbed
//! here, on the agent's thread.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::entry::{Call, Entry, Identity};
use crate::config::Config;
use crate::context::RequestContext;
use crate::protocol::{
    Observed, Parameters, RequestInfo, RequestRecord, ResponseInfo, SdkEvent, Timestamp,
    TrackOptions, names,
};
use crate::scrub::ScrubError;

/// The clocks at one moment: events carry the monotonic one, the wire wants the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    instant: Instant,
    system: SystemTime,
}

impl Clock {
    pub(super) fn now() -> Self {
        Self {
            instant: Instant::now(),
            system: SystemTime::now(),
        }
    }

    fn at(self, instant: Instant) -> Timestamp {
        let ago = self.instant.saturating_duration_since(instant);
        self.system.checked_sub(ago).unwrap_or(self.system).into()
    }
}

/// A record and the ids of its events.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) record: RequestRecord,
    pub(super) ids: Vec<String>,
    /// Events that could not be scrubbed and are not in the record.
    pub(super) scrub_failures: usize,
}

/// Builds the record of events that share a request, or of one without a request, out of what is
/// taken from them.
pub(super) fn build(config: &Config, clock: Clock, entries: &mut [Entry]) -> Built {
    let mut built = Built {
        record: RequestRecord {
            version: RequestRecord::VERSION.to_owned(),
            ..RequestRecord::default()
        },
        ids: Vec::with_capacity(entries.len()),
        scrub_failures: 0,
    };
    let context = entries.first().and_then(|entry| entry.context.clone());
    let collect_body = entries.iter().any(|entry| entry.event.parts().collect_body);
    if let Some(context) = &context
        && describe(config, context, collect_body, &mut built.record).is_err()
    {
        built.scrub_failures = entries.len();
        return built;
    }
    let mut identified: Option<Arc<Identity>> = None;
    let mut sdk = Vec::with_capacity(entries.len() + 1);
    for entry in entries {
        let first = || {
            context
                .as_ref()
                .and_then(|context| context.first_identity())
        };
        let identity = entry.identity.take().or_else(first);
        match sdk_event(config, clock, entry, identity.as_deref()) {
            Ok((id, event)) => {
                let known = identified.as_ref().zip(identity.as_ref());
                if let Some(identity) = &identity
                    && !known.is_some_and(|(a, b)| Arc::ptr_eq(a, b))
                    && let Ok(identify) = identify(config, identity, event.time)
                {
                    sdk.push(identify);
                }
                identified = identity.or(identified);
                built.ids.push(id);
                sdk.push(event);
            }
            Err(ScrubError::TooDeep { .. }) => built.scrub_failures += 1,
        }
    }
    built.record.observed = Observed {
        sdk,
        ..Observed::default()
    };
    built
}

fn identify(
    config: &Config,
    identity: &Identity,
    time: Option<Timestamp>,
) -> Result<SdkEvent, ScrubError> {
    let mut traits = Json::Object(identity.traits.to_json());
    config.scrubber.scrub_value(&mut traits)?;
    Ok(SdkEvent {
        id: None,
        time,
        name: SdkEvent::IDENTIFY.to_owned(),
        args: vec![identity.user.to_json().into(), traits],
    })
}

fn sdk_event(
    config: &Config,
    clock: Clock,
    entry: &mut Entry,
    identity: Option<&Identity>,
) -> Result<(String, SdkEvent), ScrubError> {
    let event = entry.event.parts_mut();
    let mut properties = Json::Object(event.take_properties());
    config.scrubber.scrub_value(&mut properties)?;
    let user = event
        .user
        .as_ref()
        .or(identity.map(|identity| &identity.user));
    let time = event.timestamp.unwrap_or_else(|| clock.at(entry.queued));
    let options = TrackOptions {
        properties: match properties {
            Json::Object(properties) => properties,
            _ => Map::new(),
        },
        user_identifiers: user.map(|user| user.to_json()),
        timestamp: event.timestamp,
        collect_body: event.collect_body,
    };
    let (call, name) = match entry.call {
        Call::Track | Call::Action | Call::NotFound => (SdkEvent::TRACK, event.name.to_string()),
        Call::Auth => (
            SdkEvent::AUTH_TRACK,
            format!("{}{}", names::SDK_PREFIX, event.name),
        ),
        Call::Signup => (
            SdkEvent::SIGNUP_TRACK,
            format!("{}{}", names::SDK_PREFIX, event.name),
        ),
    };
    let id = Uuid::now_v7().to_string();
    // Serialising plain maps and strings into a value cannot fail.
    let options = serde_json::to_value(options).unwrap_or_default();
    let sdk_event = SdkEvent {
        id: Some(id.clone()),
        time: Some(time),
        name: call.to_owned(),
        args: vec![name.into(), options],
    };
    Ok((id, sdk_event))
}

/// Writes down the request's facts.
fn describe(
    config: &Config,
    context: &RequestContext,
    collect_body: bool,
    record: &mut RequestRecord,
) -> Result<(), ScrubError> {
    let facts = &context.facts;
    let scrub = |text: Cow<'_, str>| config.scrubber.scrub_url(&text).into_owned();
    let host = facts.header("host").or_else(|| facts.authority());
    let referer = facts.header("referer").filter(|_| !config.strip_referer);
    let request_id = facts.header("x-request-id");
    let path = facts.path();
    let parameters = parameters(config, context, collect_body, &path)?;
    record.client_ip = facts.client_ip(&config.client_ip).map(|ip| ip.to_string());
    record.request = Some(RequestInfo {
        rid: Some(request_id.map_or_else(|| Uuid::now_v7().to_string(), scrub)),
        headers: facts
            .headers(&config.client_ip)
            .map(|(name, value)| (name.to_owned(), scrub(value)))
            .collect(),
        user_agent: facts.header("user-agent").map(scrub),
        scheme: Some(scheme(context)),
        verb: Some(facts.method().into_owned()),
        port: host.as_deref().and_then(port_of),
        host: host.map(scrub),
        remote_ip: facts.peer.map(|peer| peer.ip().to_canonical().to_string()),
        remote_port: facts.peer.map(|peer| peer.port()),
        path: Some(scrub(path)),
        referer: referer.map(scrub),
        endpoint: context.route().map(Cow::into_owned),
        parameters,
    });
    record.response = context.status().map(|status| ResponseInfo {
        status: Some(status),
        ..ResponseInfo::default()
    });
    Ok(())
}

fn port_of(host: &str) -> Option<u16> {
    host.parse::<http::uri::Authority>().ok()?.port_u16()
}

/// The URI's own scheme; else what a trusted proxy said.
fn scheme(context: &RequestContext) -> String {
    let facts = &context.facts;
    let policy = &context.agent.config.client_ip;
    let forwarded = facts.header("x-forwarded-proto");
    let forwarded = forwarded
        .filter(|_| facts.peer.is_some_and(|peer| policy.trusts(peer.ip())))
        .filter(|value| matches!(&**value, "http" | "https"));
    let scheme = forwarded.or_else(|| facts.scheme());
    scheme.map_or_else(|| "http".to_owned(), Cow::into_owned)
}

fn parameters(
    config: &Config,
    context: &RequestContext,
    collect_body: bool,
    path: &str,
) -> Result<Parameters, ScrubError> {
    let facts = &context.facts;
    let mut parameters = Parameters::default();
    if let Some(query) = facts.query() {
        parameters.query = config.scrubber.scrub_query(&query);
    }
    if let Some(route) = context.route() {
        let mut values = Json::Object(path_parameters(&route, path));
        config.scrubber.scrub_value(&mut values)?;
        if let Json::Object(values) = values {
            parameters.path = values;
        }
    }
    if collect_body && let Some(body) = context.body() {
        let kind = facts.header("content-type");
        add_body(
            config,
            &body.bytes(),
            &kind.unwrap_or_default(),
            &mut parameters,
        )?;
    }
    Ok(parameters)
}

fn add_body(
    config: &Config,
    body: &[u8],
    content_type: &str,
    parameters: &mut Parameters,
) -> Result<(), ScrubError> {
    if body.is_empty() {
        return Ok(());
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let kind = kind.to_ascii_lowercase();
    let text = String::from_utf8_lossy(body);
    if kind == "application/x-www-form-urlencoded" {
        parameters.form = config.scrubber.scrub_query(&text);
    } else if kind == "application/json" || kind.ends_with("+json") {
        match serde_json::from_slice::<Json>(body) {
            Ok(mut json) => {
                config.scrubber.scrub_value(&mut json)?;
                parameters.json = Some(json);
            }
            // Cut at the limit, or broken: what is there is still worth seeing.
            Err(_) => parameters.rawbody = Some(config.scrubber.scrub_str(&text).into_owned()),
        }
    } else if kind.starts_with("text/") || kind.ends_with("xml") {
        parameters.rawbody = Some(config.scrubber.scrub_str(&text).into_owned());
    }
    // Files and other binaries are no parameters, and nobody could scrub them.
    Ok(())
}

/// Reads the values of a route's placeholders (`/users/{id}/files/{*path}`) out of the path.
fn path_parameters(route: &str, path: &str) -> Map<String, Json> {
    let mut values = Map::new();
    let mut rest = Some(path.trim_start_matches('/'));
    for pattern in route.trim_start_matches('/').split('/') {
        let Some(here) = rest else { break };
        if let Some(name) = pattern.strip_prefix("{*").and_then(|p| p.strip_suffix('}')) {
            values.insert(name.to_owned(), decoded(here));
            break;
        }
        let (segment, after) = match here.split_once('/') {
            Some((segment, after)) => (segment, Some(after)),
            None => (here, None),
        };
        let placeholder = pattern.split_once('{').and_then(|(before, after)| {
            let (name, behind) = after.split_once('}')?;
            let value = segment.strip_prefix(before)?.strip_suffix(behind)?;
            Some((name, value))
        });
        if let Some((name, value)) = placeholder {
            values.insert(name.to_owned(), decoded(value));
        }
        rest = after;
    }
    values
}

fn decoded(segment: &str) -> Json {
    crate::scrub::percent_decoded(segment).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_path_parameters() {
        let read = |route, path| Json::Object(path_parameters(route, path)).to_string();
        assert_eq!(read("/products/{id}", "/products/42"), r#"{"id":"42"}"#);
        assert_eq!(
            read("/a/{x}/b/{y}", "/a/1%202/b/%2F"),
            r#"{"x":"1 2","y":"/"}"#
        );
        assert_eq!(read("/f/{*rest}", "/f/a/b"), r#"{"rest":"a/b"}"#);
        assert_eq!(read("/v{n}.json", "/v3.json"), r#"{"n":"3"}"#);
        assert_eq!(read("/about", "/about"), "{}");
        assert_eq!(read("/a/{x}", "/"), "{}");
    }
}
