//! What a playbook would have done over the last hours.

use std::future::ready;
use std::sync::Arc;

use axum::response::Response;
use futures_util::stream;
use maud::{Markup, html};
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;

use super::super::access::value;
use super::super::actions::table;
use super::super::text::{counted, grouped, short, time};
use super::editor::{HOURS, id};
use super::runs;
use crate::api::{Params, follow_backtest, run_backtest, sse_answer, sse_event};
use crate::fields::FieldError;
use crate::playbooks::{Backtest, Detection, Playbook, show_actor};
use crate::server::App;
use crate::store::TimeRange;

const BUSY: &str =
    "Other previews are running, or the events cannot be read now. Try again in a moment.";
const HOUR: i64 = 3_600_000_000;
/// The most firings that are listed.
const FIRINGS: usize = 20;
/// The most bars that all have a number below them.
const LABELS: usize = 12;
/// Of the curve, in pixels.
const HEIGHT: u64 = 120;
/// Above it, for a number.
const TOP: u64 = 16;

/// What the editor says of its playbook: one sentence, and what shows it.
pub(super) struct Preview {
    pub(super) said: Markup,
    pub(super) shown: Markup,
}

impl Preview {
    /// Before it was asked for.
    pub(super) fn none() -> Self {
        Self::plain("What it would have done with the events of the last hours is shown here.")
    }

    fn plain(said: &str) -> Self {
        Self {
            said: html! { (said) },
            shown: Markup::default(),
        }
    }

    /// Of a playbook over the hours that the form asks for.
    pub(super) async fn of(app: &App, playbook: Playbook, given: &Params) -> Self {
        let (name, range) = window(given);
        let playbook = Arc::new(playbook);
        match run_backtest(app, Arc::clone(&playbook), range).await {
            Ok(found) => Self::found(&found, &playbook, name),
            Err(_) => Self::plain(BUSY),
        }
    }

    fn found(found: &Backtest, playbook: &Playbook, hours: &str) -> Self {
        Self {
            said: said(found, hours),
            shown: shown(found, playbook),
        }
    }
}

/// The same as a stream, for script: `progress`, and then `done` or `failed`. Who hangs up cancels it.
pub(super) async fn follow(app: &App, playbook: Playbook, given: &Params) -> Response {
    let (name, range) = window(given);
    let playbook = Arc::new(playbook);
    let of = Arc::clone(&playbook);
    let done = move |found: Backtest| {
        let Preview { said, shown } = Preview::found(&found, &of, name);
        json!({"said": said.into_string(), "shown": shown.into_string()})
    };
    match follow_backtest(app, playbook, range, done).await {
        Ok(stream) => stream,
        Err(_) => tell("failed", &json!({"detail": BUSY})),
    }
}

/// For script: what is wrong at the field of the form that has this id.
pub(super) fn wrong(error: &FieldError) -> Response {
    let told =
        json!({"id": id(&error.field), "text": error.to_string(), "wrong": error.wrong.as_str()});
    tell("wrong", &told)
}

/// A stream of one event.
fn tell(name: &str, data: &Value) -> Response {
    let event = sse_event(name, data);
    sse_answer(stream::once(ready(Ok(event))))
}

/// What the chosen hours are called, and which they are.
fn window(given: &Params) -> (&'static str, TimeRange) {
    let asked = value(given, "hours").and_then(|text| text.parse().ok());
    let known = HOURS.into_iter().find(|(_, hours)| Some(*hours) == asked);
    let (name, hours) = known.unwrap_or(("24 hours", 24));
    let now = Timestamp::now().as_micros();
    let range = TimeRange {
        from: Some(now.saturating_sub(hours * HOUR)),
        to: Some(now),
    };
    (name, range)
}

fn said(found: &Backtest, hours: &str) -> Markup {
    html! {
        "In the last " (hours) ", "
        @if found.fired > 0 {
            "it would have fired " strong { (counted(found.fired, "time")) } " on " strong { (counted(found.actors, "actor")) }
            ", " (percent(found.share())) " of the " (grouped(found.seen)) " in these events. Of them, "
            (grouped(found.signed_in)) " signed in, and " (is(found.allowed)) " on the allow list."
        } @else if found.seen > 0 {
            "it would not have fired on any of the " (counted(found.seen, "actor")) " in these events."
        } @else {
            "there was no event for it."
        }
    }
}

