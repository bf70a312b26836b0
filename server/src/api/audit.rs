//! `GET /api/v1/audit`: who did what, the newest first. Entries are kept for 400 days, and the last 200,000 of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::params::Given;
use super::problem::Problem;
use crate::server::{App, blocking};
use crate::state::AuditRecord;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// An entry with every key, the time as RFC 3339.
#[derive(Debug, Serialize)]
struct AuditView {
    time: Timestamp,
    by: String,
    event: String,
    subject: Option<String>,
    detail: Option<String>,
    ip: Option<String>,
}

impl From<AuditRecord> for AuditView {
    fn from(record: AuditRecord) -> Self {
        Self {
            time: Timestamp::from_micros(record.at),
            by: record.by,
            event: record.event,
            subject: record.subject,
            detail: record.detail,
            ip: record.ip,
        }
    }
}

/// Takes `limit cursor`.
pub(super) async fn list(State(app): State<App>, mut given: Given) -> Result<Json<Value>, Problem> {
    let limit = given.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let cursor = given.text("cursor").map(|text| text.parse::<i64>());
    let cursor = cursor
        .transpose()
        .map_err(|_| Problem::field("cursor", "cursor: not the `next` of an answer before"))?;
    given.end()?;
    let shared = Arc::clone(&app);
    let mut records = blocking(move || shared.state.audit(cursor, limit + 1)).await??;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more);
    let next = next.map(|record| record.row.to_string());
    let entries: Vec<_> = records.into_iter().map(AuditView::from).collect();
    Ok(Json(json!({"entries": entries, "next": next})))
}
