//! Whether an event in memory is meant, in the plainest way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Number, Value};

use super::{Check, Comparison, Dimension, Field, Filter, JsonField, Test};
use crate::store::event::StoredEvent;

impl Filter {
    /// Says whether the event is meant.
    #[must_use]
    pub fn matches(&self, event: &StoredEvent) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(event)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(event)),
            Self::Not(filter) => !filter.matches(event),
            Self::Is(test) => test.matches(event),
        }
    }
}

impl Test {
    fn matches(&self, event: &StoredEvent) -> bool {
        match &self.field {
            Field::Dimension(dimension) => dimension
                .text(event)
                .is_some_and(|text| self.check.meets_text(&text, *dimension)),
            Field::Json(field, path) => {
                Json::of(event, *field).is_some_and(|json| self.check.meets_within(json, path))
            }
        }
    }
}

impl Dimension {
    /// The event's value as it is compared and shown.
    pub(crate) fn text(self, event: &StoredEvent) -> Option<Cow<'_, str>> {
        let text = match self {
            Self::App => Some(&event.app),
            Self::Name => Some(&event.name),
            Self::Ip => return event.ip.map(|ip| ip.to_canonical().to_string().into()),
            Self::Method => event.method.as_ref(),
            Self::Path => event.path.as_ref(),
            Self::Route => event.route.as_ref(),
            Self::Host => event.host.as_ref(),
            Self::Scheme => event.scheme.as_ref(),
            Self::UserAgent => event.user_agent.as_ref(),
            Self::Referer => event.referer.as_ref(),
            Self::RequestId => event.request_id.as_ref(),
            Self::Status => return event.status.map(|status| status.to_string().into()),
            Self::Agent => event.agent.as_ref(),
            Self::Hostname => event.hostname.as_ref(),
            Self::Environment => event.environment.as_ref(),
            Self::Aggregated => {
                return Some(if event.aggregated { "true" } else { "false" }.into());
            }
        };
        text.map(|text| text.as_str().into())
    }
}

impl Check {
    /// Says whether the text of a dimension is as it should be.
    pub(crate) fn meets_text(&self, text: &str, dimension: Dimension) -> bool {
        match self {
            Self::Equals(wanted) => wanted.iter().any(|wanted| wanted == text),
            Self::Contains(wanted) => contains(text, wanted),
            Self::Prefix(wanted) => text.starts_with(wanted.as_str()),
            Self::Exists => true,
            Self::Number(comparison, wanted) => {
                dimension == Dimension::Status
                    && text
                        .parse()
                        .is_ok_and(|number| comparison.holds(number, *wanted))
            }
            Self::In(_) => dimension == Dimension::Ip && self.meets_address(text),
        }
    }

    /// Says whether a value of JSON is as it should be.
    pub(crate) fn meets_value(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Exists, _) => true,
            (Self::Equals(wanted), Value::Number(number)) => wanted
                .iter()
                .any(|wanted| *wanted == number.to_string() || equal(number, wanted)),
            (Self::Number(comparison, wanted), Value::Number(number)) => number
                .as_f64()
                .is_some_and(|number| comparison.holds(number, *wanted)),
            (Self::Number(..), _) => false,
            (Self::In(_), value) => value.as_str().is_some_and(|text| self.meets_address(text)),
            (Self::Equals(wanted), value) => {
                let text = value_text(value);
                wanted.iter().any(|wanted| *wanted == text)
            }
            (Self::Contains(wanted), value) => contains(&value_text(value), wanted),
            (Self::Prefix(wanted), value) => value_text(value).starts_with(wanted.as_str()),
        }
    }

    /// Says whether a field of this JSON, or what the path leads to in it, is as it should be.
    pub(in crate::store) fn meets_json(
        &self,
        field: JsonField,
        path: &[String],
        json: &Value,
    ) -> bool {
        let json = match field {
            JsonField::Headers => Json::Headers(json),
            _ => Json::Value(json),
        };
        self.meets_within(json, path)
    }

    fn meets_address(&self, text: &str) -> bool {
        let Self::In(nets) = self else {
            return false;
        };
        text.parse::<IpAddr>().is_ok_and(|ip| {
            let ip = ip.to_canonical();
            nets.iter().any(|net| net.contains(&ip))
        })
    }

    fn meets_within(&self, json: Json<'_>, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else {
            return match self {
                Self::Exists => true,
                Self::Contains(wanted) => contains(&json.text(), wanted),
                _ => json.any(|_, value| self.meets_value(value)),
            };
        };
        json.any(|name, value| {
            name.is_some_and(|name| json.same(name, first))
                && rest
                    .iter()
                    .try_fold(value, |value, name| value.as_object()?.get(name))
                    .is_some_and(|value| self.meets_value(value))
        })
    }
}

