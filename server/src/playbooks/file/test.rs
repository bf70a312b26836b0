//! What a file says that a playbook must do.

use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::super::engine::client;
use super::super::limits::MAX_TEXT;
use super::super::model::{Actor, ActorKind, Playbook};
use super::super::times;
use crate::actions::{identifier, parse_network};
use crate::fields::{FieldError, Fields};
use crate::state::Kind;
use crate::store::StoredEvent;

/// The most entries of `given`, and of `expect`.
const MAX_LINES: usize = 1_000;
/// The most events of one test.
const MAX_TIMES: u64 = 100_000;
/// The longest that a test goes on.
const MAX_AT: Duration = Duration::from_secs(60 * 86_400);

/// One test of a playbook: events that are given, and what must come of them.
#[derive(Clone, Debug, PartialEq)]
pub struct PlaybookTest {
    /// What it shows.
    pub name: String,
    /// Events, in the order in which they arrive.
    pub given: Vec<Given>,
    /// All that the playbook does, in order.
    pub expect: Vec<Expected>,
    pub(super) written: Map<String, Value>,
}

/// Events of a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// When the first of them happens, after the start.
    pub at: Duration,
    /// When it arrives, after the start.
    pub received: Duration,
    /// How many there are.
    pub times: u64,
    /// How long after one another they happen, and arrive.
    pub every: Duration,
    /// Their fields, with places for the number of each.
    fields: Map<String, Value>,
}

/// What a playbook does in a test: one response, or that it fires where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// When the last of the events happened that made it fire, after the start.
    pub at: Duration,
    /// Whom it is done to.
    pub actor: Actor,
    /// The value of the playbook's `group_by`.
    pub group: Option<String>,
    /// What is done, and for how long; `None` of a duration is for ever.
    pub response: Option<(Kind, Option<Duration>)>,
}

/// Reads a test; see `format.md`.
pub(super) fn read(mut fields: Fields, playbook: &Playbook) -> Result<PlaybookTest, FieldError> {
    let written = fields.fields().clone();
    let name = fields.text("name", MAX_TEXT)?;
    let name = name.ok_or_else(|| fields.error("name", "missing"))?;
    let given = fields.objects("given", MAX_LINES)?.into_iter();
    let given = given.map(given_events).collect::<Result<Vec<_>, _>>()?;
    if given.iter().map(|given| given.times).sum::<u64>() > MAX_TIMES {
        return Err(fields.error("given", format!("more than {MAX_TIMES} events")));
    }
    let expect = fields.objects("expect", MAX_LINES)?.into_iter();
    let expect = expect.map(|fields| expected(fields, playbook));
    let expect = expect.collect::<Result<_, _>>()?;
    fields.finish()?;
    Ok(PlaybookTest {
        name,
        given,
        expect,
        written,
    })
}

fn given_events(mut fields: Fields) -> Result<Given, FieldError> {
    let at = time(&mut fields, "at")?;
    let at = at.ok_or_else(|| fields.error("at", "missing; such as `0s`"))?;
    let given = Given {
        at,
        received: time(&mut fields, "received")?.unwrap_or(at),
        times: fields.whole("times", 1..=MAX_TIMES)?.unwrap_or(1),
        every: time(&mut fields, "every")?.unwrap_or_default(),
        fields: fields.fields().clone(),
    };
    if given.times > 1 && given.every.is_zero() {
        return Err(fields.error("every", "missing; `times` needs it"));
    }
    // What cannot be an event is found now, not when the test runs.
    match given.event(0, 0) {
        Ok(_) => Ok(given),
        Err(error) => Err(fields.error("name", format!("these fields make no event: {error}"))),
    }
}

impl Given {
    /// One of the events: that of this number, in a test that starts at this time, in microseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// What is wrong with the fields.
    pub fn event(&self, number: u64, start: i64) -> Result<StoredEvent, serde_json::Error> {
        let count = u32::try_from(number).unwrap_or(u32::MAX);
        let after = self.every * count;
        let micros = |after: Duration| start + i64::try_from(after.as_micros()).unwrap_or(i64::MAX);
        let mut fields = Value::Object(self.fields.clone());
        fill(&mut fields, number);
        if let Value::Object(fields) = &mut fields {
            let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
            put("id", "00000000-0000-0000-0000-000000000000".into());
            put("time", micros(self.at + after).into());
            put("received", micros(self.received + after).into());
            let no_app = !fields.contains_key("app");
            if no_app {
                fields.insert("app".to_owned(), "test".into());
            }
        }
        serde_json::from_value(fields)
    }
}

