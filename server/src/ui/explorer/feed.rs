//! What the pages' script asks for, and files: the same answers as those of the API, for whoever is signed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::asked::span;
use super::{Asked, PATH, Place, Terms, list, test};
use crate::api::{self, Given, Params, Problem};
use crate::auth::Pass;
use crate::server::{App, scanning};
use crate::store::{
    Check, EventQuery, EventStore, Field, Filter, GroupQuery, Groups, JsonField, ScanMonitor,
    StoreError, Test, TimeRange,
};
use crate::ui::access::Reader;
use crate::ui::actions::Met;

/// How many values are proposed.
const PROPOSED: usize = 12;

/// `GET /export`: takes what `GET /api/v1/events/export` does.
pub(crate) async fn export(
    State(app): State<App>,
    reader: Reader,
    RawQuery(query): RawQuery,
    given: Result<Given, Problem>,
) -> Response {
    match given {
        Ok(given) => api::export(&app, &reader.caller, query, given)
            .await
            .into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// `GET /live?filter=…`: the rows of the page of these parameters, and those of events as they are stored, as `found`;
/// what else it tells is in the API's stream.
pub(crate) async fn live(
    State(app): State<App>,
    pass: Pass,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    let place = Place::new(PATH, Params::new(), &params);
    let asked = Asked::read(&place, Filter::default());
    follow(&app, pass, reader, &place, asked)
}

/// The stream of a page that lists events.
pub(in crate::ui) fn follow(
    app: &App,
    pass: Pass,
    reader: Reader,
    place: &Place,
    asked: Result<Asked, Problem>,
) -> Response {
    let follow = |asked: Asked| {
        let (terms, back) = (Terms::new(place, &asked), place.here());
        let (past, shared) = (asked.events(), Arc::clone(app));
        api::live(app, pass, asked.filter, Some(past), move |event| {
            let met = Met::by(&shared, &event);
            let row = list::row(&event, &met, &terms, &reader, &back);
            api::sse_event("found", &row.into_string())
        })
    };
    asked.and_then(follow).into_response()
}

/// `GET /complete?field=ip&start=203.`: frequent values of the field that start so, with `contains` those that have it
/// anywhere, of the range of a page with the same `last`, or `from` and `to`.
pub(crate) async fn complete(State(app): State<App>, given: Result<Given, Problem>) -> Response {
    match given.and_then(Started::read) {
        Ok(started) => values(&app, started).await.into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// A test that is being typed.
struct Started {
    field: Field,
    check: Check,
    range: TimeRange,
}

impl Started {
    fn read(mut given: Given) -> Result<Self, Problem> {
        let field = given.field("field")?;
        let (start, part) = (given.text("start"), given.text("contains"));
        let range = Asked::range(&mut given)?;
        given.end()?;
        let field = field.ok_or_else(|| Problem::field("field", "field: missing"))?;
        let check = match (start, part) {
            (Some(_), Some(_)) => {
                return Err(Problem::field(
                    "contains",
                    "contains: not together with start",
                ));
            }
            (Some(start), None) if !start.is_empty() => Check::Prefix(start),
            (None, Some(part)) if !part.is_empty() => Check::Contains(part),
            _ => Check::Exists,
        };
        Ok(Self {
            field,
            check,
            range,
        })
    }

    fn groups(&self, store: &dyn EventStore, monitor: &ScanMonitor) -> Result<Groups, StoreError> {
        let newest = EventQuery {
            range: self.range,
            ..EventQuery::new(Filter::default(), 1)
        };
        let newest = match self.range.from {
            None => store.query(&newest, monitor)?.events.pop(),
            Some(_) => None,
        };
        let (from, to) = span(self.range, newest.map(|event| event.time));
        let query = GroupQuery {
            filter: Filter::Is(Test {
                field: self.field.clone(),
                check: self.check.clone(),
            }),
            range: TimeRange {
                from: Some(from),
                to: Some(to),
            },
            by: self.field.clone(),
            limit: PROPOSED,
            distinct: false,
        };
        store.groups(&query, monitor)
    }

    /// The tests that it may become, and how many events each finds.
    fn proposals(&self, groups: &Groups) -> Vec<(String, u64)> {
        if matches!(self.field, Field::Json(JsonField::Network, _)) {
            return self.lists(groups);
        }
        let rows = groups.rows.iter();
        let tests = rows.map(|group| Some((test(&self.field, &group.value)?, group.events)));
        tests.flatten().collect()
    }

    /// Whether the name of a list is one of those meant.
    fn takes(&self, name: &str) -> bool {
        match &self.check {
            Check::Prefix(start) => name.starts_with(start),
            Check::Contains(part) => {
                let lower = |text: &str| text.to_ascii_lowercase();
                lower(name).contains(&lower(part))
            }
            _ => true,
        }
    }

    /// A group is of addresses that are on the same lists; people think of one list.
    fn lists(&self, groups: &Groups) -> Vec<(String, u64)> {
        let mut counts = BTreeMap::<String, u64>::new();
        for group in &groups.rows {
            let names: Vec<String> = serde_json::from_str(&group.value).unwrap_or_default();
            for name in names.into_iter().filter(|name| self.takes(name)) {
                *counts.entry(name).or_default() += group.events;
            }
        }
        let test = |(name, events)| {
            let field = self.field.clone();
            let check = Check::Equals(vec![name]);
            (Test { field, check }.to_string(), events)
        };
        let mut tests: Vec<_> = counts.into_iter().map(test).collect();
        tests.sort_by_key(|(_, events)| std::cmp::Reverse(*events));
        tests
    }
}

async fn values(app: &App, started: Started) -> Result<Json<Value>, Problem> {
    let store = Arc::clone(&app.store);
    let read = move |monitor: &ScanMonitor| {
        let groups = started.groups(&*store, monitor)?;
        Ok(started.proposals(&groups))
    };
    let proposals = scanning(read).await?.into_iter();
    let proposals = proposals.map(|(test, events)| json!({"test": test, "events": events}));
    Ok(Json(proposals.collect()))
}
