//! Who an actor is: in the page's parameters, in links, and for the filters of events.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use serde_json::Value;

use super::super::explorer::{given, link};
use crate::actions::identifier;
use crate::api::Params;
use crate::fields::FieldError;
use crate::state::User;
use crate::store::{Dimension, Field, Filter, JsonField};

/// What a parameter's name starts with that gives one of a user's identifiers.
const USER: &str = "user.";
/// The most bytes of a link to an actor.
const MAX_LINK: usize = 2_048;

/// An address, or a user as actions name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Actor {
    Ip(IpAddr),
    /// Identifiers and their values, one at least, none of them empty.
    User(Vec<(String, String)>),
}

impl Actor {
    /// The user of an event; `None` if no action can name them.
    pub(in super::super) fn of_user(user: &BTreeMap<String, Value>) -> Option<Self> {
        let text = |(name, value)| {
            let value = identifier(value)?;
            (!String::is_empty(name) && !value.is_empty()).then(|| (String::clone(name), value))
        };
        let pairs: Vec<_> = user.iter().map(text).collect::<Option<_>>()?;
        (!pairs.is_empty()).then_some(Self::User(pairs))
    }

    /// Reads `ip=…`, or one `user.<identifier>=…` and more; returns the parameters that are left, too.
    pub(super) fn parse(params: &Params) -> Result<(Self, Params), FieldError> {
        let is_own = |(name, _): &(String, String)| name == "ip" || name.starts_with(USER);
        let (own, rest): (Params, Params) = params.iter().cloned().partition(is_own);
        for (place, (name, _)) in own.iter().enumerate() {
            if own.iter().take(place).any(|(earlier, _)| earlier == name) {
                return Err(FieldError::new(name, "given twice"));
            }
        }
        let rest = given(&rest);
        if rest.iter().any(|(name, _)| name == "user") {
            let wrong = "unknown parameter; an identifier is user.<name>=<value>";
            return Err(FieldError::new("user", wrong));
        }
        Ok((Self::of_params(&own)?, rest))
    }

    fn of_params(own: &Params) -> Result<Self, FieldError> {
        let address = own.iter().find(|(name, _)| name == "ip");
        let Some((name, address)) = address else {
            let pairs: Vec<_> = own.iter().map(pair).collect::<Result<_, _>>()?;
            if pairs.is_empty() {
                let wrong = "missing; an actor is ip=<address> or user.<name>=<value>";
                return Err(FieldError::new("ip", wrong));
            }
            return Ok(Self::User(pairs));
        };
        if let Some((other, _)) = own.iter().find(|(other, _)| other != name) {
            let wrong = "an actor is an address or a user, not both";
            return Err(FieldError::new(other, wrong));
        }
        match address.trim().parse::<IpAddr>() {
            Ok(ip) => Ok(Self::Ip(ip.to_canonical())),
            Err(_) => Err(FieldError::new(name, "not an IPv4 or IPv6 address")),
        }
    }

    /// The actor's own parameters.
    pub(super) fn params(&self) -> Params {
        match self {
            Self::Ip(ip) => vec![("ip".to_owned(), ip.to_string())],
            Self::User(pairs) => pairs
                .iter()
                .map(|(name, value)| (format!("{USER}{name}"), value.clone()))
                .collect(),
        }
    }

    /// Path and query of the actor's page; `None` if they would be longer than a page has room for.
    pub(in super::super) fn link(&self) -> Option<String> {
        let params = self.params();
        let params = params
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Some(link("/actor", params)).filter(|link| link.len() <= MAX_LINK)
    }

    /// The events from the address, or with one of the identifiers.
    pub(super) fn filter(&self) -> Filter {
        match self {
            Self::Ip(ip) => Filter::equals(Field::Dimension(Dimension::Ip), ip.to_string()),
            Self::User(pairs) => {
                let pair = |(name, value): &(String, String)| {
                    let field = Field::Json(JsonField::User, vec![name.clone()]);
                    Filter::equals(field, value)
                };
                Filter::Any(pairs.iter().map(pair).collect())
            }
        }
    }
}

impl From<&User> for Actor {
    fn from(user: &User) -> Self {
        let pairs = user
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        Self::User(pairs.collect())
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::User(pairs) => {
                for (place, (name, value)) in pairs.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{name} {value}")?;
                }
                Ok(())
            }
        }
    }
}

fn pair((name, value): &(String, String)) -> Result<(String, String), FieldError> {
    let wrong = |wrong| Err(FieldError::new(name, wrong));
    match name.strip_prefix(USER) {
        None | Some("") => wrong("names no identifier"),
        Some(_) if value.is_empty() => wrong("empty"),
        Some(identifier) => Ok((identifier.to_owned(), value.clone())),
    }
}