/// A number of things that are.
fn is(number: u64) -> String {
    let verb = if number == 1 { "is" } else { "are" };
    format!("{} {verb}", grouped(number))
}

fn shown(found: &Backtest, playbook: &Playbook) -> Markup {
    let firings = || found.firings.iter().take(FIRINGS);
    html! {
        p.note {
            (counted(found.events, "event")) " looked at. "
            @if found.estimated { "The numbers of actors are estimates. " }
            @if found.evicted > 0 { (counted(found.evicted, "actor")) " had to be forgotten. " }
            @if found.curve_evicted > 0 { "The curve is too low, since actors had to be forgotten." }
        }
        @if !found.curve.is_empty() { (curve(found, playbook)) }
        @if found.fired > 0 {
            @let grouped = playbook.rule.group_by.is_some();
            @let heads = if grouped { &["When", "Actor", "Group"][..] } else { &["When", "Actor"] };
            h3 { "Whom it would have met" }
            (table("What it would have done", heads, firings().map(|firing| html! {
                tr {
                    td data-label="When" { (time(firing.at)) }
                    td data-label="Actor" { (runs::actor(&show_actor(&firing.actor))) }
                    @if grouped { td data-label="Group" { @if let Some(group) = &firing.group { (short(group)) } } }
                }
            })))
            @if found.fired > FIRINGS as u64 { p.note { "The newest " (FIRINGS) " are shown." } }
        }
    }
}

/// How many actors each threshold catches: a bar each, and the same as a table.
fn curve(found: &Backtest, playbook: &Playbook) -> Markup {
    let own = match &playbook.rule.detection {
        Detection::Threshold { events } => *events as f64,
        Detection::Distinct { values, .. } => *values as f64,
        Detection::Ratio { at_least, .. } => *at_least,
        Detection::FirstSeen { .. } => 0.0,
    };
    let points = &found.curve;
    let most = points
        .iter()
        .map(|point| point.actors)
        .max()
        .unwrap_or_default();
    if most == 0 {
        return html! { p.note { "No other threshold of a like size would have caught anybody." } };
    }
    let width = 100.0 / points.len() as f64;
    let ours = points.iter().position(|point| point.at_least == own);
    let ours = ours.unwrap_or_default();
    // Where there are many, phones have no room for a number below each.
    let step = if points.len() > LABELS { 2 } else { 1 };
    let bar = |place: usize, actors: u64| {
        let height = actors * HEIGHT / most;
        // Whatever there is can be seen.
        let height = if actors > 0 { height.max(2) } else { 0 };
        (
            format!("{:.2}%", place as f64 * width),
            format!("{:.2}%", width * 0.84),
            height,
        )
    };
    html! {
        figure aria-label="Actors against the threshold" {
            svg.curve aria-hidden="true" width="100%" height=(TOP + HEIGHT + 20) {
                @for (place, point) in points.iter().enumerate() {
                    @let (x, width, height) = bar(place, point.actors);
                    rect class=(if point.at_least == own { "c0" } else { "other" }) x=(x) y=(TOP + HEIGHT - height) width=(width) height=(height) {}
                    @if point.at_least == own || place == 0 { text x=(x) y=(TOP + HEIGHT - height - 4) { (grouped(point.actors)) } }
                    @if place.abs_diff(ours).is_multiple_of(step) { text x=(x) y=(TOP + HEIGHT + 15) { (point.at_least) } }
                }
            }
            figcaption { "Actors that a threshold would have caught; the playbook's own is in colour, with its number." }
        }
        details { summary { "The curve as a table" }
            (table("Actors against the threshold", &["At least", "Actors"], points.iter().map(|point| html! {
                tr {
                    td data-label="At least" { (point.at_least) @if point.at_least == own { " " span.mark { "this one" } } }
                    td data-label="Actors" { (grouped(point.actors)) }
                }
            })))
        }
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