impl Comparison {
    pub(crate) fn holds(self, number: f64, wanted: f64) -> bool {
        match self {
            Self::Less => number < wanted,
            Self::AtMost => number <= wanted,
            Self::More => number > wanted,
            Self::AtLeast => number >= wanted,
        }
    }
}

/// The value of a field that is JSON.
#[derive(Clone, Copy)]
enum Json<'a> {
    User(&'a BTreeMap<String, Value>),
    Map(&'a Map<String, Value>),
    Value(&'a Value),
    Headers(&'a Value),
}

impl<'a> Json<'a> {
    fn of(event: &'a StoredEvent, field: JsonField) -> Option<Self> {
        match field {
            JsonField::User => event.user.as_ref().map(Self::User),
            JsonField::Params => event.params.as_ref().map(Self::Value),
            JsonField::Body => event.body.as_ref().map(Self::Value),
            JsonField::Properties => event.properties.as_ref().map(Self::Map),
            JsonField::Traits => event.traits.as_ref().map(Self::Map),
            JsonField::Headers => event.headers.as_ref().map(Self::Headers),
        }
    }

    fn same(self, name: &str, wanted: &str) -> bool {
        match self {
            Self::Headers(_) => name.eq_ignore_ascii_case(wanted),
            _ => name == wanted,
        }
    }

    /// Says whether one of the values at the top level is so, told with its name, if it has one.
    fn any(self, is: impl Fn(Option<&str>, &Value) -> bool) -> bool {
        match self {
            Self::User(map) => map.iter().any(|(name, value)| is(Some(name), value)),
            Self::Map(map)
            | Self::Value(Value::Object(map))
            | Self::Headers(Value::Object(map)) => {
                map.iter().any(|(name, value)| is(Some(name), value))
            }
            Self::Headers(Value::Array(values)) => values.iter().any(|pair| {
                let pair = pair.as_array().map(Vec::as_slice);
                matches!(pair, Some([Value::String(name), value]) if is(Some(name), value))
            }),
            Self::Value(Value::Array(values)) => values.iter().any(|value| is(None, value)),
            Self::Value(value) | Self::Headers(value) => is(None, value),
        }
    }

    fn text(self) -> String {
        let text = match self {
            Self::User(map) => serde_json::to_string(map),
            Self::Map(map) => serde_json::to_string(map),
            Self::Value(value) | Self::Headers(value) => serde_json::to_string(value),
        };
        // What was JSON can be written as JSON.
        text.unwrap_or_default()
    }
}

/// A text as it is, anything else as JSON.
pub(crate) fn value_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.as_str().into(),
        other => other.to_string().into(),
    }
}

/// Says whether the text is the number, however it is written. Whole numbers are compared exactly: ids may be larger
/// than a float can tell apart.
fn equal(number: &Number, text: &str) -> bool {
    let Ok(wanted) = serde_json::from_str::<Number>(text) else {
        return false;
    };
    match (whole(number), whole(&wanted)) {
        (Some(number), Some(wanted)) => number == wanted,
        _ => number.as_f64() == wanted.as_f64(),
    }
}

fn whole(number: &Number) -> Option<i128> {
    let signed = number.as_i64().map(i128::from);
    signed.or_else(|| number.as_u64().map(i128::from))
}

/// Says whether the text contains the other, ASCII letters in either case.
fn contains(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    wanted.is_empty()
        || text
            .windows(wanted.len())
            .any(|part| part.eq_ignore_ascii_case(wanted))
}
