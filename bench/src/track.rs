//! What one event costs the thread that tracks it.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{
    BatchConfigBuilder, BatchLogProcessor, LogBatch, LogExporter, SdkLoggerProvider,
};
use sqreen::{Config, Event, Sqreen, SqreenCtx};
use tower::{Layer as _, Service as _};

use crate::measure::{RUNS, Row, Table, median, min};

/// Events of a run: few enough for every queue to hold them all.
const EVENTS: u32 = 400;
const DRAIN: Duration = Duration::from_secs(30);
const REST: Duration = Duration::from_millis(5);
const OURS: &str = "sqreen `track`";
const OTEL: &str = "OpenTelemetry `BatchLogProcessor`, emit";

fn row(name: &'static str, mut event: impl FnMut(), mut drain: impl FnMut()) -> Row {
    let mut runs = Vec::new();
    for warm in 0..=RUNS {
        // However long a queue takes to drain, every run starts from the same rest.
        std::thread::sleep(REST);
        let start = Instant::now();
        for _ in 0..EVENTS {
            event();
        }
        let run = start.elapsed().as_nanos() as f64 / f64::from(EVENTS);
        drain();
        if warm > 0 {
            runs.push(run);
        }
    }
    // Of this thread alone.
    let info = allocation_counter::measure(|| (0..EVENTS).for_each(|_| event()));
    drain();
    Row {
        name,
        median_ns: median(runs.clone()),
        min_ns: min(&runs),
        allocations: info.count_total as f64 / f64::from(EVENTS),
        bytes: info.bytes_total as f64 / f64::from(EVENTS),
    }
}

/// A request's handle, as the layer makes it, whose request has been answered.
fn handle(sqreen: &Sqreen) -> Option<SqreenCtx> {
    let (sender, receiver) = std::sync::mpsc::channel();
    let mut service = sqreen
        .layer()
        .layer(tower::service_fn(move |request: http::Request<()>| {
            let sent = sender.send(request.extensions().get::<SqreenCtx>().cloned());
            std::future::ready(sent.map(|()| http::Response::new(())))
        }));
    let request = http::Request::get("/users/42?page=3").header("user-agent", "bench");
    let response = pin_ready(service.call(request.body(()).ok()?));
    response?.ok()?;
    receiver.recv().ok()?
}

fn pin_ready<F: Future>(future: F) -> Option<F::Output> {
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut cx) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

fn ours(url: &str, table: &mut Table) -> Result<String, Box<dyn Error>> {
    let config = Config::builder()
        .token("bench")
        .url(url)
        .max_staleness(Duration::from_millis(20));
    let sqreen = Sqreen::new(config.build()?)?;
    let context = handle(&sqreen).ok_or("the layer made no handle")?;
    table.push(row(
        OURS,
        || {
            let event = Event::from("cart.checkout").property("amount", 42);
            context.track(event.property("currency", "EUR").property("new", true));
        },
        || {
            let deadline = Instant::now() + DRAIN;
            while sqreen.stats().pending > 0 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
        },
    ));
    let stats = sqreen.stats();
    let all = stats.accepted == stats.tracked && stats.dropped.is_empty();
    if !all {
        return Err(format!("sqreen lost events: {stats:?}").into());
    }
    Ok(format!(
        "Queues are drained between runs of {EVENTS} events. The backend accepted all {} events of sqreen; none was dropped.",
        stats.accepted
    ))
}

#[derive(Debug)]
struct Discard;

impl LogExporter for Discard {
    async fn export(&self, _: LogBatch<'_>) -> OTelSdkResult {
        Ok(())
    }
}

fn opentelemetry(table: &mut Table) {
    let config = BatchConfigBuilder::default().with_max_queue_size(65_536);
    let processor = BatchLogProcessor::builder(Discard).with_batch_config(config.build());
    let provider = SdkLoggerProvider::builder()
        .with_log_processor(processor.build())
        .build();
    let logger = provider.logger("bench");
    table.push(row(
        OTEL,
        || {
            let mut record = logger.create_log_record();
            record.set_event_name("cart.checkout");
            record.set_severity_number(Severity::Info);
            record.add_attribute("amount", 42);
            record.add_attribute("currency", AnyValue::from("EUR"));
            record.add_attribute("new", true);
            logger.emit(record);
        },
        || drop(provider.force_flush()),
    ));
}

struct Sink;

impl sentry::Transport for Sink {
    fn send_envelope(&self, envelope: sentry::Envelope) {
        drop(envelope);
    }
}

/// A client whose envelopes go nowhere.
pub(crate) fn sentry_client() -> Result<sentry::Client, Box<dyn Error>> {
    let mut options = sentry::ClientOptions::default();
    options.dsn = Some("https://public@localhost/1".parse()?);
    options.transport = Some(Arc::new(Arc::new(Sink)));
    Ok(sentry::Client::from(options))
}

fn sentry(table: &mut Table) -> Result<(), Box<dyn Error>> {
    let hub = sentry::Hub::current();
    hub.bind_client(Some(Arc::new(sentry_client()?)));
    table.push(row(
        "sentry `capture_event`, transport to nowhere",
        || {
            let mut event = sentry::protocol::Event {
                message: Some("cart.checkout".into()),
                ..Default::default()
            };
            event.extra.insert("amount".into(), 42.into());
            event.extra.insert("currency".into(), "EUR".into());
            event.extra.insert("new".into(), true.into());
            sentry::capture_event(event);
        },
        || (),
    ));
    hub.bind_client(None);
    Ok(())
}

fn posthog(url: &str, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let options = posthog_rs::ClientOptionsBuilder::default()
        .host(url)
        .api_key("bench".to_owned())
        .build()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let client = runtime.block_on(posthog_rs::client(options));
    table.push(row(
        "posthog-rs `capture`",
        || {
            let mut event = posthog_rs::Event::new("cart.checkout", "user");
            // These values can be serialised.
            let _ = event.insert_prop("amount", 42);
            let _ = event.insert_prop("currency", "EUR");
            let _ = event.insert_prop("new", true);
            client.capture(event);
        },
        || runtime.block_on(client.flush()),
    ));
    runtime.block_on(client.shutdown());
    Ok(())
}

pub(crate) fn measure(url: &str) -> Result<Table, Box<dyn Error>> {
    let mut table = Table::new(
        "One event with 3 properties, on the caller's thread",
        String::new(),
    );
    let note = ours(url, &mut table)?;
    table.note(note);
    opentelemetry(&mut table);
    posthog(url, &mut table)?;
    sentry(&mut table)?;
    table.bar(OURS, OTEL, 0.5);
    Ok(table)
}
