//! `GET /delivery`: what became of the events that agents captured, by the outcome ledger.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::access::Reader;
use super::page::{Here, document};
use super::room::{Tables, some};
use super::text::{grouped, moment, range, share, short, time};
use crate::api::Params;
use crate::ledger::{CountedBy, HOUR, LedgerRow, Source, ToldWithin, total};
use crate::server::App;

const PATH: &str = "/delivery";
/// The most bytes of each table's rows.
const OUTCOMES: usize = 50_000;
const IGNORED: usize = 25_000;
const LIMITED: usize = 15_000;
/// The most bytes of the reasons of one count.
const REASONS: usize = 3_000;

/// How complete the events of these applications are, or of all, around a range of time; nothing where nobody counts.
pub(super) fn completeness(app: &App, apps: Option<&[String]>, asked: (i64, i64)) -> Markup {
    let Some(pending) = app.ledger.pending(apps) else {
        return html! {};
    };
    let ToldWithin { told, from, is_cut } = app.ledger.within(apps, asked);
    let whom = match apps {
        None => "all apps".to_owned(),
        Some([app]) => app.clone(),
        Some(apps) => format!("{} apps", apps.len()),
    };
    let lost = told.lost();
    html! {
        p.completeness {
            a href=(PATH) { "Delivery" } " of " (short(&whom)) ", "
            @if asked.1 <= from {
                "was not counted then, only since " (moment(from)) "."
            } @else {
                "as told " (when(from, asked.1)) ": "
                (grouped(told.accepted)) " accepted, " (grouped(told.duplicate)) " sent twice and stored once, "
                span.bad[lost > 0] { (grouped(told.rejected)) " rejected, " (grouped(told.dropped)) " dropped" }
                @if lost > 0 { " (" (share(lost, told.all())) " lost)" }
                @if pending > 0 { "; " (grouped(pending)) " on their way now" }
                @if is_cut { ". It is not counted before" }
            }
        }
    }
}

/// The hours from this one to the end of a range.
fn when(from: i64, to: i64) -> String {
    let end = to.saturating_sub(1).div_euclid(HOUR).saturating_add(1);
    let end = end.saturating_mul(HOUR);
    if end > Timestamp::now().as_micros() {
        format!("since {}", moment(from))
    } else {
        range(from, end)
    }
}

/// `GET /delivery?outcomes=…`, or with the place in another of its tables.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    let content = markup(&app, Tables::new(PATH, &[], &params));
    document("Delivery", Some(Here::new(PATH, &reader)), &content).into_response()
}

fn markup(app: &App, tables: Tables<'_>) -> Markup {
    let rows = app.ledger.rows();
    let ignored = app.intake.ignored.rows();
    let limited = app.intake.rates.rows();
    html! {
        section aria-labelledby="outcomes" {
            h2 #outcomes { "What became of the events" }
            p.note {
                "Of all time, by app, host, agent and version. This project's agents count every event that an app "
                "tracked: it is in one of the columns. Others keep no such count: of theirs, the server counts what came."
            }
            @if rows.is_empty() {
                p { "Nothing is counted yet: the SDK tells its counts with its first heartbeat. " a href="/apps" { "See which agents are connected" } "." }
            } @else {
                (tables.table(
                    "outcomes",
                    ("Outcomes", &["App", "Host", "Agent", "Tracked", "Accepted", "Duplicate", "Rejected", "Dropped", "On their way", "Last told"]),
                    &rows, OUTCOMES, outcome,
                ))
            }
        }
        section aria-labelledby="ignored" {
            h2 #ignored { "Sent by agents, and not kept" }
            p.note { "Since the server started. What old agents report besides events is counted, and left out." }
            @if ignored.is_empty() { p { "Nothing was left out." } } @else {
                (tables.table(
                    "ignored",
                    ("Not kept", &["App", "Agent", "Kind", "Count"]),
                    &ignored, IGNORED, |row| html! {
                        tr {
                            td data-label="App" { (short(&row.app)) }
                            td data-label="Agent" { (short(&row.agent)) }
                            td data-label="Kind" { (short(&row.kind)) }
                            td.number data-label="Count" { (grouped(row.count)) }
                        }
                    },
                ))
            }
        }
        section aria-labelledby="limited" {
            h2 #limited { "Over the rate limit" }
            @if limited.is_empty() { p { "No app was over its limit since the server started." } } @else {
                (tables.table(
                    "limited",
                    ("Over the limit", &["App", "Batches sent again later", "Events stored nevertheless"]),
                    &limited, LIMITED, |row| html! {
                        tr {
                            td data-label="App" { (short(&row.app)) }
                            td.number data-label="Later" { (grouped(row.deferred_batches)) }
                            td.number data-label="Stored" { (grouped(row.events_over_limit)) }
                        }
                    },
                ))
            }
        }
    }
}

fn outcome(row: &LedgerRow) -> Markup {
    let LedgerRow { source, sum, .. } = row;
    let told = source.counted_by == CountedBy::Agent;
    html! {
        tr {
            td data-label="App" { @if source.app.is_empty() { small { "others" } } @else { (short(&source.app)) } }
            td data-label="Host" { @if source.other { small { "others" } } @else { (short(&source.host)) } }
            td data-label="Agent" {
                @if source.agent.is_empty() && source.version.is_empty() {
                    small { (unnamed(source)) }
                } @else { (short(&source.agent)) "/" (short(&source.version)) }
            }
            td.number data-label="Tracked" { (if_told(told.then_some(sum.tracked))) }
            td.number data-label="Accepted" { (grouped(sum.accepted)) }
            td.number data-label="Duplicate" { (grouped(sum.duplicate)) }
            td.number data-label="Rejected" { (reasons(&sum.rejected)) }
            td.number data-label="Dropped" { @if told { (reasons(&sum.dropped)) } @else { (if_told(None)) } }
            td.number data-label="On their way" { (if_told(told.then_some(sum.pending))) }
            td data-label="Last told" { @if let Some(heard) = row.heard { (time(heard)) } }
        }
    }
}

/// What a source without an agent is.
fn unnamed(source: &Source) -> &'static str {
    match (source.other, source.counted_by) {
        (true, _) => "others",
        (false, CountedBy::Agent) => "unknown version",
        (false, CountedBy::Server) => "no login",
    }
}

/// A count that old agents do not tell.
fn if_told(count: Option<u64>) -> Markup {
    html! { @match count { Some(count) => (grouped(count)), None => small { "not told" } } }
}

fn reasons(counts: &BTreeMap<String, u64>) -> Markup {
    let all = total(counts);
    let mut reasons: Vec<_> = counts.iter().filter(|(_, count)| **count > 0).collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let reason = |(reason, count): &(&String, &u64)| html! { " " br; small { (short(reason)) " " (grouped(**count)) } };
    html! {
        span {
            span.bad[all > 0] { (grouped(all)) }
            (some(reasons.iter(), REASONS, reason))
        }
    }
}
