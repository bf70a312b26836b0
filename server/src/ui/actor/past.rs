//! What an actor did, and who is related to them, over a bounded time.

use std::collections::BTreeMap;

use maud::{Markup, html};
use serde_json::Value;

use super::Actor;
use crate::store::{
    Dimension, EventStore, Field, Filter, Group, GroupQuery, Groups, JsonField, ScanMonitor,
    StoreError, TimeRange,
};
use crate::ui::explorer::{Place, test};
use crate::ui::text::{counted, grouped, short, time};

const DAYS: i64 = 30;
const DAY: i64 = 86_400_000_000;
/// The most names of events, and the most related actors.
const SHOWN: usize = 12;

/// The actor's last 30 days.
#[derive(Debug)]
pub(super) struct Past {
    names: Groups,
    /// Users of the address, or addresses of the user.
    related: Groups,
    /// Whether these are users.
    users: bool,
}

impl Past {
    /// Blocks on the disk.
    pub(super) fn read(
        store: &dyn EventStore,
        actor: &Actor,
        filter: &Filter,
        until: i64,
        monitor: &ScanMonitor,
    ) -> Result<Self, StoreError> {
        let users = matches!(actor, Actor::Ip(_));
        let of = if users {
            Field::Json(JsonField::User, Vec::new())
        } else {
            Field::Dimension(Dimension::Ip)
        };
        let groups = |by: Field| {
            let query = GroupQuery {
                filter: filter.clone(),
                range: TimeRange {
                    from: Some(until.saturating_sub(DAYS * DAY)),
                    to: Some(until),
                },
                by,
                limit: SHOWN,
                distinct: false,
            };
            store.groups(&query, monitor)
        };
        Ok(Self {
            names: groups(Field::Dimension(Dimension::Name))?,
            related: groups(of)?,
            users,
        })
    }

    pub(super) fn markup(&self, place: &Place) -> Markup {
        let rows = &self.names.rows;
        let first = rows.iter().map(|group| group.first).min();
        let last = rows.iter().map(|group| group.last).max();
        html! {
            @if let (Some(first), Some(last)) = (first, last) {
                section.past aria-label="Past" {
                    p {
                        (counted(self.names.events, "event")) " in " (DAYS) " days: first seen " (time(first))
                        ", last seen " (time(last)) "."
                    }
                    div.forms {
                        (self.names(place))
                        (self.related())
                    }
                }
            }
        }
    }

    fn names(&self, place: &Place) -> Markup {
        html! {
            section.card aria-labelledby="did" {
                h2 #did { "Events" }
                ul.counts {
                    @for group in &self.names.rows {
                        @let test = test(&Field::Dimension(Dimension::Name), &group.value).unwrap_or_default();
                        li {
                            a href=(place.with(&[("filter", &test)])) { (short(&group.value)) }
                            " " small { (grouped(group.events)) ", last " (time(group.last)) }
                        }
                    }
                    (more(&self.names))
                }
            }
        }
    }

    fn related(&self) -> Markup {
        html! {
            section.card aria-labelledby="related" {
                h2 #related { @if self.users { "Users of this address" } @else { "Addresses of this user" } }
                @if self.related.rows.is_empty() {
                    p { @if self.users { "None of these events names a user." } @else { "None of these events has an address." } }
                }
                ul.counts {
                    @for group in &self.related.rows {
                        li {
                            @match self.actor(group) {
                                Some(actor) => a href=[actor.link()] { (short(&actor.to_string())) },
                                None => (short(&group.value)),
                            }
                            " " small { (counted(group.events, "event")) ", last " (time(group.last)) }
                        }
                    }
                    (more(&self.related))
                }
            }
        }
    }

    fn actor(&self, group: &Group) -> Option<Actor> {
        if !self.users {
            return group.value.parse().ok().map(Actor::Ip);
        }
        let user: BTreeMap<String, Value> = serde_json::from_str(&group.value).ok()?;
        Actor::of_user(&user)
    }
}

fn more(groups: &Groups) -> Markup {
    let more = groups.values.count.saturating_sub(groups.rows.len() as u64);
    html! { @if more > 0 { li { "and " (grouped(more)) " more" } } }
}
