//! What the page shows.

use maud::{Markup, html};

use super::super::access::{Reader, csrf, value};
use super::super::actions::table;
use super::super::room::{Tables, cut, fit};
use super::super::text::{counted, short, time};
use super::PATH;
use crate::api::Params;
use crate::auth::Secret;
use crate::notify::notice::Notice;
use crate::notify::{MAX_NAME, MAX_URL, Notifier};
use crate::state::{Channel, Delivery, DeliveryStatus, Destination, Role};

/// How many deliveries a page shows, if they are no more than these bytes.
pub(super) const PAGE: usize = 50;
const DELIVERIES: usize = 40_000;
/// The most bytes of the destinations of a page, and of the notices of one.
const DESTINATIONS: usize = 45_000;
const NOTICES: usize = 85_000;

/// What became of a form.
#[derive(Debug)]
pub(super) enum Said {
    Nothing,
    Wrong(String),
    /// The new secret of the webhook of this name.
    Secret(String, Secret),
    Tested(Delivery),
}

/// What the page is made of.
pub(super) struct Shown<'a> {
    pub(super) reader: &'a Reader,
    /// What was filled in where it was refused.
    pub(super) filled: &'a Params,
    pub(super) said: Said,
    pub(super) tables: Tables<'a>,
    pub(super) destinations: Vec<Destination>,
    /// Those of the page, and one more if there are more.
    pub(super) deliveries: Vec<Delivery>,
}

impl Shown<'_> {
    pub(super) fn markup(&self) -> Markup {
        let admin = self.reader.may(Role::Admin);
        let deliveries = self.deliveries.iter().take(PAGE);
        let deliveries = fit(
            deliveries.map(|delivery| self.delivery(delivery)),
            DELIVERIES,
        );
        let next = cut(&self.deliveries, deliveries.len()).map(|delivery| delivery.row);
        html! {
            (self.said())
            section aria-labelledby="destinations" {
                h2 #destinations { "Destinations" }
                @if self.destinations.is_empty() { p {
                    "Nobody is told yet. "
                    @if admin { "Add a webhook, Slack or e-mail below: it is told whenever a playbook fires." }
                    @else { "An admin can add a webhook, Slack or e-mail, which are told whenever a playbook fires." }
                } } @else {
                    (self.tables.table(
                        "destinations",
                        ("Destinations", &["Name", "Kind", "Where", "Told of", ""]),
                        &self.destinations, DESTINATIONS, |destination| self.destination(destination, admin),
                    ))
                }
            }
            @if admin { (self.form()) }
            section aria-labelledby="deliveries" {
                h2 #deliveries { "Deliveries" }
                p.note { "What was delivered stays for 7 days, what was given up for 30. Notices of one playbook within a minute are one delivery." }
                @if self.deliveries.is_empty() { p { "Nothing was told yet. " a href="/runs" { "See which playbooks fired" } "." } } @else {
                    (table("Deliveries", &["Began", "To", "Of", "Status", "Tries", "Answer", ""], deliveries.into_iter()))
                }
                @if let Some(next) = next {
                    nav aria-label="Deliveries" { a rel="next" href={ (PATH) "?before=" (next) "#deliveries" } { "Older deliveries" } }
                }
            }
        }
    }

    fn said(&self) -> Markup {
        html! {
            @match &self.said {
                Said::Nothing => {},
                Said::Wrong(wrong) => p role="alert" { (wrong) },
                Said::Secret(name, secret) => section.card aria-labelledby="secret" {
                    h2 #secret { "Secret of " (short(name)) }
                    p { "What is sent there is signed with it. It is not shown again." }
                    p { code { (secret.0) } }
                },
                Said::Tested(delivery) => @if delivery.status == DeliveryStatus::Delivered {
                    p role="status" { "The test of " (self.name(delivery)) " was delivered." }
                } @else {
                    p role="alert" { "The test of " (self.name(delivery)) " failed: " (delivery.answer.as_deref().unwrap_or_default()) }
                },
            }
        }
    }

    fn destination(&self, destination: &Destination, admin: bool) -> Markup {
        let path = format!("{PATH}/{}", destination.id);
        let name = &destination.name;
        html! {
            tr {
                td data-label="Name" { span { (short(name)) @if !destination.enabled { " (off)" } } }
                td data-label="Kind" { (destination.channel.name()) }
                td data-label="Where" { (short(&Notifier::shown_target(destination))) }
                td data-label="Told of" {
                    span {
                        @match &destination.playbooks { Some(slugs) => (short(&slugs.join(", "))), None => "all playbooks" }
                        @if destination.digest { ", once a day" }
                    }
                }
                td {
                    span {
                        (self.button(&format!("{path}/test"), "Test", name))
                        @if admin {
                            " "
                            a href={ (path) "/edit" } aria-label={ "Edit " (name) } { "Edit" }
                            " "
                            form.inline method="post" action=(path) {
                                (csrf(self.reader))
                                input type="hidden" name="enabled" value=(if destination.enabled { "no" } else { "yes" });
                                @let word = if destination.enabled { "Switch off" } else { "Switch on" };
                                button.small aria-label={ (word) " " (name) } { (word) }
                            }
                            " "
                            @if destination.secret.is_some() { (self.button(&format!("{path}/secret"), "New secret", name)) " " }
                            @if destination.former_secret.is_some() { (self.button(&format!("{path}/former-secret"), "End former secret", name)) " " }
                            (self.button(&format!("{path}/remove"), "Remove", name))
                        }
                    }
                }
            }
        }
    }

    fn button(&self, path: &str, word: &str, name: &str) -> Markup {
        html! {
            form.inline method="post" action=(path) {
                (csrf(self.reader))
                button.small aria-label={ (word) " " (name) } { (word) }
            }
        }
    }

    fn form(&self) -> Markup {
        let given = |name| value(self.filled, name);
        html! {
            section aria-labelledby="add" {
                h2 #add { "Add a destination" }
                form.card method="post" action=(PATH) {
                    (csrf(self.reader))
                    div.row.forms {
                        (name_input(given("name")))
                        label { "Kind"
                            select name="kind" {
                                @for channel in Channel::ALL {
                                    option value=(channel.name()) selected[given("kind") == Some(channel.name())] { (channel.name()) }
                                }
                            }
                        }
                    }
                    label { "URL of the webhook or of Slack's incoming webhook, or addresses of e-mail, separated by commas"
                        input name="target" value=[given("target")] required maxlength=(MAX_URL) autocomplete="off" autocapitalize="none";
                    }
                    (playbooks_input(given("playbooks")))
                    (digest_input(given("digest").is_some()))
                    button { "Add" }
                }
            }
        }
    }

    fn delivery(&self, delivery: &Delivery) -> Markup {
        let status = delivery.status;
        html! {
            tr {
                td data-label="Began" { (time(delivery.opened_at)) }
                td data-label="To" { (self.name(delivery)) }
                td data-label="Of" {
                    a href={ (PATH) "/deliveries/" (delivery.id) } {
                        @if let Some(playbook) = &delivery.playbook { (short(playbook)) ", " }
                        (counted(delivery.notices.into(), "notice"))
                    }
                }
                td data-label="Status" {
                    span.bad[status == DeliveryStatus::Dead] {
                        (status.name())
                        @match delivery.ended_at {
                            Some(ended) => { " " (time(ended)) },
                            None => { ", next try " (time(delivery.due_at)) },
                        }
                    }
                }
                td.number data-label="Tries" { (delivery.attempts) }
                td data-label="Answer" { (short(delivery.answer.as_deref().unwrap_or_default())) }
                td {
                    @if status == DeliveryStatus::Dead {
                        form.inline method="post" action={ (PATH) "/deliveries/" (delivery.id) "/replay" } {
                            (csrf(self.reader))
                            button.small { "Replay" }
                        }
                    }
                }
            }
        }
    }

    fn name(&self, delivery: &Delivery) -> Markup {
        let mut destinations = self.destinations.iter();
        let found = destinations.find(|destination| destination.id == delivery.destination);
        short(found.map_or("", |destination| &destination.name))
    }
}

