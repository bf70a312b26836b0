//! `/playbooks/{slug}`: what one says, how far its word goes, and what it did.

use maud::{Markup, html};

use super::super::access::{Reader, csrf};
use super::super::actions::table;
use super::super::explorer::link;
use super::super::text::{counted, short, time};
use super::{list, path, runs, words};
use crate::playbooks::{Current, Stage};
use crate::state::{Role, RunCount, RunRecord, Source, VersionRecord};

/// What the page is made of.
pub(super) struct Shown<'a> {
    pub(super) reader: &'a Reader,
    pub(super) current: &'a Current,
    pub(super) counts: Vec<RunCount>,
    /// How many of its actions are in force.
    pub(super) live: usize,
    pub(super) runs: Vec<RunRecord>,
    pub(super) versions: Vec<VersionRecord>,
}

impl Shown<'_> {
    pub(super) fn markup(&self) -> Markup {
        let (playbook, record) = (&self.current.playbook, &self.current.record);
        let edits = self.reader.may(Role::Operator);
        html! {
            section aria-labelledby="playbook" {
                div.tools {
                    h2 #playbook { (short(&playbook.name)) }
                    @if edits { a href={ (path(&record.slug)) "/edit" } { "Edit" } }
                }
                @if let Some(tripped) = &record.tripped { p.banner role="status" { "Put back to shadow: " (tripped) } }
                (words::description(&playbook.description))
                ul {
                    li { (words::rule(&playbook.rule)) }
                    @for said in words::rest(playbook) { li { (said) } }
                }
                p.note {
                    "Version " (record.version) " by " (short(&record.changed_by)) ", " (time(record.changed_at))
                    @if record.source == Source::File { ", from a file" }
                    ". Fired in 24 h: " (list::fired(&record.slug, &self.counts))
                }
            }
            (self.stage(edits))
            section aria-labelledby="runs" {
                div.tools {
                    h2 #runs { "Recent runs" }
                    a href=(link("/runs", [("playbook", record.slug.as_str())])) { "All of its runs" }
                }
                (runs::list(&self.runs, false, "It did not fire yet."))
            }
            section aria-labelledby="versions" {
                h2 #versions { "Versions" }
                (table("Versions", &["Version", "When", "Who", "From"], self.versions.iter().map(version)))
            }
            @if edits {
                details.card {
                    summary { "Remove this playbook" }
                    p { "It is forgotten, with its counts. What it put in force stays until it ends or is lifted." }
                    (self.button("remove", "Remove", None))
                }
            }
        }
    }

    fn stage(&self, edits: bool) -> Markup {
        let now = self.current.stage;
        let record = &self.current.record;
        html! {
            section aria-labelledby="stage" {
                h2 #stage { "Stage: " (now.name()) }
                p {
                    @match now {
                        Stage::Draft => "It is not evaluated.",
                        Stage::Shadow => "It is evaluated, and what it would have done is recorded. Nobody is blocked.",
                        Stage::Enforce => "It does what it says.",
                    }
                    " Set by " (short(&record.staged_by)) ", " (time(record.staged_at)) "."
                }
                @if edits {
                    div.buttons {
                        @for stage in Stage::ALL.into_iter().filter(|stage| *stage != now) {
                            (self.button("stage", &format!("Put to {}", stage.name()), Some(stage)))
                        }
                    }
                }
                @if self.live > 0 {
                    @let lift = match now {
                        Stage::Enforce => "Put to shadow and lift everything it did",
                        Stage::Draft | Stage::Shadow => "Lift everything it did",
                    };
                    p {
                        (counted(self.live as u64, "action")) " of it "
                        @if self.live == 1 { "is" } @else { "are" } " " a href="/actions#live" { "in force" } "."
                    }
                    @if edits { div.buttons { (self.button("undo", lift, None)) } }
                } @else { p.note { "Nothing that it did is in force." } }
            }
        }
    }

    /// Whether a playbook should be put to this stage after the present one.
    fn is_next(&self, stage: Stage) -> bool {
        matches!(
            (self.current.stage, stage),
            (Stage::Draft, Stage::Shadow) | (Stage::Shadow, Stage::Enforce)
        )
    }

    fn button(&self, does: &str, word: &str, stage: Option<Stage>) -> Markup {
        html! {
            form.inline method="post" action={ (path(&self.current.record.slug)) "/" (does) } {
                (csrf(self.reader))
                @if let Some(stage) = stage { input type="hidden" name="stage" value=(stage.name()); }
                button.second[stage.is_none_or(|stage| !self.is_next(stage))].bad[stage.is_none()] { (word) }
            }
        }
    }
}

fn version(version: &VersionRecord) -> Markup {
    html! {
        tr {
            td data-label="Version" { (version.version) }
            td data-label="When" { (time(version.at)) }
            td data-label="Who" { (short(&version.by)) }
            td data-label="From" { @match version.source { Source::File => "a file", Source::Edited => "the pages or the API" } }
        }
    }
}
