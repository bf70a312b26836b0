//! `GET /delivery`: what became of the events that agents captured, by the outcome ledger.

use std::collections::BTreeMap;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::access::Reader;
use super::page::{Here, document};
use super::room::{Tables, some};
use super::text::{grouped, share, short};
use crate::api::Params;
use crate::ledger::LedgerRow;
use crate::server::App;

const PATH: &str = "/delivery";
/// The most bytes of each table's rows.
const OUTCOMES: usize = 50_000;
const IGNORED: usize = 25_000;
const LIMITED: usize = 15_000;
/// The most bytes of the reasons of one count.
const REASONS: usize = 3_000;
/// The most agents that are looked through for their versions.
const AGENTS: usize = 20_000;

#[derive(Default)]
struct Sums {
    tracked: u64,
    accepted: u64,
    duplicate: u64,
    rejected: u64,
    dropped: u64,
    pending: u64,
}

impl Sums {
    fn of<'a>(rows: impl Iterator<Item = &'a LedgerRow>) -> Self {
        rows.fold(Self::default(), |sums, row| Self {
            tracked: sums.tracked.saturating_add(row.tracked),
            accepted: sums.accepted.saturating_add(row.accepted),
            duplicate: sums.duplicate.saturating_add(row.duplicate),
            rejected: sums.rejected.saturating_add(total(&row.rejected)),
            dropped: sums.dropped.saturating_add(total(&row.dropped)),
            pending: sums.pending.saturating_add(row.pending),
        })
    }
}

fn total(counts: &BTreeMap<String, u64>) -> u64 {
    counts
        .values()
        .fold(0, |sum, count| sum.saturating_add(*count))
}

/// How complete the events of these applications are, or of all; nothing where no agent has told.
pub(super) fn completeness(app: &App, apps: Option<&[String]>) -> Markup {
    let rows = app.ledger.rows();
    let of = |row: &&LedgerRow| apps.is_none_or(|apps| apps.contains(&row.app));
    let sums = Sums::of(rows.iter().filter(of));
    let whom = match apps {
        None => "all apps".to_owned(),
        Some([app]) => app.clone(),
        Some(apps) => format!("{} apps", apps.len()),
    };
    let lost = sums.rejected.saturating_add(sums.dropped);
    html! {
        @if sums.tracked > 0 {
            p.completeness {
                a href=(PATH) { "Delivery" } " of " (short(&whom)) " so far: "
                (grouped(sums.accepted)) " accepted, " (grouped(sums.duplicate)) " sent twice and stored once, "
                span.bad[lost > 0] { (grouped(sums.rejected)) " rejected, " (grouped(sums.dropped)) " dropped" }
                ", " (grouped(sums.pending)) " on their way"
                @if lost > 0 { " (" (share(lost, sums.tracked)) " lost)" }
            }
        }
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
    let versions = versions(app);
    let ignored = app.intake.ignored.rows();
    let limited = app.intake.rates.rows();
    html! {
        section aria-labelledby="outcomes" {
            h2 #outcomes { "What became of the events" }
            p.note {
                "As the agents count, since each started: every event that an app tracked is in one of the columns. "
                "Old agents keep no such count."
            }
            @if rows.is_empty() {
                p { "No agent has told yet: the SDK does with its first heartbeat. " a href="/apps" { "See which agents are connected" } "." }
            } @else {
                (tables.table(
                    "outcomes",
                    ("Outcomes", &["App", "Host", "Version", "Tracked", "Accepted", "Duplicate", "Rejected", "Dropped", "On their way"]),
                    &rows, OUTCOMES, |row| outcome(row, &versions),
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

/// The agents' versions by application and host, of those that are connected.
fn versions(app: &App) -> BTreeMap<(String, String), Vec<String>> {
    let mut versions: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for (agent, _) in app.sessions.agents(AGENTS) {
        let (Some(host), Some(label)) = (agent.hostname.clone(), agent.label.clone()) else {
            continue;
        };
        let known = versions.entry((agent.app.clone(), host)).or_default();
        if !known.contains(&label) {
            known.push(label);
        }
    }
    versions
}

fn outcome(row: &LedgerRow, versions: &BTreeMap<(String, String), Vec<String>>) -> Markup {
    let known = versions.get(&(row.app.clone(), row.host.clone()));
    html! {
        tr {
            td data-label="App" { (short(&row.app)) }
            td data-label="Host" { (short(&row.host)) }
            td data-label="Version" {
                @match known { Some(known) => (short(&known.join(", "))), None => small { "not connected" } }
            }
            td.number data-label="Tracked" { (grouped(row.tracked)) }
            td.number data-label="Accepted" { (grouped(row.accepted)) }
            td.number data-label="Duplicate" { (grouped(row.duplicate)) }
            td.number data-label="Rejected" { (reasons(&row.rejected)) }
            td.number data-label="Dropped" { (reasons(&row.dropped)) }
            td.number data-label="On their way" { (grouped(row.pending)) }
        }
    }
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
