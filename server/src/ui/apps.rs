//! `GET /apps`: the applications, the agents that are connected, and the tokens by their names.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::actions::table;
use super::explorer::{link, test};
use super::page::document;
use super::text::{counted, duration, grouped, short, time};
use crate::apps::{Application, Overview, overview};
use crate::server::{App, blocking};
use crate::sessions::Agent;
use crate::state::TokenRecord;
use crate::store::{Dimension, Field};

const PATH: &str = "/apps";
/// The most rows of one table.
const ROWS: usize = 500;

pub(super) async fn show(State(app): State<App>) -> Response {
    let shared = Arc::clone(&app);
    let (status, content) = match blocking(move || overview(&shared)).await {
        Ok(Ok(known)) => (StatusCode::OK, markup(&known)),
        Ok(Err(error)) => (StatusCode::SERVICE_UNAVAILABLE, unread(&error)),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, unread(&error)),
    };
    (status, document("Apps", Some(PATH), &content)).into_response()
}

fn unread(error: &(dyn std::error::Error + 'static)) -> Markup {
    tracing::error!(error, "applications not read");
    html! { p role="alert" { "The applications cannot be read now. The server's log says why; try again." } }
}

fn markup(known: &Overview) -> Markup {
    let Overview {
        apps,
        agents,
        tokens,
    } = known;
    html! {
        section aria-labelledby="apps" {
            h2 #apps { "Apps" }
            @if apps.is_empty() {
                p { "No app yet: an agent that logs in with the ingest token brings its app along. " a href="/" { "See the lines to add to yours" } }
            } @else {
                (table("Apps", &["App", "Agents connected", "Last heard", "Events of the last 24 h", "Newest of them"],
                    apps.iter().take(ROWS).map(|(name, app)| row(name, app))))
                @if apps.len() > ROWS { p.note { "And " (counted((apps.len() - ROWS) as u64, "app")) " more." } }
            }
        }
        section aria-labelledby="agents" {
            h2 #agents { "Agents connected now" }
            @if agents.is_empty() { p { "No agent is connected." } } @else {
                (table("Agents", &["App", "Host", "Version", "Environment", "Process", "Heard"],
                    agents.iter().take(ROWS).map(|(agent, silence)| agent_row(agent, silence.as_secs()))))
                @if agents.len() > ROWS { p.note { "And " (counted((agents.len() - ROWS) as u64, "agent")) " more, heard longer ago." } }
            }
        }
        section aria-labelledby="tokens" {
            h2 #tokens { "Tokens" }
            p.note { "Made and revoked by " code { "sqreen-server token" } "; those of the configuration are not listed." }
            @if tokens.is_empty() { p { "No token is stored." } } @else {
                (table("Tokens", &["Name", "For", "Made", "Last used, to the hour", ""], tokens.iter().take(ROWS).map(token_row)))
            }
        }
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
