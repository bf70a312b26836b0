//! What a page of events is steered by: the search field, what to count by, and the range of time.

use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::asked::RANGES;
use super::{Place, link};
use crate::api::Problem;
use crate::store::Field;
use crate::ui::text::{SHOWN, stamp, start};

/// The search field and the ranges; `more` are further fields of the form.
pub(crate) fn steering(place: &Place, more: &[(&str, &str)], problem: Option<&Problem>) -> Markup {
    let wrong = problem.and_then(Problem::place);
    let in_filter = wrong.filter(|(field, _)| *field == "filter");
    html! {
        form.search #search method="get" action=(place.path()) role="search" {
            @let set: Vec<_> = ["filter", "by", "group"].into_iter().chain(more.iter().map(|(name, _)| *name)).collect();
            (hidden(place, &set))
            div.field {
                label for="filter" { "Filter" }
                input #filter name="filter" value=(place.value("filter")) type="text" autocomplete="off" autocapitalize="off"
                    spellcheck="false" enterkeyhint="search" placeholder="name:users.login ip:203.0.113.0/24 -status:200"
                    aria-invalid=[in_filter.map(|_| "true")] aria-describedby=[in_filter.map(|_| "wrong")]
                    data-fields=(Field::names().collect::<Vec<_>>().join(" ")) data-complete=(completion(place));
            }
            @for (name, label) in more {
                label { (label) input name=(name) value=(place.value(name)); }
            }
            label { "Colour by" (field(place, "by")) }
            label { "Group by" (field(place, "group")) }
            datalist #fields { @for name in Field::names() { option value=(name) {} } }
            button { "Search" }
        }
        (operators())
        @if let (Some(problem), Some((_, at))) = (problem, in_filter) {
            div #wrong {
                p role="alert" { (problem.detail()) }
                (pointed(place.value("filter"), at))
            }
        } @else if let Some(problem) = problem {
            p role="alert" { (problem.detail()) }
        }
    }
}

/// Where values are proposed that there are in the range of the page.
fn completion(place: &Place) -> String {
    let range = ["last", "from", "to"].map(|name| (name, place.value(name)));
    link(
        "/complete",
        range.into_iter().filter(|(_, value)| !value.is_empty()),
    )
}

/// What can be typed, each with an example.
const OPERATORS: [(&str, &str); 10] = [
    ("name:users.login,users.signup", "it is one of these"),
    ("path~admin", "it contains this, in either case"),
    ("path^/admin", "it starts with this"),
    ("status>=400", "a number, by >, >=, < or <="),
    ("ip:203.0.113.0/24", "an address of this network"),
    ("has:user.email", "it is there"),
    ("-status:200", "not"),
    ("name:a status:401", "both"),
    (
        "(name:a or name:b) status:401",
        "one of the two, and the third",
    ),
    (
        "\"two words\"",
        "name, path, address, user or properties contain this",
    ),
];

/// What the search field takes.
fn operators() -> Markup {
    html! {
        details.operators {
            summary { "Operators" }
            dl { @for (example, meaning) in OPERATORS { dt { code { (example) } } dd { (meaning) } } }
        }
    }
}

fn field(place: &Place, name: &str) -> Markup {
    html! {
        input name=(name) value=(place.value(name)) list="fields" autocomplete="off" autocapitalize="off" spellcheck="false"
            placeholder="nothing";
    }
}

fn hidden(place: &Place, but: &[&str]) -> Markup {
    html! { @for (name, value) in place.along(but) { input type="hidden" name=(name) value=(value); } }
}

/// The filter with a mark where it is wrong.
fn pointed(filter: &str, at: usize) -> Markup {
    let (before, rest) = filter.split_at_checked(at).unwrap_or((filter, ""));
    let ends = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (wrong, after) = rest.split_at_checked(ends).unwrap_or((rest, ""));
    let lead = before.ceil_char_boundary(before.len().saturating_sub(SHOWN));
    html! {
        pre.pointed {
            @if lead > 0 { "…" }
            (before.get(lead..).unwrap_or_default())
            mark { @if wrong.is_empty() { "⌃" } @else { (start(wrong, SHOWN)) } }
            (start(after, SHOWN))
        }
    }
}

/// The ways to other ranges of time.
pub(super) fn ranges(place: &Place, shown: Result<(i64, i64), &Problem>) -> Markup {
    let span = shown.ok();
    let wrong = shown.err().and_then(Problem::at);
    let mistaken = wrong.is_some_and(|name| ["from", "to"].contains(&name));
    let last = place.value("last");
    let own = !place.value("from").is_empty() || !place.value("to").is_empty();
    let to = |last| place.with(&[("last", last), ("from", ""), ("to", "")]);
    html! {
        nav.ranges aria-label="Time" {
            a href=(to("")) aria-current=[(last.is_empty() && !own).then_some("true")] { "Latest" }
            @for (name, label, _) in RANGES {
                a href=(to(name)) aria-current=[(last == name && !own).then_some("true")] title={ "The last " (label) } { (label) }
            }
            @if let Some(span) = span { (steps(place, span)) }
            details.custom open[mistaken] {
                summary aria-current=[own.then_some("true")] { "From … to" }
                form.times method="get" action=(place.path()) {
                    (hidden(place, &["last", "from", "to"]))
                    (moment(place, ("from", "From"), span.map(|(from, _)| from), wrong))
                    // The end is not in the range.
                    (moment(place, ("to", "To"), span.map(|(_, to)| to.saturating_add(999)), wrong))
                    button { "Show" }
                }
            }
        }
    }
}

/// The bytes of a time to the millisecond, without a zone.
const MILLIS: usize = 23;

/// A field for a time, filled in with that of the range shown, or with what was asked for; browsers have them to the
/// millisecond and without a zone.
fn moment(
    place: &Place,
    (name, label): (&str, &str),
    shown: Option<i64>,
    wrong: Option<&str>,
) -> Markup {
    let asked = start(place.value(name).trim_end_matches('Z'), MILLIS).to_owned();
    let shown = shown.map(|micros| Timestamp::from_micros(micros).to_string());
    let shown = shown.map(|text| start(&text, MILLIS).to_owned());
    html! {
        label {
            (label) " (UTC)"
            input type="datetime-local" name=(name) value=(shown.unwrap_or(asked)) step="any"
                aria-invalid=[(wrong == Some(name)).then_some("true")];
        }
    }
}

/// Earlier, later, nearer and farther.
fn steps(place: &Place, (from, to): (i64, i64)) -> Markup {
    let span = to.saturating_sub(from);
    let now = Timestamp::now().as_micros();
    let half = span / 2;
    let quarter = span / 4;
    let show = |from: i64, to: i64| {
        place.with(&[("last", ""), ("from", &stamp(from)), ("to", &stamp(to))])
    };
    html! {
        span.steps {
            a href=(show(from.saturating_sub(span), from)) title="Earlier" aria-label="Earlier" { "←" }
            a href=(show(from.saturating_sub(half), to.saturating_add(half).min(now.max(to)))) title="Zoom out" aria-label="Zoom out" { "−" }
            a href=(show(from.saturating_add(quarter), to.saturating_sub(quarter).max(from.saturating_add(quarter + 1))))
                title="Zoom in" aria-label="Zoom in" { "+" }
            a href=(show(to, to.saturating_add(span))) title="Later" aria-label="Later" { "→" }
        }
    }
}
