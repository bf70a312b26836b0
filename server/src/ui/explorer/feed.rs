//! What the pages' script asks for, and files: the same answers as those of the API, for whoever is signed in.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Asked, PATH, Place, Terms, list, test};
use crate::api::{self, Given, Params, Problem};
use crate::auth::Pass;
use crate::server::{App, scanning};
use crate::store::{Check, Field, Filter, GroupQuery, Groups, JsonField, Test, TimeRange};
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

/// `GET /complete?field=ip&start=203.`: frequent values of the field in the last day that start so.
pub(crate) async fn complete(State(app): State<App>, given: Result<Given, Problem>) -> Response {
    match given.and_then(Started::read) {
        Ok(started) => values(&app, started).await.into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// A test that is being typed.
struct Started {
    field: Field,
    start: String,
}

impl Started {
    fn read(mut given: Given) -> Result<Self, Problem> {
        let field = given.field("field")?;
        let start = given.text("start").unwrap_or_default();
        given.end()?;
        let field = field.ok_or_else(|| Problem::field("field", "field: missing"))?;
        Ok(Self { field, start })
    }

    fn query(&self) -> GroupQuery {
        let check = if self.start.is_empty() {
            Check::Exists
        } else {
            Check::Prefix(self.start.clone())
        };
        let now = sqreen::protocol::Timestamp::now().as_micros();
        GroupQuery {
            filter: Filter::Is(Test {
                field: self.field.clone(),
                check,
            }),
            range: TimeRange {
                from: Some(now.saturating_sub(86_400_000_000)),
                to: None,
            },
            by: self.field.clone(),
            limit: PROPOSED,
            distinct: false,
        }
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

    /// A group is of addresses that are on the same lists; people think of one list.
    fn lists(&self, groups: &Groups) -> Vec<(String, u64)> {
        let mut counts = BTreeMap::<String, u64>::new();
        for group in &groups.rows {
            let names: Vec<String> = serde_json::from_str(&group.value).unwrap_or_default();
            for name in names
                .into_iter()
                .filter(|name| name.starts_with(&self.start))
            {
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
    let query = started.query();
    let groups = scanning(move |monitor| store.groups(&query, monitor)).await?;
    let proposals = started.proposals(&groups).into_iter();
    let proposals = proposals.map(|(test, events)| json!({"test": test, "events": events}));
    Ok(Json(proposals.collect()))
}
