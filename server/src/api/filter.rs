//! The parameters that select events.

use sqreen::protocol::Timestamp;

use super::problem::Problem;
use crate::store::{Check, Dimension, EventQuery, Field, Filter, JsonField, Test};

/// Query parameters, in order.
pub(crate) type Params = Vec<(String, String)>;

const DEFAULT_LIMIT: usize = 100;

/// Reads a query; a parameter that is unknown, repeated or wrong is refused by its name.
pub(crate) fn parse(params: &Params) -> Result<EventQuery, Problem> {
    let mut query = EventQuery::new(Filter::default(), DEFAULT_LIMIT);
    let mut all = Vec::new();
    for (place, (name, value)) in params.iter().enumerate() {
        if params
            .iter()
            .take(place)
            .any(|(earlier, _)| earlier == name)
        {
            return Err(Problem::field(name, format!("{name}: given twice")));
        }
        match name.as_str() {
            "app" => all.push(is(Field::Dimension(Dimension::App), value)),
            "name" => all.push(is(Field::Dimension(Dimension::Name), value)),
            "user" => all.push(user(value)),
            "ip" => {
                let ip = value.parse::<std::net::IpAddr>();
                let ip = ip.map_err(|_| Problem::field(name, "ip: not an IPv4 or IPv6 address"))?;
                let ip = ip.to_canonical().to_string();
                all.push(is(Field::Dimension(Dimension::Ip), &ip));
            }
            "from" => query.range.from = Some(time(name, value)?),
            "to" => query.range.to = Some(time(name, value)?),
            "limit" => {
                let range = 1..=EventQuery::MAX_LIMIT;
                let limit = value.parse().ok().filter(|limit| range.contains(limit));
                query.limit = limit.ok_or_else(|| {
                    Problem::field(
                        name,
                        format!("limit: not a number of 1 to {}", EventQuery::MAX_LIMIT),
                    )
                })?;
            }
            "cursor" => {
                let cursor = value.parse().map_err(|_| {
                    Problem::field(name, "cursor: not the `next` of an answer before")
                })?;
                query.cursor = Some(cursor);
            }
            _ => return Err(Problem::field(name, format!("{name}: unknown parameter"))),
        }
    }
    query.filter = Filter::All(all);
    Ok(query)
}

fn is(field: Field, value: &str) -> Filter {
    Filter::Is(Test {
        field,
        check: Check::Equals(vec![value.to_owned()]),
    })
}

/// The value of any of the identifiers, or `key:value` for one of them.
fn user(wanted: &str) -> Filter {
    let of = |path, value| is(Field::Json(JsonField::User, path), value);
    let pairs = wanted
        .match_indices(':')
        .filter_map(|(at, _)| Some((wanted.get(..at)?, wanted.get(at + 1..)?)))
        .map(|(key, value)| of(vec![key.to_owned()], value));
    Filter::Any(
        std::iter::once(of(Vec::new(), wanted))
            .chain(pairs)
            .collect(),
    )
}

fn time(name: &str, value: &str) -> Result<i64, Problem> {
    parse_time(value).ok_or_else(|| {
        let detail = format!("{name}: neither an RFC 3339 time nor milliseconds since 1970");
        Problem::field(name, detail)
    })
}

/// Microseconds since the epoch, of an RFC 3339 time or of milliseconds since the epoch.
fn parse_time(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse::<i64>() {
        return millis.checked_mul(1_000);
    }
    text.parse().ok().map(Timestamp::as_micros)
}
