//! Whether one event is meant, in the plainest way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Number, Value};

use super::{Check, Comparison, Dimension, Field, Filter, JsonField, Test};
use crate::store::error::StoreError;
use crate::store::event::{EventId, StoredEvent};
use crate::store::row::EventFields;

impl Filter {
    /// Says whether the event is meant.
    #[must_use]
    pub fn matches(&self, event: &dyn EventFields) -> bool {
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.matches(event)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(event)),
            Self::Not(filter) => !filter.matches(event),
            Self::Is(test) => test.matches(event),
        }
    }
}

impl Test {
    fn matches(&self, event: &dyn EventFields) -> bool {
        match &self.field {
            Field::Dimension(dimension) => event
                .text(*dimension)
                .is_some_and(|text| self.check.meets_text(&text, *dimension)),
            Field::Json(field, path) => event.meets(*field, path, &self.check),
        }
    }
}

impl EventFields for StoredEvent {
    fn id(&self) -> EventId {
        self.id
    }

    fn time(&self) -> i64 {
        self.time
    }

    fn received(&self) -> i64 {
        self.received
    }

    fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    fn status(&self) -> Option<u16> {
        self.status
    }

    fn asn(&self) -> Option<u32> {
        self.asn
    }

    fn text(&self, dimension: Dimension) -> Option<Cow<'_, str>> {
        let text = match dimension {
            Dimension::App => Some(&self.app),
            Dimension::Name => Some(&self.name),
            Dimension::Ip => return self.ip.map(|ip| ip.to_canonical().to_string().into()),
            Dimension::Country => self.country.as_ref(),
            Dimension::Asn => return self.asn.map(|asn| asn.to_string().into()),
            Dimension::Method => self.method.as_ref(),
            Dimension::Path => self.path.as_ref(),
            Dimension::Route => self.route.as_ref(),
            Dimension::Host => self.host.as_ref(),
            Dimension::Scheme => self.scheme.as_ref(),
            Dimension::UserAgent => self.user_agent.as_ref(),
            Dimension::Referer => self.referer.as_ref(),
            Dimension::RequestId => self.request_id.as_ref(),
            Dimension::Status => return self.status.map(|status| status.to_string().into()),
            Dimension::Agent => self.agent.as_ref(),
            Dimension::Hostname => self.hostname.as_ref(),
            Dimension::Environment => self.environment.as_ref(),
            Dimension::Aggregated => {
                return Some(if self.aggregated { "true" } else { "false" }.into());
            }
        };
        text.map(|text| text.as_str().into())
    }

    fn json(&self, field: JsonField) -> Option<Cow<'_, [u8]>> {
        let json = Json::of(self, field)?;
        Some(json.text().into_bytes().into())
    }

    fn json_value(&self, field: JsonField, path: &[String]) -> Option<Value> {
        let json = Json::of(self, field)?;
        let Some((first, rest)) = path.split_first() else {
            return Some(json.value());
        };
        let value = json.member(first)?;
        let value = rest
            .iter()
            .try_fold(value, |value, name| value.as_object()?.get(name))?;
        Some(value.clone())
    }

    fn meets(&self, field: JsonField, path: &[String], check: &Check) -> bool {
        Json::of(self, field).is_some_and(|json| check.meets_within(json, path))
    }

    fn event(&self) -> Result<StoredEvent, StoreError> {
        Ok(self.clone())
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
                dimension.is_number()
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
                Self::Equals(wanted) if json.is_list() && wanted.contains(&json.text()) => true,
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
    Texts(&'a [String]),
    Map(&'a Map<String, Value>),
    Value(&'a Value),
    Headers(&'a Value),
}

impl<'a> Json<'a> {
    fn of(event: &'a StoredEvent, field: JsonField) -> Option<Self> {
        match field {
            JsonField::User => event.user.as_ref().map(Self::User),
            JsonField::Network => {
                (!event.network.is_empty()).then_some(Self::Texts(&event.network))
            }
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
            Self::Texts(texts) => texts.iter().any(|text| is(None, &text.as_str().into())),
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

    /// The value at the top level of that name: the first, where there are several.
    fn member(self, wanted: &str) -> Option<&'a Value> {
        match self {
            Self::User(map) => map.get(wanted),
            Self::Map(map) | Self::Value(Value::Object(map)) => map.get(wanted),
            Self::Headers(Value::Object(map)) => {
                let mut members = map.iter();
                members
                    .find(|(name, _)| self.same(name, wanted))
                    .map(|(_, value)| value)
            }
            Self::Headers(Value::Array(values)) => values.iter().find_map(|pair| {
                let pair = pair.as_array().map(Vec::as_slice);
                match pair {
                    Some([Value::String(name), value]) if self.same(name, wanted) => Some(value),
                    _ => None,
                }
            }),
            Self::Texts(_) | Self::Value(_) | Self::Headers(_) => None,
        }
    }

    fn value(self) -> Value {
        match self {
            Self::User(map) => Value::Object(map.clone().into_iter().collect()),
            Self::Texts(texts) => texts.into(),
            Self::Map(map) => Value::Object(map.clone()),
            Self::Value(value) | Self::Headers(value) => value.clone(),
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::Texts(_) | Self::Value(Value::Array(_)))
    }

    fn text(self) -> String {
        let text = match self {
            Self::User(map) => serde_json::to_string(map),
            Self::Texts(texts) => serde_json::to_string(texts),
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
