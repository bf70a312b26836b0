//! What is shown until the first event comes: how to send it.

use maud::{Markup, html};

use super::{Place, page};
use crate::state::Role;
use crate::ui::access::Reader;

/// What an app needs, and nothing less.
const SNIPPET: &str = include_str!("snippet.txt");

/// Compiles what is shown.
#[cfg(doctest)]
#[doc = concat!(
    "```no_run\n",
    "# use sqreen::{Config, Sqreen};\n",
    "# fn app(router: axum::Router) -> Result<axum::Router, Box<dyn std::error::Error>> {\n",
    include_str!("snippet.txt"),
    "# Ok(app)\n# }\n```"
)]
struct Compiled;

/// `url` is where the browser of the reader reaches this server, if it told.
pub(super) fn steps(place: &Place, reader: &Reader, url: Option<&str>) -> Markup {
    html! {
        p { "No events yet. Add the layer to an axum app, and track:" }
        pre tabindex="0" { code { (SNIPPET.trim_end()) } }
        p { "Tell it where to send them; without a token the app runs and sends nothing:" }
        pre tabindex="0" {
            code {
                "SQREEN_TOKEN=… # "
                @if reader.may(Role::Admin) { a href="/apps#make" { "make one for the app" } } @else { "an admin makes one for the app, at /apps" }
                "\nSQREEN_URL=" (url.unwrap_or("http://127.0.0.1:8620"))
            }
        }
        p role="status" data-first=(page::live(place)) {
            a href=(place.here()) { "Reload" } " to see whether the first event has come."
        }
        p { a href="/apps" { "See which agents are connected" } ", and " a href="/delivery" { "what became of what they sent" } "." }
    }
}
