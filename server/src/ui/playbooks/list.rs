//! `/playbooks`: all of them, and the ways to a new one.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::access::Reader;
use super::super::explorer::link;
use super::super::room::Tables;
use super::super::text::{counted, short, time};
use super::{PATH, path, words};
use crate::playbooks::{Current, RunnerStats, templates};
use crate::state::{Role, RunCount};

/// The most bytes of the rows of a page.
const ROWS: usize = 55_000;

pub(super) fn markup(
    all: &[Arc<Current>],
    counts: &[RunCount],
    stats: &RunnerStats,
    tables: Tables<'_>,
    reader: &Reader,
) -> Markup {
    let edits = reader.may(Role::Operator);
    html! {
        section aria-labelledby="playbooks" {
            div.tools {
                h2 #playbooks { "Playbooks" }
                a href="/runs" { "All runs" }
                @if edits { a href="/playbooks/new" { "New playbook" } }
            }
            @if all.is_empty() {
                p {
                    "No playbook watches your events yet. "
                    @if edits { "Start from a template below, or from an empty one: it does nothing before you put it to shadow or enforce." }
                    @else { "An operator can add one." }
                }
            } @else {
                (tables.table(
                    "playbooks",
                    ("Playbooks", &["Name", "Stage", "Watches", "Fired in 24 h", "Last changed"]),
                    all, ROWS, |current| row(current, counts),
                ))
            }
            (forgotten(stats))
        }
        @if edits { (starts()) }
    }
}

/// What playbooks had to do without, if there is any.
fn forgotten(stats: &RunnerStats) -> Markup {
    let verb = |number| if number == 1 { "was" } else { "were" };
    let said = [
        (
            stats.engine.evicted,
            "actor",
            "forgotten before their time, since there were too many",
        ),
        (
            stats.engine.trimmed,
            "event",
            "forgotten before their time, since an actor had too many",
        ),
        (
            stats.engine.late,
            "event",
            "too late to count, by more than ten minutes",
        ),
        (
            stats.missed,
            "event",
            "not evaluated, since the server was too far behind",
        ),
    ];
    let mut said = said
        .into_iter()
        .filter(|(number, ..)| *number > 0)
        .peekable();
    html! {
        @if said.peek().is_some() {
            p.note {
                "So far, "
                @for (place, (number, what, why)) in said.enumerate() {
                    @if place > 0 { "; " }
                    (counted(number, what)) " " (verb(number)) " " (why)
                }
                ". A playbook may have fired later for it, or not at all."
            }
        }
    }
}

fn row(current: &Current, counts: &[RunCount]) -> Markup {
    let (playbook, record) = (&current.playbook, &current.record);
    html! {
        tr {
            td data-label="Name" { a href=(path(&record.slug)) { (short(&playbook.name)) } }
            td data-label="Stage" {
                span {
                    (words::stage(current.stage))
                    @if let Some(tripped) = &record.tripped { br; strong.bad { "Put back: " (short(tripped)) } }
                }
            }
            td data-label="Watches" { (short(&words::rule(&playbook.rule))) }
            td data-label="Fired in 24 h" { (fired(&record.slug, counts)) }
            td data-label="Last changed" { span { (time(record.changed_at)) " by " (short(&record.changed_by)) } }
        }
    }
}

/// How often it fired, by outcome, each with its runs.
pub(super) fn fired(slug: &str, counts: &[RunCount]) -> Markup {
    let ours: Vec<_> = counts.iter().filter(|count| count.slug == slug).collect();
    html! {
        @if ours.is_empty() { "0" } @else {
            span {
                @for count in ours {
                    a.pair href=(link("/runs", [("playbook", slug), ("outcome", count.outcome.as_str())])) {
                        (count.runs) " " (words::outcome(&count.outcome))
                    }
                    " "
                }
            }
        }
    }
}

fn starts() -> Markup {
    let mut families: Vec<&str> = templates().iter().map(|template| template.family).collect();
    families.dedup();
    html! {
        section aria-labelledby="templates" {
            h2 #templates { "Start from a template" }
            p.note { "Each says what your app must track for it." }
            @for family in families {
                details.card {
                    @let of_family = || templates().iter().filter(|template| template.family == family);
                    summary {
                        strong { (family) } " "
                        small { @for (place, template) in of_family().enumerate() { @if place > 0 { ", " } (template.entry.playbook.name) } }
                    }
                    div.forms {
                        @for template in of_family() {
                            @let playbook = &template.entry.playbook;
                            section {
                                h3 { (playbook.name) }
                                (words::description(&playbook.description))
                                p.note { (words::rule(&playbook.rule)) }
                                p { a href=(link(&format!("{PATH}/new"), [("template", playbook.slug.as_str())])) { "Use " (playbook.name) } }
                            }
                        }
                    }
                }
            }
        }
    }
}
