//! `/runs/{id}`: why a playbook fired, on what events, by whose word, and what came of it.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;
use sqreen::protocol::Timestamp;

use super::super::access::{Reader, Sent, csrf};
use super::super::actions::table;
use super::super::actor::Actor;
use super::super::page::{Here, refusal};
use super::super::room::{fit, start_in};
use super::super::text::{SHOWN, counted, grouped, short, start, time};
use super::super::{actions, event};
use super::after::Came;
use super::{document, path, read, runs, words};
use crate::playbooks::file::{self, Entry};
use crate::playbooks::{event_places, read_json, responses, stored};
use crate::server::App;
use crate::state::{ActionRecord, Id, Role, RunRecord, StateError};
use crate::store::StoredEvent;

/// The most events that are listed, if they are no more than these bytes; a run has 1,000 at most.
const EVENTS: usize = 100;
const ROWS: usize = 35_000;
/// The most bytes of the playbook's text; the API has it whole.
const TEXT: usize = 25_000;

fn unknown(reader: &Reader) -> Response {
    let reason = "There is no run of this id any more.";
    let here = Some(Here::new(super::PATH, reader));
    let page = refusal("Run", here, reason, &[("/runs", "Runs")]);
    (StatusCode::NOT_FOUND, page).into_response()
}

/// What the page is made of.
struct Explained {
    run: RunRecord,
    /// The version that fired, and who made it.
    version: Option<(Entry, String)>,
    /// The newest of its events that the store still has.
    events: Vec<StoredEvent>,
    /// Its actions, by their ids.
    actions: BTreeMap<String, ActionRecord>,
    /// `None` if it cannot be read.
    came: Option<Came>,
}

/// `GET /runs/{id}`.
pub(in super::super) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    reader: Reader,
) -> Result<Response, Response> {
    let id: Id = id.parse().map_err(|_| unknown(&reader))?;
    let explained = read(&app, move |shared| {
        let Some(run) = shared.state.run(id)? else {
            return Ok(None);
        };
        let version = shared.state.playbook_version(&run.slug, run.version)?;
        let version = version.and_then(|version| Some((stored(&version.body).ok()?, version.by)));
        let places = event_places(&run).into_iter().rev().take(EVENTS);
        let found = places.map(|(time, id)| shared.store.find(id, time));
        let events = found
            .collect::<Result<Vec<_>, _>>()
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the events of a run not read");
                Vec::new()
            });
        let mut actions = BTreeMap::new();
        for id in responses(&run)
            .into_iter()
            .flat_map(|response| response.ids)
        {
            if let Ok(known) = id.parse()
                && let Some(action) = shared.state.action(known)?
            {
                actions.insert(id, action);
            }
        }
        Ok::<_, StateError>(Some(Explained {
            run,
            version,
            events: events.into_iter().flatten().collect(),
            actions,
            came: None,
        }))
    });
    let mut explained = explained.await?.ok_or_else(|| unknown(&reader))?;
    explained.came = Came::of(&app, &explained.run).await;
    Ok(document("Run", &reader, &explained.markup(&reader)).into_response())
}

