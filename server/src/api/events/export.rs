//! `GET /api/v1/events/export`: every event that is meant, newest first, as a file.
//!
//! A file that ends without an error is complete: where the store fails or the server drains, the connection is
//! broken off.

use std::io;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::super::Bearer;
use super::super::params::Given;
use super::super::problem::Problem;
use super::csv;
use super::scan::{Outlet, Scan, place};
use super::view::EventView;
use crate::server::App;
use crate::store::{EventStore, Filter, Step, StoreError, StoredEvent, TimeRange};

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

    fn disposition(self) -> &'static str {
        match self {
            Self::Csv => "attachment; filename=\"events.csv\"",
            Self::Ndjson => "attachment; filename=\"events.ndjson\"",
        }
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
    _: Bearer,
    State(app): State<App>,
    given: Given,
) -> Result<Response, Problem> {
    answer(&app, given)
}

/// The file that `format filter from to` ask for.
pub(crate) fn answer(app: &App, mut given: Given) -> Result<Response, Problem> {
    let format = match given.text("format").as_deref() {
        Some("csv") => Format::Csv,
        Some("ndjson") => Format::Ndjson,
        _ => return Err(Problem::field("format", "format: neither csv nor ndjson")),
    };
    let (filter, range) = (given.filter()?, given.range()?);
    given.end()?;
    let place = place(&app.scans.exports)?;
    let store = Arc::clone(&app.store);
    let scan = Scan::start(app, place, move |outlet| {
        write(&*store, &filter, range, format, outlet)
    });
    let pieces = stream::unfold(scan, |mut scan| async {
        let piece = scan.next().await?;
        let piece = piece.map_err(|_| io::Error::other("the export ended before its end"));
        Some((piece, scan))
    });
    let headers = [
        (header::CONTENT_TYPE, format.content_type()),
        (header::CONTENT_DISPOSITION, format.disposition()),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
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
