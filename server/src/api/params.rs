//! The parameters of queries.

use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use sqreen::protocol::Timestamp;

use super::openapi::Param;
use super::problem::Problem;
use crate::state::Id;
use crate::store::{Cursor, EventQuery, Field, Filter, TimeRange};

/// Query parameters, in order.
pub(crate) type Params = Vec<(String, String)>;

/// How many elements an answer has at most, if nobody says.
pub(super) const DEFAULT_LIMIT: usize = 100;

/// The first microsecond of the year 1000, and the last of 9999.
const FIRST_TIME: i64 = -30_610_224_000_000_000;
const LAST_TIME: i64 = 253_402_300_799_999_999;

/// The parameters that were given, once each; who understands one takes it, and what is left is refused.
#[derive(Debug)]
pub(crate) struct Given(Params);

impl Given {
    /// Refuses a parameter that is given twice.
    pub(crate) fn new(params: Params) -> Result<Self, Problem> {
        for (place, (name, _)) in params.iter().enumerate() {
            if params
                .iter()
                .take(place)
                .any(|(earlier, _)| earlier == name)
            {
                return Err(Problem::field(name, format!("{name}: given twice")));
            }
        }
        Ok(Self(params))
    }

    /// Takes a parameter as it is.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        let place = self.0.iter().position(|(given, _)| given == name)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Changes the parameters of these names, before they are taken.
    pub(crate) fn change(&mut self, names: &[&str], change: impl Fn(&str) -> String) {
        for (name, value) in &mut self.0 {
            if names.contains(&name.as_str()) {
                *value = change(value);
            }
        }
    }

    /// Takes `filter`; without it, every event is meant.
    pub(crate) fn filter(&mut self) -> Result<Filter, Problem> {
        let text = self.text("filter").unwrap_or_default();
        text.parse()
            .map_err(|error| Problem::filter("filter", &error))
    }

    /// Takes the name of a field.
    pub(crate) fn field(&mut self, name: &str) -> Result<Option<Field>, Problem> {
        let field = self.text(name).map(|text| text.parse::<Field>());
        field
            .transpose()
            .map_err(|error| Problem::filter(name, &error))
    }

    /// Takes `from` and `to`.
    pub(crate) fn range(&mut self) -> Result<TimeRange, Problem> {
        let range = TimeRange {
            from: self.time("from")?,
            to: self.time("to")?,
        };
        match (range.from, range.to) {
            (Some(from), Some(to)) if from >= to => {
                Err(Problem::field("from", "from: must be before to"))
            }
            _ => Ok(range),
        }
    }

    /// Takes a time, in microseconds since the Unix epoch.
    pub(super) fn time(&mut self, name: &str) -> Result<Option<i64>, Problem> {
        let time = self.text(name).map(|text| {
            parse_time(&text).ok_or_else(|| {
                let detail =
                    format!("{name}: neither an RFC 3339 time nor milliseconds since 1970");
                Problem::field(name, detail)
            })
        });
        time.transpose()
    }

    /// Takes a number of 1 to `most`.
    pub(crate) fn number(&mut self, name: &str, most: usize) -> Result<Option<usize>, Problem> {
        let number = self.text(name).map(|text| {
            let number = text.parse().ok();
            number
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| Problem::field(name, format!("{name}: not a number of 1 to {most}")))
        });
        number.transpose()
    }

    /// Takes where the page before of events ended.
    pub(crate) fn cursor(&mut self) -> Result<Option<Cursor>, Problem> {
        self.cursor_of()
    }

    /// Takes where the page before ended.
    pub(super) fn cursor_of<T: FromStr>(&mut self) -> Result<Option<T>, Problem> {
        let cursor = self.text("cursor").map(|text| text.parse());
        cursor
            .transpose()
            .map_err(|_| Problem::field("cursor", "cursor: not the `next` of an answer before"))
    }

    /// The first parameter that has none of these names.
    pub(super) fn unknown(&self, names: &[&str]) -> Option<&str> {
        let mut given = self.0.iter().map(|(name, _)| name.as_str());
        given.find(|given| !names.contains(given))
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(Problem::unknown_parameter(name)),
            None => Ok(()),
        }
    }

    /// Reads a query for a page of events, of `filter from to limit cursor`.
    pub(super) fn events(mut self) -> Result<EventQuery, Problem> {
        let limit = self.number("limit", EventQuery::MAX_LIMIT)?;
        let query = EventQuery {
            filter: self.filter()?,
            range: self.range()?,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            cursor: self.cursor()?,
        };
        self.end()?;
        Ok(query)
    }
}

impl<S: Sync> FromRequestParts<S> for Given {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let params = Query::try_from_uri(&parts.uri);
        let wrong = |error: QueryRejection| Problem::field("query", error.body_text());
        params
            .map_err(wrong)
            .and_then(|Query(params)| Self::new(params))
    }
}

/// The id in the path; what is none is the id of nothing.
#[derive(Debug)]
pub(super) struct ItemId(pub(super) Id);

impl<S: Send + Sync> FromRequestParts<S> for ItemId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        let id = id.ok().and_then(|Path(id)| id.parse().ok());
        id.map(Self).ok_or_else(Problem::not_found)
    }
}

/// Microseconds since the epoch, of an RFC 3339 time or of milliseconds since the epoch. Answers repeat it, and what is
/// made of it, as RFC 3339 has times: in years of four digits.
fn parse_time(text: &str) -> Option<i64> {
    let micros = match text.parse::<i64>() {
        Ok(millis) => millis.checked_mul(1_000)?,
        Err(_) => text.parse().ok().map(Timestamp::as_micros)?,
    };
    (FIRST_TIME..=LAST_TIME).contains(&micros).then_some(micros)
}

/// The parameter `filter`.
pub(super) fn filter() -> Param {
    let about = "Which events are meant, in the filter language; all, if it is absent";
    Param::text("filter", about, "name:users.login status>=400")
}

/// The parameters `from` and `to`.
pub(super) fn range() -> [Param; 2] {
    [
        time("from", "The beginning", "2026-11-23T00:00:00Z"),
        time("to", "The end, which is not in the range", "1795564800000"),
    ]
}

/// A parameter that is a time.
pub(super) fn time(name: &'static str, what: &str, example: &str) -> Param {
    let about =
        format!("{what}: an RFC 3339 time, or milliseconds since 1970, of the years 1000 to 9999");
    Param::text(name, &about, example)
}

/// The parameter `limit`.
pub(super) fn limit(most: usize, default: usize) -> Param {
    Param::number("limit", "The most elements of the answer", most, default)
}

/// The parameter `cursor`.
pub(super) fn cursor(example: &str) -> Param {
    Param::text(
        "cursor",
        "Where to go on: the `next` of an answer before",
        example,
    )
}

/// The parameters of a page of events.
pub(super) fn page() -> Vec<Param> {
    let example = format!("{:016x}{:032x}", 1_795_564_800_000_000_i64, 1);
    let own = [
        filter(),
        limit(EventQuery::MAX_LIMIT, DEFAULT_LIMIT),
        cursor(&example),
    ];
    own.into_iter().chain(range()).collect()
}
