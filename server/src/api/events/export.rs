//! `GET /api/v1/events/export`: every event that is meant, newest first, as a file.
//!
//! With `by`, it is the most frequent values of that field instead, each with its counts.
//!
//! A file that ends without an error is complete: where the store fails or the server drains, the connection is
//! broken off.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::super::params::Given;
use super::super::problem::Problem;
use super::counts::GroupView;
use super::csv;
use super::scan::{Outlet, Scan, place};
use super::view::EventView;
use crate::auth::Caller;
use crate::server::{App, blocking, scanning};
use crate::state::Event;
use crate::store::{
    EventStore, Filter, Group, GroupQuery, Step, StoreError, StoredEvent, TimeRange,
};

/// The bytes that are sent at once, or a little more.
const PIECE: usize = 64 * 1024;

#[derive(Clone, Copy, Debug)]
enum Format {
    Csv,
    Ndjson,
}

impl Format {
    fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Ndjson => "application/x-ndjson",
        }
    }

    fn headers(self, name: &str) -> [(HeaderName, String); 3] {
        let ending = match self {
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
        };
        let disposition = format!("attachment; filename=\"{name}.{ending}\"");
        [
            (header::CONTENT_TYPE, self.content_type().to_owned()),
            (header::CONTENT_DISPOSITION, disposition),
            (header::CACHE_CONTROL, "no-store".to_owned()),
        ]
    }

    fn groups(self, groups: Vec<Group>) -> Vec<u8> {
        let mut file = Vec::new();
        if let Self::Csv = self {
            csv::group_head(&mut file);
        }
        for group in groups {
            match self {
                Self::Csv => csv::group(&group, &mut file),
                Self::Ndjson => {
                    // Texts and numbers: nothing of it can fail to be written.
                    let _ = serde_json::to_writer(&mut file, &GroupView::from(group));
                    file.push(b'\n');
                }
            }
        }
        file
    }

    fn write(self, event: StoredEvent, into: &mut Vec<u8>) {
        match self {
            Self::Csv => csv::row(&event, into),
            Self::Ndjson => {
                // Texts, numbers and JSON: nothing of it can fail to be written.
                let _ = serde_json::to_writer(&mut *into, &EventView::from(event));
                into.push(b'\n');
            }
        }
    }
}

pub(super) async fn export(
    by: Caller,
    State(app): State<App>,
    RawQuery(query): RawQuery,
    given: Given,
) -> Result<Response, Problem> {
    answer(&app, &by, query, given).await
}

/// The file that `format filter from to by` ask for, after it was written down who asks, and by which query.
pub(crate) async fn answer(
    app: &App,
    by: &Caller,
    query: Option<String>,
    mut given: Given,
) -> Result<Response, Problem> {
    let format = match given.text("format").as_deref() {
        Some("csv") => Format::Csv,
        Some("ndjson") => Format::Ndjson,
        _ => return Err(Problem::field("format", "format: neither csv nor ndjson")),
    };
    let (filter, range, groups) = (given.filter()?, given.range()?, given.field("by")?);
    given.end()?;
    let place = place(&app.scans.exports)?;
    let (state, by) = (Arc::clone(&app.state), by.clone());
    let note = move || by.note(&*state, Event::EventsExported, None, query.as_deref());
    blocking(note).await?;
    let store = Arc::clone(&app.store);
    if let Some(field) = groups {
        let query = GroupQuery {
            filter,
            range,
            by: field,
            limit: GroupQuery::MAX_LIMIT,
            distinct: true,
        };
        let groups = scanning(move |monitor| store.groups(&query, monitor)).await?;
        return Ok((format.headers("groups"), format.groups(groups.rows)).into_response());
    }
    let scan = Scan::start(app, place, move |outlet| {
        write(&*store, &filter, range, format, outlet)
    });
    let pieces = stream::unfold(scan, |mut scan| async {
        let piece = scan.next().await?;
        let piece = piece.map_err(|_| io::Error::other("the export ended before its end"));
        Some((piece, scan))
    });
    Ok((format.headers("events"), Body::from_stream(pieces)).into_response())
}

fn write(
    store: &dyn EventStore,
    filter: &Filter,
    range: TimeRange,
    format: Format,
    outlet: &Outlet<Bytes>,
) -> Result<bool, StoreError> {
    let mut piece = Vec::new();
    if let Format::Csv = format {
        csv::head(&mut piece);
    }
    let monitor = Arc::clone(&outlet.monitor);
    let ended = store.each(filter, range, &monitor, &mut |step| {
        let full = match step {
            Step::Event(event) => {
                format.write(*event, &mut piece);
                piece.len() >= PIECE
            }
            // Whoever waits through a long scan sees what was found so far.
            Step::Progress => !piece.is_empty(),
        };
        if full {
            outlet.send(std::mem::take(&mut piece).into());
        }
    })?;
    outlet.send(piece.into());
    Ok(ended)
}
