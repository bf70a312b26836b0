//! What each layer adds to one request of an axum router.

use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Path, Request};
use axum::routing::get;
use sqreen::{Config, Sqreen};
use tower::Service as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::measure::{RUNS, Row, Table, median, min};

const REQUESTS: u32 = 4_000;
const OURS: &str = "sqreen";
const TRACE: &str = "tower-http `TraceLayer`, no subscriber";
const SENTRY: &str = "sentry-tower, no client";
const SENTRY_CLIENT: &str = "sentry-tower, client";

/// 22 routes.
fn router() -> Router {
    let fixed = (0..21).fold(Router::new(), |router, n| {
        router.route(&format!("/route{n}"), get(async || "fixed"))
    });
    fixed.route(
        "/users/{id}",
        get(async |Path(id): Path<u64>| id.to_string()),
    )
}

fn request() -> Request {
    // The parts are constants, and valid.
    Request::builder()
        .uri("/users/42?page=3")
        .header("host", "shop.example")
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        )
        .header("accept", "text/html,application/xhtml+xml")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("x-forwarded-for", "203.0.113.7")
        .header("cookie", "session=0123456789abcdef")
        .extension(ConnectInfo(SocketAddr::from(([203, 0, 113, 1], 4711))))
        .body(Body::empty())
        .unwrap_or_default()
}

fn ready<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
}

fn call(router: &mut Router) {
    let Ok(response) = ready(router.call(request()));
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = pin!(&mut body).poll_frame(&mut cx) {
        black_box(frame).ok();
    }
}

fn run(router: &mut Router) -> f64 {
    let start = Instant::now();
    for _ in 0..REQUESTS {
        call(router);
    }
    start.elapsed().as_nanos() as f64 / f64::from(REQUESTS)
}

fn allocations(router: &mut Router) -> (f64, f64) {
    let info = allocation_counter::measure(|| {
        for _ in 0..100 {
            call(router);
        }
    });
    (
        info.count_total as f64 / 100.0,
        info.bytes_total as f64 / 100.0,
    )
}

/// What `layered` costs beyond the bare router, each run of one beside a run of the other.
fn added(name: &'static str, mut layered: Router) -> Row {
    let mut bare = router();
    run(&mut bare);
    run(&mut layered);
    let (mut deltas, mut bares, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (b, l) = (run(&mut bare), run(&mut layered));
        deltas.push(l - b);
        bares.push(b);
        all.push(l);
    }
    let (base_count, base_bytes) = allocations(&mut bare);
    let (count, bytes) = allocations(&mut layered);
    Row {
        name,
        median_ns: median(deltas),
        min_ns: min(&all) - min(&bares),
        allocations: count - base_count,
        bytes: bytes - base_bytes,
    }
}

pub(crate) fn measure(url: &str) -> Result<Table, Box<dyn Error>> {
    let sqreen = Sqreen::new(Config::builder().token("bench").url(url).build()?)?;
    let off = Sqreen::new(Config::disabled())?;
    let mut bare = router();
    run(&mut bare);
    let runs: Vec<_> = (0..RUNS).map(|_| run(&mut bare)).collect();
    let (count, bytes) = allocations(&mut bare);
    let note = format!(
        "Bare router, building the request included: median {:.0} ns, min {:.0} ns, {count:.1} allocations, {bytes:.0} bytes.",
        median(runs.clone()),
        min(&runs)
    );
    let mut table = Table::new("Added to one request", note);
    table.push(added(
        "no-op layer",
        router().layer(tower::layer::layer_fn(|inner| inner)),
    ));
    table.push(added(OURS, router().layer(sqreen.layer())));
    table.push(added("sqreen, disabled", router().layer(off.layer())));
    let collecting = sqreen.layer().collect_body();
    table.push(added("sqreen, `collect_body`", router().layer(collecting)));
    let trace = || router().layer(tower_http::trace::TraceLayer::new_for_http());
    table.push(added(TRACE, trace()));
    let sentry = || {
        router()
            .layer(sentry_tower::SentryHttpLayer::new())
            .layer(sentry_tower::NewSentryLayer::<Request>::new_from_top())
    };
    table.push(added(SENTRY, sentry()));
    sentry::Hub::current().bind_client(Some(Arc::new(crate::track::sentry_client()?)));
    table.push(added(SENTRY_CLIENT, sentry()));
    sentry::Hub::current().bind_client(None);
    table.push(added(
        "posthog-rs `PostHogLayer`",
        router().layer(posthog_rs::tower::PostHogLayer::new()),
    ));
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(std::io::sink)
        .finish();
    let subscribed = subscriber.set_default();
    table.push(added(
        "tower-http `TraceLayer`, DEBUG as JSON to a sink",
        trace(),
    ));
    drop(subscribed);
    table.bar(OURS, TRACE, 1.0);
    table.bar(OURS, SENTRY, 0.25);
    table.bar(OURS, SENTRY_CLIENT, 0.25);
    Ok(table)
}
