//! The parameters of queries.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use sqreen::protocol::Timestamp;

use super::problem::Problem;
use crate::store::{Cursor, EventQuery, Field, Filter, TimeRange};

/// Query parameters, in order.
pub(crate) type Params = Vec<(String, String)>;

const DEFAULT_LIMIT: usize = 100;

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

    fn time(&mut self, name: &str) -> Result<Option<i64>, Problem> {
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

    /// Takes where the page before ended.
    pub(crate) fn cursor(&mut self) -> Result<Option<Cursor>, Problem> {
        let cursor = self.text("cursor").map(|text| text.parse());
        cursor
            .transpose()
            .map_err(|_| Problem::field("cursor", "cursor: not the `next` of an answer before"))
    }

    /// Refuses what nobody took.
    pub(crate) fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            Some((name, _)) => Err(Problem::field(name, format!("{name}: unknown parameter"))),
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

/// Microseconds since the epoch, of an RFC 3339 time or of milliseconds since the epoch.
fn parse_time(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse::<i64>() {
        return millis.checked_mul(1_000);
    }
    text.parse().ok().map(Timestamp::as_micros)
}
