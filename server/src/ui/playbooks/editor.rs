//! The editor's form. What was typed stays, and what is wrong is said at its field.

use maud::{Markup, html};

use super::super::access::{Reader, csrf, value};
use super::super::actions::table;
use super::super::text::short;
use super::fields::{DETECTIONS, RESPONSES};
use super::preview::Preview;
use super::{PATH, path, words};
use crate::api::Params;
use crate::fields::FieldError;
use crate::playbooks::{ActorKind, limits};
use crate::state::Kind;

/// The form's id.
const FORM: &str = "playbook-form";
/// For how long back a preview looks, in hours.
pub(super) const HOURS: [(&str, i64); 4] = [
    ("1 hour", 1),
    ("6 hours", 6),
    ("24 hours", 24),
    ("7 days", 168),
];

/// That a version came in between.
pub(super) struct Conflict {
    /// The present one, 0 if it was removed.
    pub(super) version: i64,
    pub(super) by: String,
    /// What it changed: the field, what it was, what it is.
    pub(super) changes: Vec<[String; 3]>,
}

/// What the page is made of.
pub(super) struct Editor<'a> {
    pub(super) reader: &'a Reader,
    /// The one that is edited; `None` for a new one.
    pub(super) slug: Option<&'a str>,
    pub(super) given: &'a Params,
    /// The version that saving takes the place of; 0 for a new one.
    pub(super) version: i64,
    /// Whether the version came from a file.
    pub(super) from_file: bool,
    /// How many tests it has.
    pub(super) tests: usize,
    pub(super) wrong: Option<&'a FieldError>,
    pub(super) conflict: Option<&'a Conflict>,
    pub(super) preview: Preview,
}

