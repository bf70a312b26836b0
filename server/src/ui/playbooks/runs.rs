//! `/runs?playbook=…&outcome=…&actor=…&before=…`: each time that a playbook fired.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::super::access::{Reader, csrf, value};
use super::super::actions::table;
use super::super::actor::Actor;
use super::super::explorer::link;
use super::super::room::{cut, fit};
use super::super::text::{counted, short, time};
use super::{document, path, read, words};
use crate::api::Params;
use crate::playbooks::engine::actors_of;
use crate::playbooks::{self, Current, Outcome, read_actor, responses, show_actor};
use crate::server::{App, blocking};
use crate::state::{Role, RunQuery, RunRecord, StateError};

const PATH: &str = "/runs";
/// How many runs a page shows, if they are no more than these bytes.
const PAGE: usize = 50;
const ROWS: usize = 65_000;
/// The most bytes of the playbooks that the form offers.
const OFFERED: usize = 25_000;
/// The most runs that the page of an actor shows.
const OF_ACTOR: usize = 10;

/// `GET /runs`.
pub(in super::super) async fn show(
    State(app): State<App>,
    Query(params): Query<Params>,
    reader: Reader,
) -> Result<Response, Response> {
    let given = |name| {
        value(&params, name)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    };
    let [slug, outcome, actor] = ["playbook", "outcome", "actor"].map(given);
    let before = given("before").and_then(|text| text.parse().ok());
    let [of, came, on] = [slug, outcome, actor].map(|text| text.map(str::to_owned));
    let (runs, live) = read(&app, move |shared| {
        let query = RunQuery {
            slug: of.as_deref(),
            outcome: came.as_deref(),
            actor: on.as_deref(),
            since: None,
            before,
        };
        let now = Timestamp::now().as_micros();
        let live = match &of {
            Some(slug) => shared.state.live_actions_of(slug, now)?.len(),
            None => 0,
        };
        Ok((shared.state.runs(query, PAGE + 1)?, live))
    })
    .await?;
    let rows = fit(runs.iter().take(PAGE).map(|run| row(run, true)), ROWS);
    let next = cut(&runs, rows.len()).map(|last| {
        let row = last.row.to_string();
        let before = ("before", row.as_str());
        let kept = [("playbook", slug), ("outcome", outcome), ("actor", actor)];
        let kept = kept
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)));
        link(PATH, kept.chain([before]))
    });
    let (_, all) = app.playbooks.current();
    let option = |current: &Arc<Current>| {
        let own = current.record.slug.as_str();
        html! { option value=(own) selected[slug == Some(own)] { (short(&current.playbook.name)) } }
    };
    let offered = fit(all.iter().map(option), OFFERED);
    let known = all
        .iter()
        .take(offered.len())
        .any(|current| Some(current.record.slug.as_str()) == slug);
    let content = html! {
        section aria-labelledby="runs" {
            h2 #runs { "Runs" }
            p.note { "A run is one time that a playbook fired on one actor." }
            form.card.row method="get" action=(PATH) {
                    label { "Playbook"
                        select name="playbook" {
                            option value="" { "all" }
                            // One that is gone, or has no room below.
                            @if let Some(other) = slug.filter(|_| !known) { option value=(other) selected { (short(other)) } }
                            @for option in &offered { (option) }
                        }
                    }
                    label { "Outcome"
                        select name="outcome" {
                            option value="" { "all" }
                            @for each in Outcome::ALL {
                                option value=(each.name()) selected[outcome == Some(each.name())] { (words::outcome(each.name())) }
                            }
                        }
                    }
                    label { "Address, range or user as JSON" input name="actor" value=[actor] autocomplete="off" autocapitalize="none"; }
                button { "Show" }
            }
            @if let Some(gone) = slug.filter(|_| !known && live > 0 && reader.may(Role::Operator)) {
                form.card method="post" action={ (path(gone)) "/undo" } {
                    (csrf(&reader))
                    p { "The playbook was removed, and " (counted(live as u64, "action")) " of it " @if live == 1 { "is" } @else { "are" } " in force." }
                    button.second.bad { "Lift everything it did" }
                }
            }
            @if runs.is_empty() && params.is_empty() {
                p { "No playbook has fired yet. One that is in shadow or enforced does: " a href="/playbooks" { "see all playbooks" } "." }
            } @else { (table_of(rows, true, "No playbook fired like this.")) }
            @if let Some(next) = next { nav aria-label="Runs" { a rel="next" href=(next) { "Older runs" } } }
        }
    };
    Ok(document("Runs", &reader, &content).into_response())
}

