//! `GET /apps`: the applications, the agents that are connected, and the tokens by their names.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::actions::table;
use super::explorer::{link, test};
use super::page::document;
use super::text::{counted, duration, grouped, short, time};
use crate::server::{App, blocking};
use crate::sessions::Agent;
use crate::state::TokenRecord;
use crate::store::{Dimension, Field, Filter, Group, GroupQuery, Groups, ScanMonitor, TimeRange};

const PATH: &str = "/apps";
const DAY: i64 = 86_400_000_000;
/// The most rows of one table.
const ROWS: usize = 500;
/// The most agents that are looked at.
const AGENTS: usize = 20_000;

/// What the page shows.
struct Known {
    apps: Vec<String>,
    tokens: Vec<TokenRecord>,
    /// The events of the last day by their applications.
    events: Groups,
}

pub(super) async fn show(State(app): State<App>) -> Response {
    let shared = Arc::clone(&app);
    let (status, content) = match blocking(move || read(&shared)).await {
        Ok(Ok(known)) => (StatusCode::OK, markup(&app, &known)),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, unread(error.as_ref())),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, unread(&error)),
    };
    (status, document("Apps", Some(PATH), &content)).into_response()
}

fn read(app: &App) -> Result<Known, Box<dyn std::error::Error + Send + Sync>> {
    let query = GroupQuery {
        filter: Filter::default(),
        range: TimeRange {
            from: Some(Timestamp::now().as_micros().saturating_sub(DAY)),
            to: None,
        },
        by: Field::Dimension(Dimension::App),
        limit: GroupQuery::MAX_LIMIT,
        distinct: false,
    };
    Ok(Known {
        apps: app.state.apps()?,
        tokens: app.state.tokens()?,
        events: app.store.groups(&query, &ScanMonitor::new())?,
    })
}

fn unread(error: &(dyn std::error::Error + 'static)) -> Markup {
    tracing::error!(error, "applications not read");
    html! { p role="alert" { "The applications cannot be read now. The server's log says why; try again." } }
}

fn markup(app: &App, known: &Known) -> Markup {
    let agents = app.sessions.agents(AGENTS);
    let mut names: Vec<&str> = known.apps.iter().map(String::as_str).collect();
    names.extend(agents.iter().map(|(agent, _)| agent.app.as_str()));
    names.extend(known.events.rows.iter().map(|group| group.value.as_str()));
    names.sort_unstable();
    names.dedup();
    let tokens: Vec<_> = known.tokens.iter().collect();
    html! {
        section aria-labelledby="apps" {
            h2 #apps { "Apps" }
            @if names.is_empty() {
                p { "No app yet: an agent that logs in with the ingest token brings its app along." }
            } @else {
                (table("Apps", &["App", "Agents connected", "Last heard", "Events of the last 24 h", "Newest of them"],
                    names.iter().take(ROWS).map(|name| {
                        let events = known.events.rows.iter().find(|group| group.value == **name);
                        row(name, &agents, events)
                    })))
                @if names.len() > ROWS { p.note { "And " (counted((names.len() - ROWS) as u64, "app")) " more." } }
            }
        }
        section aria-labelledby="agents" {
            h2 #agents { "Agents connected now" }
            @if agents.is_empty() { p { "No agent is connected." } } @else {
                (table("Agents", &["App", "Host", "Version", "Environment", "Process", "Heard"],
                    agents.iter().rev().take(ROWS).map(|(agent, silence)| agent_row(agent, silence.as_secs()))))
                @if agents.len() > ROWS { p.note { "And " (counted((agents.len() - ROWS) as u64, "agent")) " more, heard longer ago." } }
            }
        }
        section aria-labelledby="tokens" {
            h2 #tokens { "Tokens" }
            p.note { "Made and revoked by " code { "sqreen-server token" } "; those of the configuration are not listed." }
            @if tokens.is_empty() { p { "No token is stored." } } @else {
                (table("Tokens", &["Name", "For", "Made", "Last used, to the hour", ""], tokens.iter().rev().take(ROWS).map(|token| token_row(token))))
            }
        }
    }
}

fn row(name: &str, agents: &[(Arc<Agent>, std::time::Duration)], events: Option<&Group>) -> Markup {
    let own = agents.iter().filter(|(agent, _)| agent.app == name);
    let count = own.clone().count() as u64;
    let heard = own.map(|(_, silence)| silence.as_secs()).min();
    let filter = test(&Field::Dimension(Dimension::App), name);
    html! {
        tr {
            td data-label="App" {
                @match filter { Some(filter) => a href=(link("/", [("filter", filter.as_str())])) { (short(name)) }, None => (short(name)) }
            }
            td.number data-label="Agents" { (grouped(count)) }
            td data-label="Last heard" { @if let Some(heard) = heard { (duration(heard)) " ago" } @else { small { "not since the server started" } } }
            td.number data-label="Events" { (grouped(events.map_or(0, |group| group.events))) }
            td data-label="Newest" { @if let Some(group) = events { (time(group.last)) } }
        }
    }
}

fn agent_row(agent: &Agent, silence: u64) -> Markup {
    html! {
        tr {
            td data-label="App" { (short(&agent.app)) }
            td data-label="Host" { @if let Some(host) = &agent.hostname { (short(host)) } }
            td data-label="Version" { @if let Some(label) = &agent.label { (short(label)) } }
            td data-label="Environment" { @if let Some(environment) = &agent.environment { (short(environment)) } }
            td.number data-label="Process" { @if let Some(process) = agent.process { (process) } }
            td data-label="Heard" { (duration(silence)) " ago" }
        }
    }
}

fn token_row(token: &TokenRecord) -> Markup {
    html! {
        tr {
            td data-label="Name" { @if token.comment.is_empty() { (token.id) } @else { (short(&token.comment)) } }
            td data-label="For" {
                span { (token.kind.name()) @if let Some(app) = &token.app { " " (short(app)) } }
            }
            td data-label="Made" { (time(token.created_at)) }
            td data-label="Last used" { @match token.used_at { Some(used) => (time(used)), None => small { "never" } } }
            td { @if let Some(revoked) = token.revoked_at { span { "revoked " (time(revoked)) } } }
        }
    }
}