/// `POST /runs/{id}/undo`.
pub(in super::super) async fn undo(
    State(app): State<App>,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Response> {
    let id: Id = id.parse().map_err(|_| unknown(&sent.reader))?;
    let by = sent.reader.caller.clone();
    let undone = read(&app, move |shared| shared.responder().undo(id, &by));
    undone.await?.ok_or_else(|| unknown(&sent.reader))?;
    Ok(Redirect::to(&format!("/runs/{id}")).into_response())
}

impl Explained {
    fn markup(&self, reader: &Reader) -> Markup {
        let run = &self.run;
        html! {
            section aria-labelledby="run" {
                h2 #run { a href=(path(&run.slug)) { (short(self.name())) } " on " (runs::actor(&run.actor)) }
                p {
                    @match run.outcome.as_str() {
                        "enforced" => { "It fired, and did what it says." }
                        "shadowed" => { "It fired, and would have done this; its stage was " (run.stage) "." }
                        "recorded" => { "It fired. That is recorded, since it has no responses." }
                        "held" => { "It fired, and was held back." }
                        "failed" => { "It fired, and its responses could not all be taken." }
                        _ => { "It fired, and what comes of it is not known yet." }
                    }
                    @if let Some(reason) = &run.reason { " " strong { (reason) } }
                }
                @if let Some(group) = &run.group { p { "Within the group " (short(group)) "." } }
                p { "Counted: " (counts(&run.counted)) ". The last event was at " (time(run.at)) ", decided at " (time(run.decided_at)) "." }
                p { "It was in " (run.stage) " by the word of " strong { (short(&run.approved_by)) } "." }
                (self.undone(reader))
            }
            div.forms.did {
                section.card aria-labelledby="responses" {
                    h2 #responses { @if run.outcome == "shadowed" { "What it would have done" } @else { "What it did" } }
                    (self.responses())
                }
                section.card aria-labelledby="came" {
                    h2 #came { "What came after, within a day" }
                    @match &self.came {
                        Some(came) => (came.markup()),
                        None => p { "It cannot be read now." },
                    }
                }
            }
            section aria-labelledby="events" {
                h2 #events { "The events" }
                (self.events())
            }
            section aria-labelledby="version" {
                h2 #version { "The playbook as it was: version " (run.version) }
                (self.version())
            }
        }
    }

    /// The playbook's, as far as it is known.
    fn name(&self) -> &str {
        let version = self.version.as_ref();
        version.map_or(&self.run.slug, |(entry, _)| &entry.playbook.name)
    }

    fn undone(&self, reader: &Reader) -> Markup {
        let run = &self.run;
        html! {
            @if let Some(undone) = run.undone_at {
                p role="status" { "Undone by " (short(run.undone_by.as_deref().unwrap_or_default())) ", " (time(undone)) "." }
            } @else if reader.may(Role::Operator) && self.can_be_undone() {
                form.inline method="post" action={ "/runs/" (run.id) "/undo" } {
                    (csrf(reader))
                    button { "Undo" }
                }
                p.note { "It lifts the actions below that are in force." }
            }
        }
    }

    /// Something is in force, or may still come to be.
    fn can_be_undone(&self) -> bool {
        let now = Timestamp::now().as_micros();
        self.run.outcome.is_empty() || self.actions.values().any(|record| in_force(record, now))
    }

    fn responses(&self) -> Markup {
        let now = Timestamp::now().as_micros();
        let responses = responses(&self.run);
        html! {
            @if responses.is_empty() { p { "None." } } @else {
                ul.counts {
                    @for response in responses {
                        li {
                            (words::done(&response))
                            @for id in &response.ids {
                                @if let Some(record) = self.actions.get(id) {
                                    " " a href=(way(record, now)) { "action " (id) } " " span.mark { (record.state(now)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn events(&self) -> Markup {
        let all = event_places(&self.run).len() as u64;
        let found = read_json(&self.run.counted);
        let whole = number(&found, "values") == 0 && number(&found, "events") == all;
        let row = |event: &StoredEvent| {
            html! {
                tr {
                    td data-label="When" { a href=(event::link(event)) { (time(event.time)) } }
                    td data-label="Event" { (short(&event.name)) }
                    td data-label="Address" { @if let Some(ip) = event.ip { a href=[Actor::Ip(ip).link()] { (ip) } } }
                    td data-label="Path" { @if let Some(path) = &event.path { (short(path)) } }
                }
            }
        };
        let rows = fit(self.events.iter().map(row), ROWS);
        let shown = rows.len() as u64;
        html! {
            p.note {
                @if whole { (counted(all, "event")) " made it fire" }
                @else { (grouped(all)) " of the events that made it fire " (if all == 1 { "is" } else { "are" }) " kept with it" }
                @if shown < all { "; the newest " (grouped(shown)) " that are still stored are shown" }
                "."
            }
            @if !self.events.is_empty() {
                (table("Events of the run", &["When", "Event", "Address", "Path"], rows.into_iter()))
            }
        }
    }

    fn version(&self) -> Markup {
        html! {
            @match &self.version {
                None => p { "It is not stored any more." },
                Some((entry, by)) => {
                    p { (words::rule(&entry.playbook.rule)) }
                    p.note { "Written by " (short(by)) "." }
                    details { summary { "Its text" }
                        @let text = file::print(std::slice::from_ref(entry));
                        @let shown = start_in(&text, TEXT);
                        pre tabindex="0" { (shown) @if shown.len() < text.len() { "…" } }
                     }
                }
            }
        }
    }
}

/// The way to an action: those in force have a place of their own.
fn way(record: &ActionRecord, now: i64) -> String {
    match in_force(record, now) {
        true => actions::entry(&record.action),
        false => "/actions#past".to_owned(),
    }
}

fn in_force(record: &ActionRecord, now: i64) -> bool {
    record.action.is_live(now) && record.lifted_at.is_none()
}

/// A number of what was counted.
fn number(found: &Value, name: &str) -> u64 {
    found.get(name).and_then(Value::as_u64).unwrap_or_default()
}

/// What was counted, in words. Where values count, not every event is remembered.
fn counts(stored: &str) -> String {
    let found = read_json(stored);
    let [events, values, others] = ["events", "values", "others"].map(|name| number(&found, name));
    let least = if values > 0 { "at least " } else { "" };
    let mut said = vec![format!("{least}{}", counted(events, "event"))];
    if values > 0 {
        said.push(format!("{values} different values"));
    }
    if others > 0 {
        said.push(format!("{others} of the others"));
    }
    if let Some(value) = found.get("value").and_then(Value::as_str) {
        said.push(format!("the new value {}", start(value, SHOWN)));
    }
    said.join(", ")
}
