//! From a decision to the first request that is refused: the real backend, real apps, loopback.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::Error;
use crate::backend::{App, Backend};
use crate::report::{max, median, quantile};

const TRIALS: usize = 200;
/// Trials before those: the first waits for the login, the others go through the stream.
const WARM_UP: usize = 10;
const APPS: usize = 50;
/// The bar, for the 99th percentile.
const LIMIT_MS: f64 = 250.0;
const GIVE_UP: Duration = Duration::from_secs(30);

/// Milliseconds until the last of the apps refused.
struct Times {
    from_sending: f64,
    from_answer: f64,
}

/// Addresses that nobody has blocked yet: a range for benchmarks (RFC 2544).
pub(crate) struct Fresh(pub(crate) u32);

impl Fresh {
    pub(crate) fn next(&mut self) -> IpAddr {
        self.0 += 1;
        Ipv4Addr::from_bits(Ipv4Addr::new(198, 18, 0, 0).to_bits() + self.0).into()
    }
}

fn trial(backend: &mut Backend, apps: &mut [App], ip: IpAddr) -> Result<Times, Error> {
    for app in &mut *apps {
        if app.refuses(ip)? {
            return Err("a fresh address is refused".into());
        }
    }
    let sending = Instant::now();
    backend.block(ip)?;
    let answer = Instant::now();
    let mut waiting: Vec<_> = apps.iter_mut().collect();
    while !waiting.is_empty() {
        let mut still = Vec::new();
        for app in waiting {
            if !app.refuses(ip)? {
                still.push(app);
            }
        }
        waiting = still;
        if answer.elapsed() > GIVE_UP {
            return Err("an app does not refuse".into());
        }
    }
    Ok(Times {
        from_sending: sending.elapsed().as_secs_f64() * 1e3,
        from_answer: answer.elapsed().as_secs_f64() * 1e3,
    })
}

fn print(name: &str, from: &str, mut times: Vec<f64>) {
    let p99 = quantile(&mut times, 0.99);
    let verdict = if p99 <= LIMIT_MS { "met" } else { "missed" };
    println!(
        "| {name} | {from} | {:.2} | {p99:.2} | {:.2} | {LIMIT_MS:.0} | {verdict} |",
        median(&mut times),
        max(&times)
    );
}

fn row(name: &str, mut next: impl FnMut(usize) -> Result<Times, Error>) -> Result<(), Error> {
    let times: Vec<_> = (0..TRIALS).map(&mut next).collect::<Result<_, _>>()?;
    let of = |part: fn(&Times) -> f64| times.iter().map(part).collect();
    print(name, "sent", of(|times| times.from_sending));
    print(name, "answered", of(|times| times.from_answer));
    Ok(())
}

pub(crate) fn measure() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let data_dir = tempfile::tempdir()?;
    let mut backend = Backend::start(&runtime, data_dir.path())?;
    let mut fresh = Fresh(0);
    let mut apps = vec![App::start(&runtime, &backend)?];
    println!("### From `POST /api/v1/actions` to the first 403\n");
    println!("| | since the POST was | p50 ms | p99 ms | max ms | bar, p99 ms | |");
    println!("|---|---|---:|---:|---:|---:|---|");
    for _ in 0..WARM_UP {
        trial(&mut backend, &mut apps, fresh.next())?;
    }
    row("one app", |_| trial(&mut backend, &mut apps, fresh.next()))?;
    while apps.len() < APPS {
        apps.push(App::start(&runtime, &backend)?);
    }
    for _ in 0..WARM_UP {
        trial(&mut backend, &mut apps, fresh.next())?;
    }
    row("one of 50 apps", |n| {
        let polled = apps.get_mut(n % APPS).map(std::slice::from_mut);
        trial(&mut backend, polled.unwrap_or_default(), fresh.next())
    })?;
    row("the last of 50 apps", |_| {
        trial(&mut backend, &mut apps, fresh.next())
    })?;
    println!("\n{TRIALS} trials each.\n");
    for app in apps {
        app.stop(&runtime);
    }
    runtime.shutdown_background();
    Ok(())
}