/// The runs as a table, with their playbooks where these are several, or what is said if there are none.
pub(super) fn list(runs: &[RunRecord], several: bool, none: &str) -> Markup {
    let rows = runs.iter().map(|run| row(run, several));
    table_of(rows.collect(), several, none)
}

fn table_of(rows: Vec<Markup>, several: bool, none: &str) -> Markup {
    let heads = match several {
        true => &["When", "Playbook", "Actor", "Outcome", "Responses"][..],
        false => &["When", "Actor", "Outcome", "Responses"],
    };
    html! {
        @if rows.is_empty() { p { (none) } } @else {
            (table("Runs", heads, rows.into_iter()))
        }
    }
}

fn row(run: &RunRecord, several: bool) -> Markup {
    html! {
        tr {
            td data-label="When" { a href={ (PATH) "/" (run.id) } { (time(run.decided_at)) } }
            @if several { td data-label="Playbook" { a href=(path(&run.slug)) { (short(&run.slug)) } } }
            td data-label="Actor" { (actor(&run.actor)) }
            td data-label="Outcome" {
                span {
                    (words::outcome(&run.outcome))
                    @if run.undone_at.is_some() { " " span.mark { "undone" } }
                    @if let Some(reason) = &run.reason { br; small { (short(reason)) } }
                }
            }
            td data-label="Responses" {
                span { @for response in responses(run) { span.pair { (short(&words::done(&response))) } " " } }
            }
        }
    }
}

/// Whom a run concerns, with the way to their page where they have one.
pub(super) fn actor(stored: &str) -> Markup {
    let (name, page) = match read_actor(stored) {
        Some(playbooks::Actor::Ip(net)) if net.prefix_len() == net.max_prefix_len() => {
            (stored.to_owned(), Some(Actor::Ip(net.addr())))
        }
        Some(playbooks::Actor::User(pairs)) => {
            let user = Actor::User(pairs.into_iter().collect());
            (user.to_string(), Some(user))
        }
        _ => (stored.to_owned(), None),
    };
    html! {
        @match page {
            Some(page) => a href=[page.link()] { (short(&name)) },
            None => (short(&name)),
        }
    }
}

/// What playbooks did to an actor, for their page, or to the range of an address; nothing if they did nothing.
pub(in super::super) async fn of_actor(app: &App, actor: &Actor) -> Markup {
    let stored = match actor {
        Actor::Ip(ip) => actors_of(*ip).map(playbooks::Actor::Ip).to_vec(),
        Actor::User(pairs) => vec![playbooks::Actor::User(pairs.iter().cloned().collect())],
    };
    let mut stored: Vec<_> = stored.iter().map(show_actor).collect();
    stored.dedup();
    let (shared, of) = (Arc::clone(app), stored.clone());
    let runs = blocking(move || {
        let mut runs = Vec::new();
        for actor in &of {
            let query = RunQuery {
                actor: Some(actor),
                ..RunQuery::default()
            };
            runs.extend(shared.state.runs(query, OF_ACTOR)?);
        }
        runs.sort_by_key(|run| Reverse(run.row));
        runs.truncate(OF_ACTOR);
        Ok::<_, StateError>(runs)
    });
    let runs = match runs.await {
        Ok(Ok(runs)) => runs,
        Ok(Err(error)) => unread(&error),
        Err(error) => unread(&error),
    };
    html! {
        @if !runs.is_empty() {
            section aria-labelledby="playbook-runs" {
                div.tools {
                    h2 #playbook-runs { "Playbooks that fired" }
                    @for actor in &stored {
                        @if runs.iter().any(|run| run.actor == *actor) {
                            a href=(link(PATH, [("actor", actor.as_str())])) { "All runs on " (short(actor)) }
                        }
                    }
                }
                (list(&runs, true, ""))
            }
        }
    }
}

fn unread(error: &dyn std::fmt::Display) -> Vec<RunRecord> {
    tracing::error!(%error, "the runs of an actor not read");
    Vec::new()
}
