//! The page. Whatever agents sent is escaped where it is written.

use maud::{Markup, html};

use super::{
    Asked, Found, Listing, Place, Reading, Terms, Unread, chart, first, form, groups, list,
};
use crate::server::App;
use crate::store::{Cursor, EventPage, Field, Filter, TimeRange};
use crate::ui::actions::Met;
use crate::ui::room::MOST;
use crate::ui::text::{counted, stamp};
use crate::ui::{delivery, views};

/// What of a page's bytes is kept for the page's frame, and for what stands around the list.
const FRAME: usize = 4_000;

/// `url` is where the reader's browser reaches this server, if it told.
pub(super) fn explorer(
    app: &App,
    listing: &Listing<'_>,
    reading: &Reading,
    url: Option<&str>,
) -> Markup {
    let empty = if asks(listing.place) {
        unmatched(listing.place)
    } else {
        first::steps(listing.place, listing.reader, url)
    };
    page(app, listing, reading, &empty)
}

/// What a page of events shows below its form; `empty` is what to say where nothing was found.
pub(crate) fn page(app: &App, listing: &Listing<'_>, reading: &Reading, empty: &Markup) -> Markup {
    let place = listing.place;
    html! {
        @match reading {
            Err(Unread::Wrong(problem)) => {
                (form::ranges(place, Err(problem)))
                p { a href=(place.with(&STATE.map(|name| (name, "")))) { "Start again without a filter" } }
            },
            Err(Unread::Failed) => {
                p role="alert" {
                    "The event store cannot be read now. The server's log says why. "
                    a href=(place.here()) { "Try again" }
                }
            },
            // A chart of nothing would hide what to do next.
            Ok((_, found)) if found.page.events.is_empty() && !asks(place) => (empty),
            Ok((asked, found)) => (events(app, listing, asked, found, empty)),
        }
    }
}

/// The parameters that a page may have.
const STATE: [&str; 8] = [
    "filter", "last", "from", "to", "by", "group", "limit", "cursor",
];

/// Whether the page asks for less than all there is.
fn asks(place: &Place) -> bool {
    let asks = |name: &str| !place.value(name).is_empty();
    !place.own().is_empty()
        || ["filter", "last", "from", "to", "cursor"]
            .into_iter()
            .any(asks)
}

fn events(
    app: &App,
    listing: &Listing<'_>,
    asked: &Asked,
    found: &Found,
    empty: &Markup,
) -> Markup {
    let place = listing.place;
    let terms = Terms::new(place, asked);
    let above = html! {
        (form::ranges(place, Ok(found.span)))
        (chart::chart(place, asked, &terms, found))
        (delivery::completeness(app, asked.apps(), found.span))
        @if let (Some(by), Some(found_groups)) = (&asked.group, &found.groups) {
            @let range = TimeRange { from: Some(found.span.0), to: Some(found.span.1) };
            (groups::table(by, found_groups, &terms, &export(asked, "csv", range, Some(by))))
        }
    };
    let views = views::menu(listing);
    let besides = listing.besides + FRAME + above.0.len() + views.0.len();
    let room = MOST.saturating_sub(besides);
    let of = (found.page.events.as_slice(), found.actions.as_slice());
    let (list, shown) = list::table(listing, &terms, of, room);
    let next = super::next(&found.page, shown);
    html! {
        (above)
        (tools(place, asked, shown, next.is_some(), &views))
        @if shown == 0 { div data-none { (empty) } }
        (list)
        (older(place, next))
    }
}

/// The list of the page, and the way on.
pub(super) fn alone(
    listing: &Listing<'_>,
    asked: &Asked,
    page: &EventPage,
    actions: &[Met],
) -> Markup {
    let terms = Terms::new(listing.place, asked);
    let of = (page.events.as_slice(), actions);
    let (list, shown) = list::table(listing, &terms, of, MOST.saturating_sub(FRAME));
    html! { (list) (older(listing.place, super::next(page, shown))) }
}

/// The way to the next page, if there is one.
fn older(place: &Place, next: Option<Cursor>) -> Markup {
    html! {
        @if let Some(next) = next {
            nav.pages aria-label="More" { a rel="next" href=(place.with(&[("cursor", &next.to_string())])) { "Older events" } }
        }
    }
}

/// What can be done with what is shown.
fn tools(place: &Place, asked: &Asked, shown: usize, more: bool, views: &Markup) -> Markup {
    let followed = place.value("cursor").is_empty() && place.value("to").is_empty();
    html! {
        div.tools {
            h2 { (counted(shown as u64, "event")) @if more { ", newest first" } }
            span.live data-live=[followed.then(|| live(place))] aria-live="polite" { a href=(place.with(&[])) { "Refresh" } }
            @if shown > 0 {
                span.exports {
                    "Export "
                    a href=(export(asked, "csv", asked.range, None)) download { "CSV" } " "
                    a href=(export(asked, "ndjson", asked.range, None)) download { "NDJSON" }
                }
            }
            (views)
        }
    }
}

/// Where the events of the page come as they are stored.
pub(super) fn live(place: &Place) -> String {
    let path = format!("{}/live", place.path().trim_end_matches('/'));
    super::link(&path, place.along(&[]))
}

/// The file of all events that the page is about, in this range, or of the values of a field that they have.
fn export(asked: &Asked, format: &str, range: TimeRange, by: Option<&Field>) -> String {
    let filter = match &asked.filter {
        Filter::All(filters) if filters.is_empty() => String::new(),
        filter => filter.to_string(),
    };
    let time = |time: Option<i64>| time.map(stamp).unwrap_or_default();
    let (from, to) = (time(range.from), time(range.to));
    let by = by.map(Field::to_string).unwrap_or_default();
    let given = [
        ("format", format),
        ("filter", &filter),
        ("by", &by),
        ("from", &from),
        ("to", &to),
    ];
    super::link(
        "/export",
        given.into_iter().filter(|(_, value)| !value.is_empty()),
    )
}

fn unmatched(place: &Place) -> Markup {
    html! {
        p {
            "No event matches. "
            @if !place.value("last").is_empty() || !place.value("from").is_empty() || !place.value("to").is_empty() {
                a href=(place.with(&[("last", ""), ("from", ""), ("to", "")])) { "Look at all of time" } " "
            }
            @if !place.value("filter").is_empty() {
                a href=(place.with(&[("filter", "")])) { "Take the filter away" }
            }
        }
    }
}
