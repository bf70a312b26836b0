//! Pages that may take long: what is known at once comes first, then how far the scans behind the page are, then the
//! rest. It needs no script; with script, the wait can be cancelled. Whoever leaves ends the scans.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use maud::{Markup, html};
use tokio::time::timeout;

use super::page::{self, Here};
use super::text::grouped;
use crate::store::ScanMonitor;

/// How long a page may take before it shows that it takes long.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often it tells of its progress from then on.
const PACE: Duration = Duration::from_millis(250);

/// What a scan behind a page is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Events,
    Chart,
    Groups,
    Past,
}

/// What the stages are called, in the order of [`Stage`], in which they run.
const NAMES: [&str; 4] = [
    "Looking for the events",
    "Counting for the chart",
    "Counting the groups",
    "Looking back",
];

/// The scans behind a page.
#[derive(Debug, Default)]
pub(super) struct Scans([ScanMonitor; NAMES.len()]);

impl Scans {
    pub(super) fn of(&self, stage: Stage) -> &ScanMonitor {
        let [events, chart, groups, past] = &self.0;
        match stage {
            Stage::Events => events,
            Stage::Chart => chart,
            Stage::Groups => groups,
            Stage::Past => past,
        }
    }

    /// The scan that runs, by its rows that are done and all its rows.
    fn progress(&self) -> Option<(&'static str, u64, u64)> {
        let begun = NAMES.iter().zip(&self.0).rev();
        let mut begun = begun.filter(|(_, scan)| scan.rows() > 0);
        let (name, scan) = begun.next()?;
        Some((name, scan.scanned().min(scan.rows()), scan.rows()))
    }
}

/// Someone who waits for a page; dropped, the scans end.
struct Waiting(Arc<Scans>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.iter().for_each(ScanMonitor::cancel);
    }
}

type Content = Pin<Box<dyn Future<Output = (StatusCode, Markup)> + Send>>;

/// A page at its place in the navigation, of what is known at once and of what `work` answers. One that takes long is
/// answered 200 before it is known whether its scans fail; its text tells.
pub(super) async fn answer<F>(
    title: &str,
    here: Here<'_>,
    lead: &Markup,
    work: impl FnOnce(Arc<Scans>) -> F,
) -> Response
where
    F: Future<Output = (StatusCode, Markup)> + Send + 'static,
{
    let waiting = Waiting(Arc::default());
    let mut content: Content = Box::pin(work(Arc::clone(&waiting.0)));
    if let Ok((status, content)) = timeout(PATIENCE, &mut content).await {
        let content = html! { (lead) (content) };
        return (status, page::document(title, Some(here), &content)).into_response();
    }
    let first = html! { (page::opening(title, Some(here))) (lead) (opening(&waiting.0)) };
    let rest = stream::unfold(
        (Some(first), Some(content), waiting),
        |(first, content, waiting)| async {
            if let Some(first) = first {
                return Some((piece(first), (None, content, waiting)));
            }
            let mut content = content?;
            let (next, content) = match timeout(PACE, &mut content).await {
                Ok((_, content)) => (html! { (CLOSING) (content) (page::CLOSING) }, None),
                Err(_) => (step(&waiting.0), Some(content)),
            };
            Some((piece(next), (None, content, waiting)))
        },
    );
    let headers = [
        (header::CONTENT_TYPE.as_str(), "text/html; charset=utf-8"),
        // Proxies of the nginx kind would hold it back.
        ("x-accel-buffering", "no"),
    ];
    (headers, Body::from_stream(rest)).into_response()
}

fn piece(markup: Markup) -> Result<Bytes, Infallible> {
    Ok(markup.into_string().into())
}

/// The end of what [`opening`] begins.
const CLOSING: maud::PreEscaped<&str> = maud::PreEscaped("</section>");

/// The part that is shown until something stands behind it.
fn opening(scans: &Scans) -> Markup {
    html! {
        (maud::PreEscaped("<section class=\"waiting\" aria-label=\"Progress\">"))
        script type="module" async src="/assets/waiting.js" {}
        p role="status" { "This takes a while." }
        (step(scans))
    }
}

/// How far it is; the step before is hidden by it.
fn step(scans: &Scans) -> Markup {
    html! {
        p.step {
            @match scans.progress() {
                Some((name, done, rows)) => {
                    (name) ": " (grouped(done)) " of " (grouped(rows)) " rows "
                    progress value=(done) max=(rows) aria-hidden="true" {}
                },
                None => "Waiting for the store",
            }
        }
    }
}