impl Editor<'_> {
    pub(super) fn markup(&self) -> Markup {
        let action = self
            .slug
            .map_or_else(|| format!("{PATH}/new"), |slug| path(slug) + "/edit");
        html! {
            section.editor aria-labelledby="editor" {
                h2 #editor { @match self.slug { Some(slug) => { "Edit " (slug) }, None => "New playbook" } }
                @if let Some(wrong) = self.wrong { p role="alert" { a href={ "#" (id(&wrong.field)) } { (wrong.to_string()) } } }
                @if let Some(conflict) = self.conflict { (conflict.markup()) }
                div.beside {
                    form id=(FORM) method="post" action=(action) {
                        (csrf(self.reader))
                        input type="hidden" name="version" value=(self.version);
                        @if let Some(template) = value(self.given, "template") { input type="hidden" name="template" value=(template); }
                        (self.about())
                        (self.watches())
                        (self.detects())
                        (self.responds())
                        (self.rails())
                        (self.ends())
                    }
                    (self.preview(&action))
                }
            }
        }
    }

    fn about(&self) -> Markup {
        html! {
            fieldset.card {
                legend { "What it is" }
                div.row.forms {
                    (self.input("name", "Name", limits::MAX_NAME))
                    @if self.slug.is_none() { (self.input("slug", "Slug, such as credential-stuffing; it stays", limits::MAX_SLUG)) }
                }
                (self.area("description", "Description, and what the app must track", 3))
            }
        }
    }

    fn watches(&self) -> Markup {
        html! {
            fieldset.card data-previewed {
                legend { "What it watches" }
                (self.matcher("trigger"))
                div.row.forms {
                    (self.select("actor", "Actor", ActorKind::ALL.map(|kind| match kind {
                        ActorKind::Ip => (kind.name(), "address; of IPv6, its /64"),
                        ActorKind::IpRange => (kind.name(), "address range: /24, or /64 of IPv6"),
                        ActorKind::User => (kind.name(), "user"),
                    })))
                    (self.input("group_by", "Count apart for each value of this field (optional)", limits::MAX_TEXT))
                }
            }
        }
    }

    fn detects(&self) -> Markup {
        html! {
            fieldset.card data-previewed {
                legend { "When it fires" }
                (self.select("detection", "On", DETECTIONS))
                div.row.forms {
                    div.for-events { (self.input("at_least", "Events, at least", 12)) }
                    div.for-distinct { (self.input("distinct.of", "Field whose values are counted, such as user", limits::MAX_TEXT)) }
                    div.for-distinct { (self.input("distinct.at_least", "Different values, at least", 12)) }
                    div.for-ratio { (self.input("ratio.at_least", "Times as many, at least", 24)) }
                    div.for-new { (self.input("first_seen", "Field whose values are remembered, such as country", limits::MAX_TEXT)) }
                    (self.input("period", "Within, such as 5min", 24))
                    (self.input("cooldown", "Cooldown of an actor; empty is the usual", 24))
                }
                details.for-ratio open { summary { "The other events of the ratio" } (self.matcher("ratio")) }
                details open[self.has("cancel.")] { summary { "Events that start the count again (optional)" } (self.matcher("cancel")) }
            }
        }
    }

    fn responds(&self) -> Markup {
        html! {
            fieldset.card {
                legend { "What it does" }
                p.note { "Durations are 5min to 24h, or permanent; with several, each is that of the next time: 5min, 1h, permanent." }
                @for place in 0..RESPONSES {
                    @let name = |field: &str| format!("responses[{place}].{field}");
                    div.row.forms {
                        (self.select(&name("action"), &format!("Response {}", place + 1),
                            std::iter::once(("", "none")).chain(Kind::ALL.map(|kind| (kind.name(), words::kind(kind))))))
                        (self.input(&name("duration"), "For", limits::MAX_TEXT))
                        (self.input(&name("url"), "A redirect leads to", limits::MAX_URL))
                    }
                }
                (self.check("notify", "Tell people"))
            }
        }
    }

    fn rails(&self) -> Markup {
        html! {
            fieldset.card {
                legend { "What keeps it from harm" }
                div.row.forms {
                    (self.input("max_actors_per_hour", "Actors an hour, at most; more put it back to shadow", 12))
                    (self.input("shared_ip_users", "Leave addresses alone from which so many users signed in; 0 for none", 12))
                }
                (self.check("allow_critical", "May block private, loopback and proxy addresses"))
            }
        }
    }

    fn ends(&self) -> Markup {
        html! {
            fieldset.card {
                legend { "Save it" }
                @if self.tests > 0 {
                    (self.check("keep_tests", &format!("Keep its {} tests", self.tests)))
                }
                @if self.from_file {
                    p.banner { "This version came from a file. What you save here is not in the file." }
                    (self.check("overwrite", "Take the place of the file's version"))
                }
                div.tools {
                    button name="do" value="save" { "Save" }
                    span.note { @if self.slug.is_some() { "It keeps its stage." } @else { "It begins as a draft, which does nothing." } }
                }
            }
        }
    }

    /// Beside the form: with script, it follows what is typed there.
    fn preview(&self, action: &str) -> Markup {
        let hours = value(self.given, "hours").unwrap_or("24");
        html! {
            section.preview.card #preview aria-labelledby="preview-head" {
                h2 #preview-head { "Preview" }
                div.tools data-previewed {
                    label { "Over the last"
                        select name="hours" form=(FORM) {
                            @for (name, number) in HOURS {
                                @let number = number.to_string();
                                option value=(number) selected[hours == number] { (name) }
                            }
                        }
                    }
                    button.second name="do" value="preview" form=(FORM) formaction={ (action) "#preview" } { "Preview" }
                }
                p role="status" { (self.preview.said) }
                div.shown { (self.preview.shown) }
            }
        }
    }

    fn matcher(&self, of: &str) -> Markup {
        html! {
            div.row.forms {
                (self.area(&format!("{of}.event"), "Events, one a line; users.* is all that begin so", 2))
                (self.area(&format!("{of}.where"), "Where, as in the Event Explorer (optional)", 2))
                (self.area(&format!("{of}.apps"), "Only in these apps, one a line (optional)", 2))
            }
        }
    }

    fn has(&self, prefix: &str) -> bool {
        self.given
            .iter()
            .any(|(name, value)| name.starts_with(prefix) && !value.trim().is_empty())
    }

    fn given(&self, name: &str) -> &str {
        value(self.given, name).unwrap_or_default()
    }

    fn error(&self, name: &str) -> Option<&FieldError> {
        self.wrong.filter(|wrong| wrong.field == name)
    }

    fn said(&self, name: &str) -> Markup {
        html! { @if let Some(wrong) = self.error(name) { strong.bad id={ (id(name)) "-wrong" } { (wrong.wrong) } } }
    }

    fn described(&self, name: &str) -> Option<String> {
        self.error(name).map(|_| format!("{}-wrong", id(name)))
    }

    fn input(&self, name: &str, label: &str, most: usize) -> Markup {
        html! {
            label { (label)
                input id=(id(name)) name=(name) value=(self.given(name)) maxlength=(most) autocomplete="off" autocapitalize="none"
                    aria-invalid=[self.error(name).map(|_| "true")] aria-describedby=[self.described(name)];
                (self.said(name))
            }
        }
    }

    fn area(&self, name: &str, label: &str, rows: usize) -> Markup {
        html! {
            label { (label)
                // HTML leaves out a line break that follows the tag.
                textarea id=(id(name)) name=(name) rows=(rows) autocapitalize="none" spellcheck="false"
                    aria-invalid=[self.error(name).map(|_| "true")] aria-describedby=[self.described(name)] { "\n" (self.given(name)) }
                (self.said(name))
            }
        }
    }

    fn check(&self, name: &str, label: &str) -> Markup {
        let checked = value(self.given, name).is_some();
        html! {
            label.check { input type="checkbox" id=(id(name)) name=(name) value="yes" checked[checked] aria-describedby=[self.described(name)]; (label) }
            (self.said(name))
        }
    }

    fn select<'a>(
        &self,
        name: &str,
        label: &str,
        options: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Markup {
        html! {
            label { (label)
                select id=(id(name)) name=(name) aria-invalid=[self.error(name).map(|_| "true")] aria-describedby=[self.described(name)] {
                    @for (value, shown) in options { option value=(value) selected[value == self.given(name)] { (shown) } }
                }
                (self.said(name))
            }
        }
    }
}

impl Conflict {
    fn markup(&self) -> Markup {
        html! {
            div.banner role="alert" {
                @if self.version == 0 {
                    "It was removed in the meantime. Saving again makes a new one of what is below."
                } @else {
                    "Version " (self.version) " was saved by " (short(&self.by)) " in the meantime. What you typed is below, and saving "
                    "again takes the place of that version."
                }
            }
            @if !self.changes.is_empty() {
                (table("What changed", &["Field", "Was", "Is now"], self.changes.iter().map(|[field, was, is]| html! {
                    tr {
                        td data-label="Field" { (field) }
                        td data-label="Was" { (short(was)) }
                        td data-label="Is now" { (short(is)) }
                    }
                })))
            }
        }
    }
}

/// An input's id: its name, of letters that are plain in an address.
pub(super) fn id(name: &str) -> String {
    let name = name.replace(['.', '['], "-").replace(']', "");
    format!("f-{name}")
}
