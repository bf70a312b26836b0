//! `GET /api/v1/audit`: who did what, the newest first. Entries are kept for 400 days, and the last 200,000 of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sqreen::protocol::Timestamp;

use super::MANAGE;
use super::openapi::{Described, Operation, Tag, Time};
use super::params::{self, DEFAULT_LIMIT, Given};
use super::problem::Problem;
use crate::routes::get;
use crate::server::{App, blocking};
use crate::state::AuditRecord;

const MAX_LIMIT: usize = 1_000;

pub(super) fn routes() -> Vec<Described> {
    let list = get("/api/v1/audit", MANAGE, list).described(
        Operation::new(Tag::Access, "listAudit", "Who did what, the newest first")
            .query([params::limit(MAX_LIMIT, DEFAULT_LIMIT), params::cursor("7")])
            .answer::<AuditPage>(200, "A page of the audit log"),
    );
    vec![list]
}

/// An entry with every key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
struct AuditView {
    #[schemars(with = "Time")]
    time: Timestamp,
    /// A person's name, a token, or the command line.
    by: String,
    /// Such as `sign_in` or `action_created`.
    event: String,
    /// What it was done to: a name or an id.
    subject: Option<String>,
    detail: Option<String>,
    /// The client's address.
    ip: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct AuditPage {
    entries: Vec<AuditView>,
    /// The `cursor` of the page after; `null` if this is the last.
    next: Option<String>,
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

async fn list(State(app): State<App>, mut given: Given) -> Result<Json<AuditPage>, Problem> {
    let limit = given.number("limit", MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
    let cursor = given.cursor_of::<i64>()?;
    given.end()?;
    let shared = Arc::clone(&app);
    let mut records = blocking(move || shared.state.audit(cursor, limit + 1)).await??;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more);
    let next = next.map(|record| record.row.to_string());
    let entries = records.into_iter().map(AuditView::from).collect();
    Ok(Json(AuditPage { entries, next }))
}