/// Puts the number into texts: `{n}`, and `{n%8}` for its remainder.
fn fill(value: &mut Value, number: u64) {
    match value {
        Value::String(text) => *text = filled(text, number),
        Value::Array(list) => list.iter_mut().for_each(|value| fill(value, number)),
        Value::Object(fields) => fields.values_mut().for_each(|value| fill(value, number)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn filled(text: &str, number: u64) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{n") {
        let place = after.split_once('}').and_then(|(modulus, after)| {
            let number = match modulus.strip_prefix('%') {
                Some(modulus) => number.checked_rem(modulus.parse().ok()?)?,
                None if modulus.is_empty() => number,
                None => return None,
            };
            Some((number, after))
        });
        filled.push_str(before);
        match place {
            Some((number, after)) => {
                filled.push_str(&number.to_string());
                rest = after;
            }
            None => {
                filled.push_str("{n");
                rest = after;
            }
        }
    }
    filled + rest
}

fn expected(mut fields: Fields, playbook: &Playbook) -> Result<Expected, FieldError> {
    let at = time(&mut fields, "at")?;
    let at = at.ok_or_else(|| fields.error("at", "missing; such as `50s`"))?;
    let actor = actor(&mut fields, playbook.rule.actor)?;
    let group = fields.text("group", MAX_TEXT)?;
    let response = response(&mut fields, playbook)?;
    fields.finish()?;
    Ok(Expected {
        at,
        actor,
        group,
        response,
    })
}

fn actor(fields: &mut Fields, kind: ActorKind) -> Result<Actor, FieldError> {
    if kind == ActorKind::User {
        let Some(user) = fields.take("user") else {
            return Err(fields.error("user", "missing; such as { email = \"a@b.example\" }"));
        };
        let identifiers = user.as_object().into_iter().flatten();
        let identifiers = identifiers.map(|(name, value)| Some((name.clone(), identifier(value)?)));
        let identifiers = identifiers.collect::<Option<_>>();
        let wrong = || fields.error("user", "not an object of identifiers");
        return identifiers.map(Actor::User).ok_or_else(wrong);
    }
    let text = fields.text("ip", MAX_TEXT)?;
    let text = text.ok_or_else(|| fields.error("ip", "missing; such as `203.0.113.7`"))?;
    let net: IpNet = parse_network(&text).map_err(|error| fields.error("ip", error.to_string()))?;
    let one = kind == ActorKind::Ip && net.prefix_len() == net.max_prefix_len();
    Ok(Actor::Ip(if one { client(net.addr()) } else { net }))
}

fn response(
    fields: &mut Fields,
    playbook: &Playbook,
) -> Result<Option<(Kind, Option<Duration>)>, FieldError> {
    let duration = fields.text("duration", MAX_TEXT)?;
    let Some(action) = fields.text("action", MAX_TEXT)? else {
        return match duration {
            Some(_) => Err(fields.error("duration", "not without `action`")),
            None => Ok(None),
        };
    };
    let ours = |kind: &Kind| {
        playbook
            .responses
            .iter()
            .any(|response| response.kind == *kind)
    };
    let kind = Kind::of_name(&action).filter(ours);
    let kind = kind.ok_or_else(|| fields.error("action", "none of the playbook's responses"))?;
    let duration = duration.ok_or_else(|| fields.error("duration", "missing"))?;
    if duration == times::PERMANENT {
        return Ok(Some((kind, None)));
    }
    let wrong = || fields.error("duration", "neither a time such as `5min` nor `permanent`");
    let duration = times::read(&duration).ok_or_else(wrong)?;
    Ok(Some((kind, Some(duration))))
}

fn time(fields: &mut Fields, name: &str) -> Result<Option<Duration>, FieldError> {
    let Some(text) = fields.text(name, MAX_TEXT)? else {
        return Ok(None);
    };
    let read = times::read(&text).filter(|time| *time <= MAX_AT);
    let wrong = || fields.error(name, "not a time of 0s to 60d, such as `90s`");
    read.ok_or_else(wrong).map(Some)
}
