//! The tables of the page.

use ipnet::IpNet;
use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::super::access::{Reader, csrf};
use super::super::actor::Actor;
use super::super::explorer::link;
use super::super::room::{Tables, cut, fit, some};
use super::super::text::{duration, short};
use crate::actions::ActionPage;
use crate::api::Params;
use crate::server::App;
use crate::sessions::LoggedIn;
use crate::state::{
    Action, ActionCursor, ActionRecord, AllowEntry, Id, Role, Targets, User, network,
};

/// The most agents that are looked at.
const AGENTS: usize = 20_000;
/// The most bytes of the targets of one action, or of an entry of the allow list.
const WHOM: usize = 3_000;
/// The most bytes of each table's rows.
const LIVE: usize = 45_000;
const PAST: usize = 20_000;
const ALLOWED: usize = 10_000;
const CONNECTED: usize = 9_000;

pub(super) fn live((records, next): &ActionPage, reader: &Reader) -> Markup {
    let row = |record: &ActionRecord| {
        html! {
            tr id={ "a-" (record.action.id) } {
                (what(record))
                td data-label="Ends" { (left(record.action.expires_at)) }
                td data-label="Why" { (decision(record)) }
                td { (lift(record.action.id, "Lift", reader, "")) }
            }
        }
    };
    let rows = fit(records.iter().map(row), LIVE);
    let next = cut(records, rows.len()).map(ActionCursor::of).or(*next);
    let next = next.map(|next| link("/actions", [("live", next.to_string().as_str())]));
    html! {
        @if records.is_empty() { p { "Nobody is blocked." } } @else {
            (table("Actions in force", &["Who", "What", "Ends", "Why", ""], rows.into_iter()))
        }
        @if let Some(next) = next { nav { a rel="next" href=(next) { "Older actions" } } }
    }
}

pub(super) fn past((records, next): &ActionPage) -> Markup {
    let now = Timestamp::now().as_micros();
    let row = |record: &ActionRecord| {
        let ended = record.lifted_at.or(record.action.expires_at);
        html! {
            tr {
                (what(record))
                td data-label="Ended" {
                    (record.state(now))
                    @if let Some(by) = &record.lifted_by { " by " (by) }
                    @if let Some(ended) = ended { br; (moment(ended)) }
                }
                td data-label="Why" { (decision(record)) }
            }
        }
    };
    let rows = fit(records.iter().map(row), PAST);
    let next = cut(records, rows.len()).map(ActionCursor::of).or(*next);
    let next = next.map(|next| link("/actions", [("past", next.to_string().as_str())]) + "#past");
    html! {
        @if records.is_empty() { p { "No action has ended yet." } } @else {
            (table("Past actions", &["Who", "What", "Ended", "Why"], rows.into_iter()))
        }
        @if let Some(next) = next { nav { a rel="next" href=(next) { "Ended before" } } }
    }
}

pub(super) fn allowed(entries: &[AllowEntry], params: &Params, reader: &Reader) -> Markup {
    let row = |entry: &AllowEntry| {
        let nets = entry.ips.iter().map(network);
        let allowed: Vec<_> = nets.chain(entry.paths.iter().cloned()).collect();
        html! {
            tr {
                td data-label="Allowed" {
                    (some(allowed.iter(), WHOM, |one| html! { span.pair { (short(one)) } " " }))
                }
                td data-label="Why" { (entry.comment) }
                td data-label="Since" { (moment(entry.created_at)) " by " (entry.created_by) }
                td {
                    @if reader.may(Role::Operator) {
                        form.inline method="post" action={ "/actions/allowlist/" (entry.id) "/remove" } {
                            (csrf(reader))
                            button.small { "Remove" }
                        }
                    }
                }
            }
        }
    };
    html! {
        @if entries.is_empty() { p { "The allow list is empty." } } @else {
            (Tables::new("/actions", &[], params)
                .table("allowlist", ("Allow list", &["Allowed", "Why", "Since", ""]), entries, ALLOWED, row))
        }
    }
}

