//! How long a login takes from `auth_track` to the backend.

use std::error::Error;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use sqreen::{Config, Sqreen, SqreenCtx, UserIdentifiers};
use tower::{Layer as _, Service as _};

const TRIALS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(30);
/// Longer than the time between two flushes.
const REST: Duration = Duration::from_millis(150);
/// The bar, for the 99th percentile.
const LIMIT_MS: f64 = 500.0;

/// Milliseconds from `auth_track` in a handler to the batch's arrival, in order of size.
fn trials(
    sqreen: &Sqreen,
    arrived: &Receiver<Instant>,
    rest: Duration,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (tracked, at) = std::sync::mpsc::channel();
    let mut app = sqreen
        .layer()
        .layer(tower::service_fn(async |request: http::Request<()>| {
            let sqreen = request.extensions().get::<SqreenCtx>().cloned();
            tracked.send(Instant::now())?;
            if let Some(sqreen) = sqreen {
                sqreen.auth_track(false, UserIdentifiers::new("email", "ann@example.com"));
            }
            Ok::<_, Box<dyn Error>>(http::Response::new(String::new()))
        }));
    let mut times = Vec::new();
    for _ in 0..TRIALS {
        std::thread::sleep(rest);
        runtime.block_on(app.call(http::Request::new(())))?;
        let took = arrived.recv_timeout(PATIENCE)? - at.recv()?;
        times.push(took.as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// Measures with a staleness that no trial could wait for, and prints the table.
pub(crate) fn measure() -> Result<(), Box<dyn Error>> {
    let (url, arrived) = crate::backend::start_telling()?;
    let hour = Duration::from_secs(3_600);
    let config = Config::builder().token("bench").url(url);
    let sqreen = Sqreen::new(config.max_staleness(hour).heartbeat(hour).build()?)?;
    println!("### From `auth_track` to the backend\n");
    println!("| | p50 ms | p99 ms | max ms | bar, p99 ms | |\n|---|---:|---:|---:|---:|---|");
    for (name, rest) in [
        ("a login after silence", REST),
        ("logins one after the other", Duration::ZERO),
    ] {
        let times = trials(&sqreen, &arrived, rest)?;
        let at = |part: usize| times.get(times.len() * part / 100).copied();
        let (Some(p50), Some(p99), Some(max)) = (at(50), at(99), times.last()) else {
            continue;
        };
        let verdict = if p99 <= LIMIT_MS { "met" } else { "missed" };
        println!("| {name} | {p50:.2} | {p99:.2} | {max:.2} | {LIMIT_MS:.0} | {verdict} |");
    }
    println!("\n{TRIALS} trials each.\n");
    Ok(())
}
