//! `/metrics`.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::text::Page;
use super::{Class, Metrics};
use crate::api::Problem;
use crate::enrich::Source;
use crate::playbooks::RunnerStats;
use crate::server::{App, Shared, blocking};
use crate::state::{Channel, StateError};

/// `GET /metrics`.
pub(super) async fn answer(State(app): State<App>) -> Result<Response, Problem> {
    let shared = Arc::clone(&app);
    let text = blocking(move || page(&shared)).await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, text).into_response())
}

fn page(shared: &Shared) -> String {
    let mut page = Page::default();
    requests(&mut page, &shared.metrics);
    store(&mut page, shared);
    enrichment(&mut page, shared);
    let sign_ins = shared.signin.throttle.outcomes();
    let sign_ins = sign_ins.map(|(outcome, count)| (format!("outcome=\"{outcome}\""), count));
    page.counter(
        "sqreen_sign_ins_total",
        "Attempts to sign in by password; a refused one came too soon.",
        &sign_ins
            .each_ref()
            .map(|(label, count)| (label.as_str(), *count)),
    );
    let (sessions, streams) = shared.sessions.counts();
    page.gauge("sqreen_sessions", "Agents that are logged in.", sessions);
    page.gauge(
        "sqreen_action_streams",
        "Open streams of security responses.",
        streams,
    );
    notifications(&mut page, shared);
    playbooks(&mut page, shared);
    if let Some(bytes) = resident_bytes() {
        let help = "Memory of the process that is in RAM.";
        page.gauge("process_resident_memory_bytes", help, bytes);
    }
    page.finish()
}

fn requests(page: &mut Page, metrics: &Metrics) {
    let classes = || Class::ALL.into_iter().zip(&metrics.requests);
    let counts = classes().flat_map(|(class, requests)| {
        let statuses = (1..).zip(&requests.statuses);
        statuses.map(move |(digit, count)| {
            let labels = format!("class=\"{}\",status=\"{digit}xx\"", class.name());
            (labels, count.load(Ordering::Relaxed))
        })
    });
    let counts: Vec<_> = counts.collect();
    let counts: Vec<_> = counts
        .iter()
        .map(|(labels, count)| (labels.as_str(), *count))
        .collect();
    let help = "Requests by what they are for, and the first digit of their status.";
    page.counter("sqreen_http_requests_total", help, &counts);
    let times: Vec<_> = classes()
        .map(|(class, requests)| {
            (
                format!("class=\"{}\"", class.name()),
                requests.times.times(),
            )
        })
        .collect();
    let times: Vec<_> = times
        .iter()
        .map(|(labels, times)| (labels.as_str(), *times))
        .collect();
    let help = "Time until the response began.";
    page.histogram("sqreen_http_request_duration_seconds", help, &times);
}

fn store(page: &mut Page, shared: &Shared) {
    let stats = shared.store.stats();
    let outcomes = [
        ("outcome=\"stored\"", stats.stored_events),
        ("outcome=\"duplicate\"", stats.duplicate_events),
        (
            "outcome=\"rejected\"",
            shared.metrics.rejected.load(Ordering::Relaxed),
        ),
    ];
    page.counter(
        "sqreen_events_total",
        "Events received, by what became of them.",
        &outcomes,
    );
    page.counter(
        "sqreen_ignored_total",
        "What agents sent that is not kept, see /api/v1/outcomes for the kinds.",
        &[("", shared.intake.ignored.total())],
    );
    page.counter(
        "sqreen_refused_agents_total",
        "Requests of agents without a token that is known, see /api/v1/apps for where they come from.",
        &[("", shared.intake.refused.total())],
    );
    page.counter(
        "sqreen_deferred_batches_total",
        "Batches that the rate limit told to come again.",
        &[("", shared.intake.rates.deferred())],
    );
    let gauges = [
        ("hot_rows", "Events in memory.", stats.hot_rows),
        ("hot_bytes", "Memory that they take.", stats.hot_bytes),
        ("sealed_rows", "Events in segments.", stats.sealed_rows),
        ("segments", "Segments.", stats.segments),
        (
            "segment_bytes",
            "Bytes of the segments.",
            stats.segment_bytes,
        ),
        (
            "journal_bytes",
            "Bytes of the journal.",
            stats.journal_bytes,
        ),
        (
            "kept_bytes",
            "Bytes of sealed journals that wait to be consumed.",
            stats.kept_bytes,
        ),
        (
            "unconsumed_events",
            "Events dropped from them before they were consumed.",
            stats.unconsumed_events,
        ),
        (
            "dedupe_ids",
            "Ids remembered to know duplicates.",
            stats.dedupe_ids,
        ),
    ];
    for (name, help, value) in gauges {
        page.gauge(&format!("sqreen_store_{name}"), help, value);
    }
    let counters = [
        (
            "dedupe_forgotten",
            "Ids forgotten before their time.",
            stats.dedupe_forgotten,
        ),
        (
            "torn_bytes",
            "Bytes of unfinished writes cut off.",
            stats.torn_bytes,
        ),
        (
            "damaged_frames",
            "Damaged stretches of journal.",
            stats.damaged_frames,
        ),
        (
            "damaged_segments",
            "Segments set aside as damaged.",
            stats.damaged_segments,
        ),
        (
            "failed_appends",
            "Appends that the disk refused.",
            stats.failed_appends,
        ),
        (
            "failed_seals",
            "Attempts to seal that failed.",
            stats.failed_seals,
        ),
        (
            "cancelled_scans",
            "Scans that ended early since nobody waited for them any longer.",
            stats.cancelled_scans,
        ),
        (
            "expired_segments",
            "Segments deleted by retention.",
            stats.expired_segments,
        ),
        (
            "expired_events",
            "Events deleted by retention.",
            stats.expired_events,
        ),
        (
            "compactions",
            "Times that small segments were made one.",
            stats.compactions,
        ),
    ];
    for (name, help, value) in counters {
        page.counter(&format!("sqreen_store_{name}_total"), help, &[("", value)]);
    }
    let help = "Time to make a group of appends durable.";
    let times = [("", stats.sync_times)];
    page.histogram("sqreen_store_sync_duration_seconds", help, &times);
}

