//! What the pages' script asks for, and files: the same answers as those of the API, for whoever is signed in.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, RawQuery, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Asked, PATH, Place, Terms, list, test};
use crate::api::{self, Given, Params, Problem};
use crate::server::{App, scanning};
use crate::store::{Check, Filter, GroupQuery, Groups, Test, TimeRange};
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

/// `GET /live?filter=…`: the rows of events as they are stored, as `found`; `missed` is that of the API.
pub(crate) async fn live(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    let place = Place::new(PATH, Params::new(), &params);
    let follow = |asked: Asked| {
        let (terms, back) = (Terms::new(&place, &asked), place.here());
        let shared = Arc::clone(&app);
        api::live(&app, asked.filter, move |event| {
            let met = Met::by(&shared, &event);
            let row = list::row(&event, &met, &terms, &reader, &back);
            api::sse_event("found", &row.into_string())
        })
    };
    Asked::read(&place, Filter::default())
        .and_then(follow)
        .into_response()
}

/// `GET /complete?field=ip&start=203.`: frequent values of the field in the last day that start so.
pub(crate) async fn complete(State(app): State<App>, given: Result<Given, Problem>) -> Response {
    match given.and_then(proposals) {
        Ok(query) => values(&app, query).await.into_response(),
        Err(problem) => problem.into_response(),
    }
}

fn proposals(mut given: Given) -> Result<GroupQuery, Problem> {
    let by = given.field("field")?;
    let start = given.text("start").unwrap_or_default();
    given.end()?;
    let by = by.ok_or_else(|| Problem::field("field", "field: missing"))?;
    let check = if start.is_empty() {
        Check::Exists
    } else {
        Check::Prefix(start)
    };
    let now = sqreen::protocol::Timestamp::now().as_micros();
    Ok(GroupQuery {
        filter: Filter::Is(Test {
            field: by.clone(),
            check,
        }),
        range: TimeRange {
            from: Some(now.saturating_sub(86_400_000_000)),
            to: None,
        },
        by,
        limit: PROPOSED,
        distinct: false,
    })
}

async fn values(app: &App, query: GroupQuery) -> Result<Json<Value>, Problem> {
    let store = Arc::clone(&app.store);
    let by = query.by.clone();
    let groups: Groups = scanning(move |monitor| store.groups(&query, monitor)).await?;
    let proposed = groups.rows.iter().filter_map(|group| {
        let test = test(&by, &group.value)?;
        Some(json!({"test": test, "events": group.events}))
    });
    Ok(Json(proposed.collect()))
}
