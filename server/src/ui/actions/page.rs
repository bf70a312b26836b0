//! The page and its forms. Whatever operators and agents sent is escaped where it is written.

use maud::{Markup, html};

use super::super::access::{Reader, csrf, value};
use super::super::page::{Here, document};
use super::form::{DURATIONS, Name, local};
use super::{Refused, tables};
use crate::actions::ActionPage;
use crate::api::Params;
use crate::server::App;
use crate::state::Role;

/// What a page is made of.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) app: &'a App,
    pub(super) reader: &'a Reader,
    /// What the forms are filled in with.
    pub(super) params: &'a Params,
    pub(super) refused: Option<Refused>,
    /// Live and past actions; `None` if they cannot be read.
    pub(super) pages: Option<(ActionPage, ActionPage)>,
}

impl Shown<'_> {
    pub(super) fn markup(&self) -> Markup {
        let settings = self.app.actions.settings();
        let acts = self.reader.may(Role::Operator);
        let content = html! {
            (banner(self.app))
            @if acts { div.forms { (self.block_ip()) (self.block_user()) } }
            section aria-labelledby="live" {
                h2 #live { "In force" }
                (self.alert(Name::Live))
                @match &self.pages {
                    Some((live, _)) => (tables::live(live, self.reader)),
                    None => p role="alert" { "The actions cannot be read now." },
                }
            }
            section aria-labelledby="allowlist" {
                h2 #allowlist { "Allow list" }
                @if acts { (self.allow()) }
                (tables::allowed(&self.app.actions.allowed(), self.params, self.reader))
            }
            section aria-labelledby="dry-run" {
                h2 #dry-run { "Dry run" }
                (self.dry_run(settings.dry_run))
            }
            section aria-labelledby="agents" {
                h2 #agents { "Agents" }
                (tables::agents(self.app, self.params))
            }
            section aria-labelledby="past" {
                h2 #past { "Past" }
                @if let Some((_, past)) = &self.pages { (tables::past(past)) }
            }
        };
        document(
            "Actions",
            Some(Here::new("/actions", self.reader)),
            &content,
        )
    }

    fn block_ip(&self) -> Markup {
        html! {
            form.card #block-ip method="post" action="/actions" {
                h2 { "Block an address" }
                input type="hidden" name="action" value="block_ip";
                label {
                    "IP address or range"
                    input name="ip" value=(self.value(Name::Ip, "ip")) placeholder="203.0.113.0/24" required
                        autocomplete="off" autocapitalize="off" spellcheck="false";
                }
                (self.rest(Name::Ip))
            }
        }
    }

    fn block_user(&self) -> Markup {
        html! {
            form.card #block-user method="post" action="/actions" {
                h2 { "Block a user" }
                input type="hidden" name="action" value="block_user";
                label {
                    "Identifiers, one name=value per line"
                    textarea name="user" rows="2" placeholder="email=a@b.example" required autocomplete="off"
                        autocapitalize="off" spellcheck="false" { (self.value(Name::User, "user")) }
                }
                (self.check(Name::User, "match_any", "One of them is enough (old agents take no such action)"))
                (self.rest(Name::User))
            }
        }
    }

    /// What both forms that block have in common.
    fn rest(&self, form: Name) -> Markup {
        let given = self.value(form, "duration");
        let chosen = if given.is_empty() { "3600" } else { given };
        let asks = self
            .refused
            .as_ref()
            .is_some_and(|refused| refused.form == form && refused.critical);
        html! {
            label {
                "For"
                select name="duration" {
                    @for (seconds, name) in DURATIONS {
                        option value=(seconds) selected[seconds == chosen] { (name) }
                    }
                }
            }
            label {
                "Redirect there rather than block"
                input type="url" name="url" value=(self.value(form, "url")) placeholder="https://shop.example/help";
            }
            label { "App" input name="app" value=(self.value(form, "app")) placeholder="all"; }
            label { "Comment" input name="comment" value=(self.value(form, "comment")) maxlength="1000"; }
            (self.check(form, "dry_run", "Dry run: report only"))
            (self.alert(form))
            @if let Some(back) = local(self.value(form, "back")) { input type="hidden" name="back" value=(back); }
            @if asks { (self.check(form, "allow_critical", "Block it nevertheless")) }
            (csrf(self.reader))
            button { "Block" }
        }
    }

    fn allow(&self) -> Markup {
        html! {
            form.row method="post" action="/actions/allowlist" {
                label {
                    "Addresses, ranges and path prefixes"
                    input name="allowed" value=(self.value(Name::Allow, "allowed")) required autocomplete="off"
                        placeholder="198.51.100.0/24 /health";
                }
                label { "Comment" input name="comment" value=(self.value(Name::Allow, "comment")) maxlength="1000"; }
                (csrf(self.reader))
                button { "Allow" }
            }
            (self.alert(Name::Allow))
        }
    }

    fn dry_run(&self, on: bool) -> Markup {
        let (other, name) = if on {
            ("off", "Enforce actions again")
        } else {
            ("on", "Report only, stop nothing")
        };
        html! {
            p { @if on { "No app enforces an action now." } @else { "Apps enforce the actions in force." } }
            @if self.reader.may(Role::Admin) {
                form.inline method="post" action="/actions/settings" {
                    input type="hidden" name="dry_run" value=(other);
                    (csrf(self.reader))
                    button.second { (name) }
                }
            }
            (self.alert(Name::Settings))
        }
    }

    fn check(&self, form: Name, name: &str, label: &str) -> Markup {
        html! {
            label.check {
                input type="checkbox" name=(name) checked[!self.value(form, name).is_empty()];
                (label)
            }
        }
    }

    /// Why the form was refused.
    fn alert(&self, form: Name) -> Markup {
        let reason = self.refused.as_ref().filter(|refused| refused.form == form);
        html! {
            @if let Some(refused) = reason { p role="alert" { (refused.reason) } }
        }
    }

    /// What a field was filled in with: by a link for all forms, by a form that was refused for this one.
    fn value(&self, form: Name, name: &str) -> &str {
        let own = self
            .refused
            .as_ref()
            .is_none_or(|refused| refused.form == form);
        let given = value(self.params, name).filter(|_| own);
        given.unwrap_or_default()
    }
}

/// Says so if nothing is stopped.
pub(in super::super) fn banner(app: &App) -> Markup {
    html! {
        @if app.actions.settings().dry_run {
            p.banner role="status" { "Dry run: all actions are reported only, and nothing is stopped." }
        }
    }
}

/// For an id that there is none of.
pub(super) fn missing(reader: &Reader) -> Markup {
    document(
        "Not found",
        Some(Here::new("/actions", reader)),
        &html! {
            p role="alert" { "There is none of this id." }
            p { a href="/actions" { "Actions" } }
        },
    )
}
