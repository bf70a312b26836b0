//! `GET /apps`: the applications, the agents that are connected, and the tokens.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::access::Reader;
use super::explorer::{link, test};
use super::page::{Here, document};
use super::room::Tables;
use super::text::{counted, duration, grouped, short, time};
use super::tokens;
use crate::api::Params;
use crate::apps::{Application, Overview, overview};
use crate::ingest::RefusedFrom;
use crate::server::{App, scanning};
use crate::sessions::LoggedIn;
use crate::state::Role;
use crate::store::{Dimension, Field};

pub(super) const PATH: &str = "/apps";
/// The most bytes of each table's rows.
const APPS: usize = 22_000;
const AGENTS: usize = 16_000;
const REFUSED: usize = 8_000;

/// `GET /apps?apps=…`, or with the place in another of its tables.
pub(super) async fn show(
    State(app): State<App>,
    reader: Reader,
    Query(params): Query<Params>,
) -> Response {
    let said = tokens::Said::Nothing;
    page(&app, &reader, &params, StatusCode::OK, &said).await
}

/// The page, with what became of a form of it and the status that tells so.
pub(super) async fn page(
    app: &App,
    reader: &Reader,
    params: &Params,
    status: StatusCode,
    said: &tokens::Said,
) -> Response {
    let shared = Arc::clone(app);
    let (status, content) = match scanning(move |monitor| Ok(overview(&shared, monitor))).await {
        Ok(Ok(known)) => (
            status,
            markup(&known, reader, Tables::new(PATH, &[], params), said),
        ),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, unread(&error)),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, unread(&error)),
    };
    (
        status,
        document("Apps", Some(Here::new(PATH, reader)), &content),
    )
        .into_response()
}

fn unread(error: &(dyn std::error::Error + 'static)) -> Markup {
    tracing::error!(error, "applications not read");
    html! { p role="alert" { "The applications cannot be read now. The server's log says why; try again." } }
}

fn markup(known: &Overview, reader: &Reader, tables: Tables<'_>, said: &tokens::Said) -> Markup {
    let Overview {
        apps,
        agents,
        refused: (refused, from),
        tokens: of_tokens,
    } = known;
    let apps: Vec<_> = apps.iter().collect();
    let (silent, connected): (Vec<_>, Vec<_>) = agents.iter().partition(|agent| agent.is_silent());
    html! {
        (tokens::made(said))
        section aria-labelledby="apps" {
            h2 #apps { "Apps" }
            @if apps.is_empty() {
                p {
                    "No app yet: an agent that logs in brings its app along. Give your app "
                    @if reader.may(Role::Admin) { a href="#make" { "a token" } } @else { "a token" }
                    " as " code { "SQREEN_TOKEN" } "."
                }
            } @else {
                (tables.table(
                    "apps",
                    ("Apps", &["App", "Agents connected", "Last heard", "Events of the last 24 h", "Newest of them"]),
                    &apps, APPS, |(name, app)| row(name, app),
                ))
            }
        }
        section aria-labelledby="agents" {
            h2 #agents { "Agents connected now" }
            @if connected.is_empty() { p { "No agent is connected." } } @else {
                (agents_table(tables, ("agents", "Agents", "Heard"), &connected))
            }
        }
        @if !silent.is_empty() {
            section aria-labelledby="silent" {
                h2 #silent { "Agents that fell silent" }
                p.note { "They have missed two heartbeats: they ended without logging out, or are cut off. After an hour they are taken for ended." }
                (agents_table(tables, ("silent", "Silent agents", "Silent since"), &silent))
            }
        }
        @if let Some(last) = from.first() { (refused_agents(*refused, last, from, tables, reader)) }
        (tokens::section(of_tokens, reader, tables, said))
    }
}

fn row(name: &str, app: &Application) -> Markup {
    let heard = app.silence.map(|silence| silence.as_secs());
    let events = app.events.as_ref();
    let filter = test(&Field::Dimension(Dimension::App), name);
    html! {
        tr {
            td data-label="App" {
                @match filter { Some(filter) => a href=(link("/", [("filter", filter.as_str())])) { (short(name)) }, None => (short(name)) }
            }
            td.number data-label="Agents" { (grouped(app.agents)) }
            td data-label="Last heard" { @if let Some(heard) = heard { (duration(heard)) " ago" } @else { small { "not since the server started" } } }
            td.number data-label="Events" { (grouped(events.map_or(0, |group| group.events))) }
            td data-label="Newest" { @if let Some(group) = events { (time(group.last)) } }
        }
    }
}

fn agents_table(
    tables: Tables<'_>,
    (of, name, heard): (&str, &str, &str),
    agents: &[&LoggedIn],
) -> Markup {
    let heads = ["App", "Host", "Version", "Environment", "Process", heard];
    tables.table(of, (name, &heads), agents, AGENTS, |agent| {
        agent_row(agent, heard)
    })
}

fn agent_row(logged_in: &LoggedIn, heard: &str) -> Markup {
    let LoggedIn { agent, silence } = logged_in;
    html! {
        tr {
            td data-label="App" { (short(&agent.app)) }
            td data-label="Host" { @if let Some(host) = &agent.hostname { (short(host)) } }
            td data-label="Version" { @if let Some(label) = &agent.label { (short(label)) } }
            td data-label="Environment" { @if let Some(environment) = &agent.environment { (short(environment)) } }
            td.number data-label="Process" { @if let Some(process) = agent.process { (process) } }
            td data-label=(heard) {
                @if logged_in.is_silent() { (time(ago(*silence))) " " small { (duration(silence.as_secs())) } }
                @else { (duration(silence.as_secs())) " ago" }
            }
        }
    }
}

/// Agents that cannot log in, and that no other page would show.
fn refused_agents(
    requests: u64,
    last: &RefusedFrom,
    from: &[RefusedFrom],
    tables: Tables<'_>,
    reader: &Reader,
) -> Markup {
    html! {
        section aria-labelledby="refused" {
            h2 #refused { "Refused agents" }
            p {
                strong.bad { (counted(requests, "request")) " without a token that is known" }
                ", since the server started; the last at " (time(last.last))
                @if let Some(ip) = last.ip { " from " (ip) }
                ". The agent there has no token, or one that was mistyped or revoked: give its app "
                @if reader.may(Role::Admin) { a href="#make" { "another" } } @else { "another" }
                " as " code { "SQREEN_TOKEN" } "."
            }
            (tables.table("refused", ("Refused agents", &["From", "App that it names", "Requests", "Last"]), from, REFUSED,
                |from| html! {
                    tr {
                        td data-label="From" { @match from.ip { Some(ip) => (ip), None => "unknown" } }
                        td data-label="App that it names" { @if let Some(app) = &from.app { (short(app)) } }
                        td.number data-label="Requests" { (grouped(from.requests)) }
                        td data-label="Last" { (time(from.last)) }
                    }
                }))
            @let listed = from.iter().fold(0, |sum: u64, from| sum.saturating_add(from.requests));
            @if requests > listed { p.note { "And " (counted(requests.saturating_sub(listed), "request")) " from elsewhere, before." } }
        }
    }
}

/// When this long ago was, in microseconds since the Unix epoch.
fn ago(silence: Duration) -> i64 {
    let micros = i64::try_from(silence.as_micros()).unwrap_or(i64::MAX);
    Timestamp::now().as_micros().saturating_sub(micros)
}
