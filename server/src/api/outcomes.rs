//! `GET /api/v1/outcomes`: what became of the events, of all time and within a range.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use sqreen::protocol::Timestamp;

use super::READ;
use super::openapi::{Described, Operation, Param, Tag, Time};
use super::params::{self, Given};
use super::problem::Problem;
use crate::ingest::{IgnoredRow, LimitedRow};
use crate::ledger::{CountedBy, HOUR, LedgerRow, ToldWithin};
use crate::routes::get;
use crate::server::App;

const DAY: i64 = 24 * HOUR;

pub(super) fn routes() -> Vec<Described> {
    vec![
        get("/api/v1/outcomes", READ, outcomes).described(
            Operation::new(
                Tag::Server,
                "getOutcomes",
                "What became of every event, by application, host, agent and version",
            )
            .answer::<OutcomesView>(200, "The counts"),
        ),
        get("/api/v1/outcomes/within", READ, within).described(
            Operation::new(
                Tag::Server,
                "getOutcomesWithin",
                "What was told of the outcome of events in the hours of a range of time",
            )
            .query([Param::text("app", "Of this application alone", "shop")])
            .query(params::range())
            .answer::<WithinView>(200, "The sums"),
        ),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Outcomes")]
struct OutcomesView {
    /// Of all time, at most 20,000.
    outcomes: Vec<LedgerView>,
    /// What agents sent that is not kept.
    ignored: Vec<IgnoredRow>,
    /// What the limit of the rate did.
    limited: Vec<LimitedRow>,
}

/// The counts of one application, host, agent and version. Every event that was tracked is accepted, duplicate,
/// rejected, dropped or pending. Where the server counts, it knows only of what came: `null` is what it cannot know.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ledger")]
struct LedgerView {
    /// Empty where it is `other`, of several applications.
    app: String,
    /// Empty where it is not known.
    host: String,
    /// The type of agent, such as `rust` or `nodejs`; empty where it is not known.
    agent: String,
    /// The agent's version; empty where it is not known, as in what was counted before versions were told apart.
    version: String,
    counted_by: CountedBy,
    /// Whether these are the sums of rows that had been silent for long and made room for others.
    other: bool,
    /// How many agents have told their counts.
    instances: Option<u64>,
    /// Events that the application tracked.
    tracked: Option<u64>,
    /// Events that are stored.
    accepted: u64,
    /// Events that came again, and are stored once.
    duplicate: u64,
    /// Events that the server refused, by reason.
    rejected: BTreeMap<String, u64>,
    /// Events that the agent gave up, by reason.
    dropped: Option<BTreeMap<String, u64>>,
    /// Events that wait for an answer.
    pending: Option<u64>,
    /// Calls whose mistakes the agent corrected, by kind of mistake.
    corrected: Option<BTreeMap<String, u64>>,
    /// When the counts last came.
    #[schemars(with = "Option<Time>")]
    heard_at: Option<Timestamp>,
}

impl From<LedgerRow> for LedgerView {
    fn from(row: LedgerRow) -> Self {
        let LedgerRow {
            source,
            instances,
            sum,
            heard,
        } = row;
        let told = source.counted_by == CountedBy::Agent;
        Self {
            app: source.app,
            host: source.host,
            agent: source.agent,
            version: source.version,
            counted_by: source.counted_by,
            other: source.other,
            instances: told.then_some(instances),
            tracked: told.then_some(sum.tracked),
            accepted: sum.accepted,
            duplicate: sum.duplicate,
            rejected: sum.rejected,
            dropped: told.then_some(sum.dropped),
            pending: told.then_some(sum.pending),
            corrected: told.then_some(sum.corrected),
            heard_at: heard.map(Timestamp::from_micros),
        }
    }
}

/// What agents told, and the server counted, in whole hours. Agents tell with a delay, of a minute as a rule.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OutcomesWithin")]
struct WithinView {
    /// The beginning of the first hour, or of what is kept: a month, or less where there are many applications.
    #[schemars(with = "Time")]
    from: Timestamp,
    accepted: u64,
    duplicate: u64,
    rejected: u64,
    dropped: u64,
}

async fn within(State(app): State<App>, mut given: Given) -> Result<Json<WithinView>, Problem> {
    let of = given.text("app").map(|app| [app]);
    let range = given.range()?;
    given.end()?;
    let to = range.to.unwrap_or_else(|| Timestamp::now().as_micros());
    let from = range.from.unwrap_or_else(|| to.saturating_sub(DAY));
    let ToldWithin { told, from, .. } = app
        .ledger
        .within(of.as_ref().map(<[String; 1]>::as_slice), (from, to));
    Ok(Json(WithinView {
        from: Timestamp::from_micros(from),
        accepted: told.accepted,
        duplicate: told.duplicate,
        rejected: told.rejected,
        dropped: told.dropped,
    }))
}

async fn outcomes(State(app): State<App>) -> Json<OutcomesView> {
    let rows = app.ledger.rows().into_iter();
    Json(OutcomesView {
        outcomes: rows.map(LedgerView::from).collect(),
        ignored: app.intake.ignored.rows(),
        limited: app.intake.rates.rows(),
    })
}