/// The agents that are logged in, and what they say of the actions that they have.
pub(super) fn agents(app: &App, params: &Params) -> Markup {
    let agents = app.sessions.agents(AGENTS);
    let row = |logged_in: &LoggedIn| {
        let LoggedIn { agent, silence } = logged_in;
        let reported = agent.delivery.reported();
        let has = reported.as_ref().and_then(|state| state.version.as_ref());
        let position = app.actions.position(&agent.app);
        html! {
            tr {
                td data-label="App" { (short(&agent.app)) }
                td data-label="Host" { @if let Some(host) = &agent.hostname { (short(host)) } }
                td data-label="Agent" { @if let Some(label) = &agent.label { (short(label)) } }
                td data-label="Hears of changes" {
                    @if agent.delivery.streams() { "at once" } @else { "at its heartbeat" }
                    br; small {
                        @if logged_in.is_silent() { "silent for " (duration(silence.as_secs())) }
                        @else { "heard " (silence.as_secs()) " s ago" }
                    }
                }
                td data-label="Has" {
                    @if let Some(state) = &reported { span { (state.live) " in force" } br; }
                    @match has {
                        Some(has) if *has == position => "up to date",
                        Some(has) if has.epoch == position.epoch => { "at change " (has.seq) " of " (position.seq) }
                        _ => "",
                    }
                }
                td data-label="Error" { @if let Some(error) = reported.as_ref().and_then(|state| state.error.as_ref()) { strong.bad { (short(error)) } } }
            }
        }
    };
    html! {
        @if agents.is_empty() { p { "No agent is logged in." } } @else {
            (Tables::new("/actions", &[], params).table(
                "agents", ("Agents", &["App", "Host", "Agent", "Hears of changes", "Has", "Error"]), &agents, CONNECTED, row,
            ))
        }
    }
}

pub(in super::super) fn table(
    name: &str,
    heads: &[&str],
    rows: impl Iterator<Item = Markup>,
) -> Markup {
    html! {
        div.scroll.stack tabindex="0" role="region" aria-label=(name) {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { (row) } }
            }
        }
    }
}

/// The cells that say whom an action concerns, and what it does.
fn what(record: &ActionRecord) -> Markup {
    let action = &record.action;
    html! {
        td data-label="Who" { (targets(action)) }
        td data-label="What" {
            (action.kind.name())
            @if action.dry_run { " " span.mark { "dry run" } }
            @if let Some(url) = &action.url { br; small { "to " (short(url)) } }
            br; small { @match &action.app { Some(app) => (short(app)), None => "all apps" } }
        }
    }
}

/// Whom an action concerns; single addresses and users lead to their pages.
pub(super) fn targets(action: &Action) -> Markup {
    let net = |net: &IpNet| {
        html! {
            @if net.prefix_len() == net.max_prefix_len() {
                a.who href=[Actor::Ip(net.addr()).link()] { span.pair { (network(net)) } }
            } @else {
                span.pair { (network(net)) }
            }
            " "
        }
    };
    let user = |user: &User| {
        let pair = |(name, value): (&String, &String)| html! { span.pair { b { (short(name)) } " " (short(value)) } " " };
        html! { a.who href=[Actor::from(user).link()] { (some(user.iter(), WHOM, pair)) } br; }
    };
    html! {
        @match &action.targets {
            Targets::Ips(nets) => (some(nets.iter(), WHOM, net)),
            Targets::Users(users) => (some(users.iter(), WHOM, user)),
        }
        @if action.match_any { small { "any of these identifiers" } }
    }
}

/// Why it was decided, when and by whom.
pub(in super::super) fn decision(record: &ActionRecord) -> Markup {
    html! {
        @if !record.comment.is_empty() { (record.comment) br; }
        @if let Some(critical) = &record.critical { small { "Although " (critical) } br; }
        small { (moment(record.created_at)) " by " (record.created_by) ", " (record.action.id) }
        @if let Some(run) = record.run { br; small { a href={ "/runs/" (run) } { "Why it was decided" } } }
    }
}

/// Where the action in force is shown, however many there are.
pub(in super::super) fn entry(action: &Action) -> String {
    let after = ActionCursor {
        ended: 0,
        row: action.row.saturating_add(1),
    };
    let page = link("/actions", [("live", after.to_string().as_str())]);
    format!("{page}#a-{}", action.id)
}

/// A form that lifts an action, for those who may; an empty `back` leads to the actions.
pub(super) fn lift(id: Id, name: &str, reader: &Reader, back: &str) -> Markup {
    html! {
        @if reader.may(Role::Operator) {
            form.inline method="post" action={ "/actions/" (id) "/lift" } {
                (csrf(reader))
                @if !back.is_empty() { input type="hidden" name="back" value=(back); }
                button.small { (name) }
            }
        }
    }
}

fn moment(micros: i64) -> Markup {
    let time = Timestamp::from_micros(micros).to_string();
    // To the second is enough for people.
    let short = time.get(..19).unwrap_or(&time).replace('T', " ");
    html! { time datetime=(time) { (short) } }
}

pub(super) fn left(end: Option<i64>) -> Markup {
    let Some(end) = end else {
        return html! { "permanent" };
    };
    let seconds = (end - Timestamp::now().as_micros()).max(0) / 1_000_000;
    let text = match seconds {
        0..120 => format!("in {seconds} s"),
        120..7_200 => format!("in {} min", seconds / 60),
        7_200..172_800 => format!("in {} h", seconds / 3_600),
        _ => format!("in {} days", seconds / 86_400),
    };
    html! { (text) br; small { (moment(end)) } }
}
