//! What a page of events asks the store for.

use sqreen::protocol::Timestamp;

use super::Place;
use crate::api::{self, Given, Problem};
use crate::store::{
    Cursor, Dimension, EventQuery, Field, Filter, GroupQuery, HistogramQuery, TimeRange,
};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// The events of one page whose number nobody chose: a page with all its links stays below 100 kB.
const EVENTS: usize = 25;
/// How many values the chart tells apart.
const SERIES: usize = 6;
/// How many values the table of groups has.
const GROUPS: usize = 25;

/// The ranges that end now: the value of `last`, what people call it, and its length in microseconds.
pub(super) const RANGES: [(&str, &str, i64); 6] = [
    ("15m", "15 min", 900 * SECOND),
    ("1h", "1 h", 3_600 * SECOND),
    ("6h", "6 h", 6 * 3_600 * SECOND),
    ("24h", "24 h", DAY),
    ("7d", "7 d", 7 * DAY),
    ("30d", "30 d", 30 * DAY),
];

/// The state of a page, understood.
#[derive(Debug)]
pub(crate) struct Asked {
    /// What was typed.
    pub(crate) typed: Filter,
    /// What is meant: what was typed, of what the page is of.
    pub(crate) filter: Filter,
    /// The range of the list; without any, it goes back through all of time.
    pub(crate) range: TimeRange,
    pub(crate) by: Option<Field>,
    pub(crate) group: Option<Field>,
    limit: usize,
    cursor: Option<Cursor>,
}

impl Asked {
    /// Reads the state of the page, which shows events that the filter takes.
    pub(crate) fn read(place: &Place, of: Filter) -> Result<Self, Problem> {
        let mut given = Given::new(place.params().clone())?;
        let limit = given.number("limit", EventQuery::MAX_LIMIT)?;
        let typed = given.filter()?;
        let range = Self::range(&mut given)?;
        let (by, group) = (given.field("by")?, given.field("group")?);
        let cursor = given.cursor()?;
        given.end()?;
        let filter = if of == Filter::default() {
            typed.clone()
        } else {
            Filter::All(vec![of, typed.clone()])
        };
        Ok(Self {
            typed,
            filter,
            range,
            by,
            group,
            limit: limit.unwrap_or(EVENTS),
            cursor,
        })
    }

    /// Takes `last`, or `from` and `to`: these also as fields of forms send them, which means UTC.
    pub(super) fn range(given: &mut Given) -> Result<TimeRange, Problem> {
        given.change(&["from", "to"], in_utc);
        let (last, range) = (given.text("last"), given.range()?);
        let Some(last) = last else {
            return Ok(range);
        };
        let known = RANGES.iter().find(|(name, ..)| *name == last);
        let names = RANGES.map(|(name, ..)| name).join(", ");
        let (.., length) =
            known.ok_or_else(|| Problem::field("last", format!("last: none of {names}")))?;
        if range == TimeRange::ALL {
            Ok(until_now(*length))
        } else {
            Err(Problem::field("last", "last: not together with from or to"))
        }
    }

    pub(super) fn events(&self) -> EventQuery {
        EventQuery {
            range: self.range,
            cursor: self.cursor,
            ..EventQuery::new(self.filter.clone(), self.limit)
        }
    }

    pub(super) fn histogram(&self, (from, to): (i64, i64)) -> HistogramQuery {
        HistogramQuery {
            by: self.by.clone(),
            series: SERIES,
            ..HistogramQuery::new(self.filter.clone(), from, to, api::bucket(from, to))
        }
    }

    pub(super) fn groups(&self, (from, to): (i64, i64)) -> Option<GroupQuery> {
        let by = self.group.clone()?;
        Some(GroupQuery {
            filter: self.filter.clone(),
            range: TimeRange {
                from: Some(from),
                to: Some(to),
            },
            by,
            limit: GROUPS,
            distinct: true,
        })
    }

    /// The applications that the filter names; `None` if it may take those of any.
    pub(super) fn apps(&self) -> Option<&[String]> {
        fn named(filter: &Filter) -> Option<&[String]> {
            match filter {
                Filter::All(filters) => filters.iter().find_map(named),
                Filter::Is(test) if test.field == Field::Dimension(Dimension::App) => {
                    match &test.check {
                        crate::store::Check::Equals(apps) => Some(apps),
                        _ => None,
                    }
                }
                _ => None,
            }
        }
        named(&self.filter)
    }
}

/// A time of a `datetime-local` field, such as `2026-11-23T10:00`, with its zone; any other text as it is.
fn in_utc(text: &str) -> String {
    let seconds = if text.len() == 16 { ":00" } else { "" };
    let zoned = format!("{text}{seconds}Z");
    match zoned.parse::<Timestamp>() {
        Ok(_) => zoned,
        Err(_) => text.to_owned(),
    }
}

/// The range of counts. What is missing of the list's is the day before now, or before its newest event.
pub(super) fn span(range: TimeRange, newest: Option<i64>) -> (i64, i64) {
    let now = Timestamp::now().as_micros();
    let until = newest
        .filter(|newest| now.saturating_sub(*newest) > DAY)
        .unwrap_or(now);
    let to = range.to.unwrap_or_else(|| until.saturating_add(1));
    let from = range.from.unwrap_or_else(|| to.saturating_sub(DAY));
    (from.min(to.saturating_sub(1)), to)
}

/// The range of this length that ends now, or a little later: its bars begin at full minutes and hours.
fn until_now(length: i64) -> TimeRange {
    let now = Timestamp::now().as_micros();
    let bar = api::bucket(0, length);
    let to = now.saturating_sub(now.rem_euclid(bar)).saturating_add(bar);
    TimeRange {
        from: Some(to.saturating_sub(length)),
        to: Some(to),
    }
}
