//! What each layer adds to one request of an axum router.

use std::error::Error;
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Path, Request};
use axum::routing::get;
use sqreen::{Config, Sqreen};
use tower::Service as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::measure::{RUNS, Row, Table, median, min};

const NOT_FOUND: &str = "sqreen, tracked";
const NOT_FOUND_MANY: &str = "sqreen, beyond the bound of a client";
const NOT_FOUND_OFF: &str = "sqreen, `track_not_found` off";
const OURS: &str = "sqreen";
const TRACE: &str = "tower-http `TraceLayer`, no subscriber";
const SENTRY: &str = "sentry-tower, no client";
const SENTRY_CLIENT: &str = "sentry-tower, client";

/// The requests of one run.
struct Load {
    uri: &'static str,
    status: u16,
    requests: u32,
    /// Whether each run has a client of its own.
    new_clients: bool,
    /// Between runs.
    rest: Duration,
}

const PAGE: Load = Load {
    uri: "/users/42?page=3",
    status: 200,
    requests: 4_000,
    new_clients: false,
    rest: Duration::ZERO,
};

/// One client that goes on and on.
const SCAN: Load = Load {
    uri: "/wp-admin/setup.php?step=1",
    status: 404,
    ..PAGE
};

/// Clients that stay within the bounds of a minute and of a second.
const VISITS: Load = Load {
    requests: 100,
    new_clients: true,
    rest: Duration::from_millis(250),
    ..SCAN
};

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

fn request(uri: &str, client: u32) -> Request {
    let client = Ipv4Addr::from_bits(Ipv4Addr::new(203, 0, 113, 1).to_bits() + client);
    // The parts are constants, and valid.
    Request::builder()
        .uri(uri)
        .header("host", "shop.example")
        .header(
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
        )
        .header("accept", "text/html,application/xhtml+xml")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("x-forwarded-for", "203.0.113.7")
        .header("cookie", "session=0123456789abcdef")
        .extension(ConnectInfo(SocketAddr::from((client, 4711))))
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

fn call(router: &mut Router, load: &Load, client: u32) {
    let Ok(response) = ready(router.call(request(load.uri, client)));
    assert_eq!(response.status(), load.status);
    let mut body = response.into_body();
    let mut cx = Context::from_waker(Waker::noop());
    while let Poll::Ready(Some(frame)) = pin!(&mut body).poll_frame(&mut cx) {
        black_box(frame).ok();
    }
}

fn run(router: &mut Router, load: &Load, number: usize) -> f64 {
    let client = if load.new_clients { number as u32 } else { 0 };
    let start = Instant::now();
    for _ in 0..load.requests {
        call(router, load, client);
    }
    let time = start.elapsed().as_nanos() as f64 / f64::from(load.requests);
    std::thread::sleep(load.rest);
    time
}

fn allocations(router: &mut Router, load: &Load) -> (f64, f64) {
    let client = if load.new_clients { u32::MAX >> 8 } else { 0 };
    let info = allocation_counter::measure(|| {
        for _ in 0..100 {
            call(router, load, client);
        }
    });
    (
        info.count_total as f64 / 100.0,
        info.bytes_total as f64 / 100.0,
    )
}

/// What `layered` costs beyond the bare router, each run of one beside a run of the other.
fn added(name: &'static str, layered: Router) -> Row {
    added_to(&PAGE, name, layered)
}

fn added_to(load: &Load, name: &'static str, mut layered: Router) -> Row {
    let mut bare = router();
    run(&mut bare, load, RUNS);
    run(&mut layered, load, RUNS);
    let (mut deltas, mut bares, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..RUNS {
        let (b, l) = (
            run(&mut bare, load, number),
            run(&mut layered, load, number),
        );
        deltas.push(l - b);
        bares.push(b);
        all.push(l);
    }
    let (base_count, base_bytes) = allocations(&mut bare, load);
    let (count, bytes) = allocations(&mut layered, load);
    Row {
        name,
        median_ns: median(deltas),
        min_ns: min(&all) - min(&bares),
        allocations: count - base_count,
        bytes: bytes - base_bytes,
    }
}

fn bare_router(load: &Load) -> String {
    let mut bare = router();
    run(&mut bare, load, RUNS);
    let runs: Vec<_> = (0..RUNS).map(|n| run(&mut bare, load, n)).collect();
    let (count, bytes) = allocations(&mut bare, load);
    format!(
        "Bare router, building the request included: median {:.0} ns, min {:.0} ns, {count:.1} allocations, {bytes:.0} bytes.",
        median(runs.clone()),
        min(&runs)
    )
}

/// What the layer adds to a request for a page that is not there.
pub(crate) fn measure_not_found(url: &str) -> Result<Table, Box<dyn Error>> {
    let config = || Config::builder().token("bench").url(url);
    let on = Sqreen::new(config().build()?)?;
    let off = Sqreen::new(config().track_not_found(false).build()?)?;
    let layered = |sqreen: &Sqreen| router().layer(sqreen.layer());
    let title = "Added to one request that ends with 404";
    let mut table = Table::new(title, bare_router(&SCAN));
    table.push(added_to(&SCAN, NOT_FOUND_OFF, layered(&off)));
    table.push(added_to(&SCAN, NOT_FOUND_MANY, layered(&on)));
    table.push(added_to(&VISITS, NOT_FOUND, layered(&on)));
    Ok(table)
}

pub(crate) fn measure(url: &str) -> Result<Table, Box<dyn Error>> {
    let sqreen = Sqreen::new(Config::builder().token("bench").url(url).build()?)?;
    let off = Sqreen::new(Config::disabled())?;
    let mut table = Table::new("Added to one request", bare_router(&PAGE));
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
