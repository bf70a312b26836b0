//! `/audit`: who did what, the newest first.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::access::{Reader, value};
use super::actions::table;
use super::room::{cut, fit};
use super::text::{short, start, time};
use super::{page, signin};
use crate::api::Params;
use crate::server::{App, blocking};
use crate::state::AuditRecord;

const PATH: &str = "/audit";
/// How many entries a page shows, if they are no more than these bytes.
const PAGE: usize = 100;
const ROWS: usize = 90_000;
/// The most bytes of a detail.
const DETAIL: usize = 2_000;

/// `GET /audit?before=…`.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    let before = match value(&params, "before").map(str::parse) {
        None => None,
        Some(Ok(before)) => Some(before),
        Some(Err(_)) => {
            let here = Some(page::Here::new(PATH, &reader));
            let reason = "before: not the number of an entry";
            let page = page::refusal("Audit log", here, reason, &[(PATH, "The newest entries")]);
            return (StatusCode::BAD_REQUEST, page).into_response();
        }
    };
    let shared = Arc::clone(&app);
    match blocking(move || shared.state.audit(before, PAGE + 1)).await {
        Ok(Ok(entries)) => markup(&entries, &reader).into_response(),
        Ok(Err(error)) => signin::unavailable(&error),
        Err(error) => signin::unavailable(&error),
    }
}

fn markup(entries: &[AuditRecord], reader: &Reader) -> Markup {
    let rows = fit(entries.iter().take(PAGE).map(row), ROWS);
    let next = cut(entries, rows.len()).map(|entry| entry.row);
    let content = html! {
        section aria-labelledby="audit" {
            h2 #audit { "Audit log" }
            p.note { "Entries are kept for 400 days, and the last 200,000 of them." }
            (table("Entries", &["Time", "Who", "What", "Of what", "Detail", "From"], rows.into_iter()))
            @if let Some(next) = next {
                nav { a rel="next" href={ (PATH) "?before=" (next) } { "Older entries" } }
            }
        }
    };
    page::document("Audit log", Some(page::Here::new(PATH, reader)), &content)
}

fn row(entry: &AuditRecord) -> Markup {
    html! {
        tr {
            td data-label="Time" { (time(entry.at)) }
            td data-label="Who" { (short(&entry.by)) }
            td data-label="What" { (entry.event.replace('_', " ")) }
            td data-label="Of what" { (short(entry.subject.as_deref().unwrap_or_default())) }
            td data-label="Detail" { (start(entry.detail.as_deref().unwrap_or_default(), DETAIL)) }
            td.whole data-label="From" { (entry.ip.as_deref().unwrap_or_default()) }
        }
    }
}