/// The files that tell what is known of addresses.
fn enrichment(page: &mut Page, shared: &Shared) {
    let sources = shared.enrichment.sources();
    let mut gauges = |name: &str, help, value: fn(&Source) -> Option<u64>| {
        let values: Vec<_> = sources
            .iter()
            .filter_map(|source| Some((format!("file=\"{}\"", source.name()), value(source)?)))
            .collect();
        let values: Vec<_> = values
            .iter()
            .map(|(label, value)| (label.as_str(), *value))
            .collect();
        if !values.is_empty() {
            page.gauges(&format!("sqreen_enrichment_{name}"), help, &values);
        }
    };
    gauges(
        "entries",
        "Lines of a list, or nodes of a database, that are in force.",
        |source| Some(source.entries()),
    );
    gauges(
        "age_seconds",
        "Time since the file that is in force was written.",
        Source::age,
    );
    gauges(
        "failed",
        "Whether the file cannot be taken as it is, or has gone; the one before stays in force.",
        |source| Some(u64::from(source.has_failed())),
    );
}

fn notifications(page: &mut Page, shared: &Shared) {
    fn borrowed(values: &[(String, u64)]) -> Vec<(&str, u64)> {
        let values = values.iter();
        values
            .map(|(labels, value)| (labels.as_str(), *value))
            .collect()
    }
    let counts = shared.notifier.counts().read();
    page.counter(
        "sqreen_notifications_total",
        "Deliveries that were made or given up, tries that failed, and notices that found the line full.",
        &borrowed(&counts),
    );
    let waiting = Channel::ALL.map(|channel| {
        let count = shared.state.pending(channel)?;
        Ok((format!("kind=\"{}\"", channel.name()), count))
    });
    // Without the store, there is no number, and zero would be a wrong one.
    if let Ok(waiting) = waiting.into_iter().collect::<Result<Vec<_>, StateError>>() {
        let help = "Deliveries that wait.";
        page.gauges("sqreen_notifications_queued", help, &borrowed(&waiting));
    }
}

fn playbooks(page: &mut Page, shared: &Shared) {
    let RunnerStats {
        engine,
        missed,
        runs,
        checkpoint_bytes,
    } = shared.runner.stats();
    let gauges = [
        (
            "actors",
            "Actors that playbooks remember, once for each.",
            engine.actors,
        ),
        (
            "actor_bytes",
            "The memory that they take, roughly.",
            engine.bytes,
        ),
        (
            "checkpoint_bytes",
            "Bytes of the last checkpoint.",
            checkpoint_bytes,
        ),
    ];
    for (name, help, value) in gauges {
        page.gauge(&format!("sqreen_playbooks_{name}"), help, value);
    }
    let counters = [
        ("events", "Events that concerned a playbook.", engine.events),
        (
            "late_events",
            "Of these, events that came too late to count.",
            engine.late,
        ),
        (
            "missed_events",
            "Events that were stored and not evaluated.",
            missed,
        ),
        ("firings", "How often a playbook fired.", engine.firings),
        ("runs", "Firings that were decided.", runs),
        (
            "evicted_actors",
            "Actors forgotten before their time, for others.",
            engine.evicted,
        ),
        (
            "trimmed_events",
            "Events forgotten before their time, in one window.",
            engine.trimmed,
        ),
    ];
    for (name, help, value) in counters {
        page.counter(
            &format!("sqreen_playbooks_{name}_total"),
            help,
            &[("", value)],
        );
    }
}

/// The memory that is in RAM, where the system tells it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
