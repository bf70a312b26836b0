//! What came after a run: beside what was done, or would have been, what the actor did next.

use std::sync::Arc;
use std::time::Duration;

use maud::{Markup, html};
use sqreen::protocol::Timestamp;
use tokio::pin;
use tokio::time::timeout;

use super::super::actions::{decision, table};
use super::super::explorer::link;
use super::super::text::{counted, grouped, short, stamp, time};
use super::words;
use crate::playbooks::{After, Done};
use crate::server::{App, blocking};
use crate::state::{ActionRecord, RunRecord};
use crate::store::ScanMonitor;

/// How long a page waits for the count of the actor's events.
const PATIENCE: Duration = Duration::from_millis(100);
/// The most names of events that are listed.
const NAMES: usize = 10;
/// The most actions that are listed.
const ACTIONS: usize = 10;

/// What the page is made of.
pub(super) struct Came {
    after: After,
    /// `None` if the events cannot be read.
    done: Option<Done>,
    /// The other actions on the actor, the newest first.
    met: Vec<ActionRecord>,
}

/// Ends a scan whose reader has gone.
struct Left(Arc<ScanMonitor>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Came {
    /// `None` if the run's actor is not known any more.
    pub(super) async fn of(app: &App, run: &RunRecord) -> Option<Self> {
        let after = After::of(run)?;
        let (shared, of, own) = (Arc::clone(app), after.clone(), run.clone());
        let met = match blocking(move || of.met(&shared.actions, &own)).await {
            Ok(Ok(met)) => met,
            Ok(Err(error)) => {
                tracing::error!(%error, "the actions on an actor not read");
                return None;
            }
            Err(error) => {
                tracing::error!(%error, "the actions on an actor not read");
                return None;
            }
        };
        let done = done(app, &after).await;
        Some(Self { after, done, met })
    }

    pub(super) fn markup(&self) -> Markup {
        html! {
            @match &self.done {
                None => p { "Their events cannot be read now." },
                Some(done) => (self.events(done)),
            }
            @if self.met.is_empty() {
                p { "No other action met them meanwhile." }
            } @else {
                p { (counted(self.met.len() as u64, "other action")) " met them meanwhile:" }
                (table("Other actions", &["What", "Why", "Ends"], self.met.iter().take(ACTIONS).map(action)))
                @if self.met.len() > ACTIONS { p.note { "The newest " (ACTIONS) " are shown." } }
            }
        }
    }

    fn events(&self, done: &Done) -> Markup {
        let explorer = |filter: &str| {
            let (from, to) = (stamp(self.after.from), stamp(self.after.until));
            link("/", [("filter", filter), ("from", &from), ("to", &to)])
        };
        let own = self.after.filter().to_string();
        let more = done.names.len().saturating_sub(NAMES);
        html! {
            p {
                @if !done.whole { "At least " }
                a href=(explorer(&own)) { (counted(done.events, "event")) }
                " of theirs until " (time(self.after.until)) ". "
                strong {
                    @if done.signed_in > 0 {
                        (counted(done.signed_in, "successful login"))
                        @if let Some(first) = done.first_signed_in { ", the first at " (time(first)) }
                    } @else { "No successful login" }
                }
                "."
            }
            @if !done.whole { p.note { "Counting them all takes longer than a page may. The link shows them all." } }
            @if !done.names.is_empty() {
                ul.counts {
                    @for (name, events) in done.names.iter().take(NAMES) {
                        li { (short(name)) " " small { (grouped(*events)) } }
                    }
                    @if more > 0 { li { "and " (counted(more as u64, "other name")) } }
                }
            }
        }
    }
}

/// Their events, as many as can be counted in time.
async fn done(app: &App, after: &After) -> Option<Done> {
    let monitor = Arc::new(ScanMonitor::new());
    let left = Left(Arc::clone(&monitor));
    let (shared, of) = (Arc::clone(app), after.clone());
    let counting = blocking(move || of.done(&*shared.store, &monitor));
    pin!(counting);
    let counted = match timeout(PATIENCE, &mut counting).await {
        Ok(counted) => counted,
        Err(_) => {
            drop(left);
            counting.await
        }
    };
    match counted.and_then(|counted| counted) {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "the events of an actor not read");
            None
        }
    }
}

fn action(record: &ActionRecord) -> Markup {
    let now = Timestamp::now().as_micros();
    let ended = record.lifted_at.or(record.action.expires_at);
    html! {
        tr {
            td data-label="What" {
                span {
                    (words::kind(record.action.kind))
                    @if record.action.dry_run { " " span.mark { "dry run" } }
                    " " span.mark { (record.state(now)) }
                }
            }
            td data-label="Why" { span { (decision(record)) } }
            td data-label="Ends" { @match ended { Some(ended) => (time(ended)), None => "never" } }
        }
    }
}