pub(super) fn name_input(given: Option<&str>) -> Markup {
    html! { label { "Name" input name="name" value=[given] required maxlength=(MAX_NAME) autocomplete="off"; } }
}

pub(super) fn playbooks_input(given: Option<&str>) -> Markup {
    html! {
        label { "Only these playbooks, by their slugs and separated by commas; all if it is empty"
            input name="playbooks" value=[given] autocomplete="off" autocapitalize="none";
        }
    }
}

pub(super) fn digest_input(checked: bool) -> Markup {
    html! {
        label.check { input type="checkbox" name="digest" checked[checked]; "E-mail once a day, at 06:00 UTC" }
    }
}

/// What a delivery tells.
pub(super) fn delivery(
    delivery: &Delivery,
    notices: &[(String, Notice)],
    params: &Params,
) -> Markup {
    let path = format!("{PATH}/deliveries/{}", delivery.id);
    let row = |(id, notice): &(String, Notice)| {
        html! {
            tr {
                td data-label="Time" { (time(notice.at())) }
                td data-label="What" { (short(&notice.title())) }
                td data-label="More" {
                    span {
                        @for line in notice.details() { (short(&line)) br; }
                        @for (name, path) in notice.links(id) { a href=(path) { (name) } " " }
                    }
                }
            }
        }
    };
    html! {
        section #notices aria-labelledby="delivery" {
            div.tools {
                h2 #delivery { "Delivery of " (counted(delivery.notices.into(), "notice")) }
                a href=(PATH) { "All notifications" }
            }
            p {
                "Began " (time(delivery.opened_at)) ", " (delivery.status.name()) " after "
                (counted(delivery.attempts.into(), "attempt")) ". "
                @if let Some(answer) = &delivery.answer { "The last one: " (short(answer)) "." }
            }
            (Tables::new(&path, &[], params)
                .table("notices", ("Notices", &["Time", "What", "More"]), notices, NOTICES, row))
        }
    }
}
