//! The table of groups: how many events there are of each value of a field.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::Terms;
use crate::store::{Dimension, Distinct, Field, Group, Groups, JsonField};
use crate::ui::actor::Actor;
use crate::ui::text::{counted, grouped, share, short, time};

/// The most bytes of the rows: values may be long, and the list below needs room, too.
const MOST: usize = 24_000;

/// `file` is where more of the groups are, as CSV.
pub(super) fn table(by: &Field, groups: &Groups, terms: &Terms, file: &str) -> Markup {
    let mut bytes = 0;
    let rows = groups
        .rows
        .iter()
        .map(|group| row(by, group, groups.events, terms));
    let rows: Vec<_> = rows
        .take_while(|row| {
            bytes += row.0.len();
            bytes <= MOST
        })
        .collect();
    let more = groups.values.count.saturating_sub(rows.len() as u64);
    let name = by.to_string();
    html! {
        section.groups aria-labelledby="groups" {
            h2 #groups { "By " code { (short(&name)) } }
            @if rows.is_empty() {
                p { "No event of this range has " code { (short(&name)) } "." }
            } @else {
                div.scroll.stack tabindex="0" role="region" aria-label="Groups" {
                    table {
                        thead { tr {
                            @for head in ["Value", "Events", "Share", "IPs", "Users", "First", "Last", ""] {
                                th scope="col" { (head) }
                            }
                        } }
                        tbody { @for row in &rows { (row) } }
                    }
                }
            }
            p.note {
                @if more > 0 {
                    "And " (counted(more, "value")) @if !groups.values.exact { " or more" } ". "
                }
                @if groups.absent > 0 {
                    (terms.without(by, &html! { (counted(groups.absent, "event")) " without it" })) ". "
                }
                "Of " (counted(groups.events, "event")) " in all. "
                @if !rows.is_empty() { a href=(file) download { "Export as CSV" } }
            }
        }
    }
}

fn row(by: &Field, group: &Group, all: u64, terms: &Terms) -> Markup {
    let shown = if group.value.is_empty() {
        html! { "(empty)" }
    } else {
        short(&group.value)
    };
    html! {
        tr {
            td data-label="Value" { span { (terms.only(by, &group.value, &shown)) " " (actor(by, &group.value)) } }
            td.number data-label="Events" { span { (grouped(group.events)) } }
            td.number.share data-label="Share" {
                span {
                    meter min="0" max=(all) value=(group.events) aria-hidden="true" {}
                    " " (share(group.events, all))
                }
            }
            td.number data-label="IPs" { span { (distinct(group.ips)) } }
            td.number data-label="Users" { span { (distinct(group.users)) } }
            td data-label="First" { (time(group.first)) }
            td data-label="Last" { (time(group.last)) }
            td { (terms.not(by, &group.value)) }
        }
    }
}

fn distinct(distinct: Distinct) -> String {
    let least = if distinct.exact { "" } else { "≥ " };
    format!("{least}{}", grouped(distinct.count))
}

/// The way to the page of the address, or of the user.
fn actor(by: &Field, value: &str) -> Markup {
    let actor = match by {
        Field::Dimension(Dimension::Ip) => value.parse().ok().map(Actor::Ip),
        Field::Json(JsonField::User, path) if path.is_empty() => {
            let user: Option<BTreeMap<String, Value>> = serde_json::from_str(value).ok();
            user.as_ref().and_then(Actor::of_user)
        }
        _ => None,
    };
    html! {
        @if let Some(actor) = actor {
            a.choice href=[actor.link()] aria-label={ "Actor " (short(&actor.to_string())) } { "Actor" }
        }
    }
}
