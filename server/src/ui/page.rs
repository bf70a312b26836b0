//! What all pages have in common.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The places that the navigation leads to.
const PLACES: [(&str, &str); 7] = [
    ("/", "Events"),
    ("/actions", "Actions"),
    ("/playbooks", "Playbooks"),
    ("/delivery", "Delivery"),
    ("/apps", "Apps"),
    ("/notifications", "Notifications"),
    ("/account", "Account"),
];

/// A page; `here` is its place in the navigation, for those who signed in.
pub(super) fn document(title: &str, here: Option<&str>, content: &Markup) -> Markup {
    html! { (opening(title, here)) (content) (CLOSING) }
}

/// A page up to where its content begins.
pub(super) fn opening(title: &str, here: Option<&str>) -> Markup {
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
                    @for (path, name) in PLACES {
                        a href=(path) aria-current=[(path == here).then_some("page")] { (name) }
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
pub(super) fn refusal(title: &str, here: &str, reason: &str, ways: &[(&str, &str)]) -> Markup {
    document(
        title,
        Some(here),
        &html! {
            p role="alert" { (reason) }
            p { @for (href, name) in ways { a href=(href) { (name) } " " } }
        },
    )
}
