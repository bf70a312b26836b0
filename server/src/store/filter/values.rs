//! What a test compares with, as each field understands it.

use std::net::IpAddr;

use ipnet::IpNet;

use super::cursor::excerpt;
use super::error::FilterError;
use super::{Check, Dimension, Field};
use crate::actions::parse_network;

/// A value as it was written.
#[derive(Debug)]
pub(super) struct Value {
    /// Where it starts, in bytes.
    pub(super) position: usize,
    pub(super) text: String,
    pub(super) quoted: bool,
}

impl Value {
    fn error(&self, expected: &str) -> FilterError {
        FilterError {
            position: self.position,
            found: excerpt(&self.text),
            expected: expected.to_owned(),
        }
    }

    pub(super) fn number(&self) -> Result<f64, FilterError> {
        // `inf` and `nan` are numbers to the standard library.
        let plain = self
            .text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        let number = self.text.parse::<f64>().ok();
        number
            .filter(|number| plain && number.is_finite())
            .ok_or_else(|| self.error("a number"))
    }

    fn network(&self) -> Result<IpNet, FilterError> {
        let expected = "an address, or a network such as `203.0.113.0/24`";
        parse_network(&self.text).map_err(|_| self.error(expected))
    }

    /// Whether it is a network rather than a text with a slash in it.
    fn is_network(&self) -> bool {
        is_network(&self.text)
    }
}

/// Whether a value that is not quoted means whatever is within a network.
pub(super) fn is_network(text: &str) -> bool {
    text.contains('/') && parse_network(text).is_ok()
}

/// What one of the values after `:` means.
pub(super) fn equals(field: &Field, given: Vec<Value>) -> Result<Check, FilterError> {
    match field {
        Field::Dimension(Dimension::Ip) => addresses(&given),
        Field::Json(..)
            if given
                .iter()
                .any(|value| value.is_network() && !value.quoted) =>
        {
            let nets = given.iter().map(Value::network);
            nets.collect::<Result<_, _>>().map(Check::In)
        }
        Field::Dimension(Dimension::Status) => texts(given, |value| {
            let status = value.text.parse::<u16>().map(|status| status.to_string());
            status.map_err(|_| value.error("a status; `status^4` takes all from 400 to 499"))
        }),
        Field::Dimension(Dimension::Country) => texts(given, |value| {
            let text = value.text.to_ascii_uppercase();
            let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
            match is_code {
                true => Ok(text),
                false => Err(value.error("the two letters of a country, such as `FR`")),
            }
        }),
        Field::Dimension(Dimension::Asn) => texts(given, |value| {
            let asn = value.text.parse::<u32>().map(|asn| asn.to_string());
            asn.map_err(|_| value.error("the number of an autonomous system, such as `64496`"))
        }),
        Field::Dimension(Dimension::Aggregated) => {
            texts(given, |value| match value.text.as_str() {
                "true" | "false" => Ok(value.text),
                _ => Err(value.error("`true` or `false`")),
            })
        }
        _ => texts(given, |value| Ok(value.text)),
    }
}

fn addresses(given: &[Value]) -> Result<Check, FilterError> {
    let nets = given.iter().map(Value::network);
    let nets: Vec<_> = nets.collect::<Result<_, _>>()?;
    if given.iter().any(|value| value.text.contains('/')) {
        return Ok(Check::In(nets));
    }
    let addresses = nets
        .iter()
        .map(|net: &IpNet| IpAddr::to_string(&net.addr()));
    Ok(Check::Equals(addresses.collect()))
}

fn texts(
    given: Vec<Value>,
    text: impl Fn(Value) -> Result<String, FilterError>,
) -> Result<Check, FilterError> {
    let texts = given.into_iter().map(text);
    texts.collect::<Result<_, _>>().map(Check::Equals)
}
