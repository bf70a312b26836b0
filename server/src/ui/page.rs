//! What all pages have in common.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::access::Reader;
use crate::state::Role;

/// The places that the navigation leads to, each with the role that it takes.
const PLACES: [(&str, &str, Role); 7] = [
    ("/", "Events", Role::Viewer),
    ("/actions", "Actions", Role::Viewer),
    ("/playbooks", "Playbooks", Role::Viewer),
    ("/delivery", "Delivery", Role::Viewer),
    ("/apps", "Apps", Role::Viewer),
    ("/notifications", "Notifications", Role::Operator),
    ("/account", "Account", Role::Viewer),
];

/// Where a page is in the navigation of the one who reads it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here<'a> {
    path: &'a str,
    reader: &'a Reader,
}

impl<'a> Here<'a> {
    /// At this path; one that the navigation does not lead to is nowhere in it.
    pub(super) fn new(path: &'a str, reader: &'a Reader) -> Self {
        Self { path, reader }
    }
}

/// A page; whoever has not signed in has no navigation.
pub(super) fn document(title: &str, here: Option<Here<'_>>, content: &Markup) -> Markup {
    html! { (opening(title, here)) (content) (CLOSING) }
}

/// A page up to where its content begins.
pub(super) fn opening(title: &str, here: Option<Here<'_>>) -> Markup {
    html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            title { (title) }
            link rel="stylesheet" href="/assets/explorer.css";
            link rel="icon" href="data:,";
            @if here.is_some() { script type="module" src="/assets/explorer.js" {} }
        }
        (PreEscaped("<body>"))
        header {
            h1 { a href="/" { "Event Explorer" } }
            @if let Some(here) = here {
                nav aria-label="Pages" {
                    @for (path, name, role) in PLACES {
                        @if here.reader.may(role) { a href=(path) aria-current=[(path == here.path).then_some("page")] { (name) } }
                    }
                }
            }
        }
        (PreEscaped("<main>"))
    }
}

/// A page from where its content ends.
pub(super) const CLOSING: PreEscaped<&str> = PreEscaped("</main></body></html>");

/// A page that says what is wrong, and where to go.
pub(super) fn refusal(
    title: &str,
    here: Option<Here<'_>>,
    reason: &str,
    ways: &[(&str, &str)],
) -> Markup {
    document(
        title,
        here,
        &html! {
            p role="alert" { (reason) }
            p { @for (href, name) in ways { a href=(href) { (name) } " " } }
        },
    )
}
