//! From the answer to the last of several wrong passwords to the first 403: the template's playbook,
//! enforced by `sqreen-server` in a process of its own, and an app with the SDK.

use std::path::Path;
use std::time::{Duration, Instant};

use sqreen_bench::server::{self, Server};
use sqreen_server::playbooks::{Stage, file, templates};

use crate::Error;
use crate::backend::App;
use crate::latency::Fresh;
use crate::report::{max, median, quantile};

const SLUG: &str = "guessed-passwords";
/// The playbook's threshold.
const PASSWORDS: usize = 6;
const TRIALS: usize = 100;
const WARM_UP: usize = 10;
/// The bar, for the 99th percentile.
const LIMIT_MS: f64 = 1_000.0;
const GIVE_UP: Duration = Duration::from_secs(30);

/// The template's playbook, enforced.
fn playbook() -> Result<String, Error> {
    let mut all = templates().iter();
    let template = all.find(|template| template.entry.playbook.slug == SLUG);
    let mut entry = template.ok_or("no such template")?.entry.clone();
    entry.stage = Some(Stage::Enforce);
    // Each trial blocks an actor: beyond the usual number of them, the playbook would trip.
    entry.playbook.rails.max_actors_per_hour = 1_000;
    Ok(file::print(&[entry]))
}

fn trial(app: &mut App, fresh: &mut Fresh) -> Result<f64, Error> {
    let ip = fresh.next();
    for _ in 0..PASSWORDS {
        app.fail_login(ip)?;
    }
    let answer = Instant::now();
    while !app.refuses(ip)? {
        if answer.elapsed() > GIVE_UP {
            return Err(format!("{ip} is not refused").into());
        }
    }
    Ok(answer.elapsed().as_secs_f64() * 1e3)
}

pub(crate) fn measure() -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // Where the build lies is a disk; the system's folder for temporary files may be memory.
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::fs::create_dir_all(&parent)?;
    let data_dir = tempfile::tempdir_in(parent)?;
    server::apply(&playbook()?, data_dir.path())?;
    let server = Server::start(data_dir.path())?;
    let mut app = App::start(&runtime, server.address)?;
    let mut fresh = Fresh::default();
    for _ in 0..WARM_UP {
        trial(&mut app, &mut fresh)?;
    }
    let times = (0..TRIALS).map(|_| trial(&mut app, &mut fresh));
    let mut times = times.collect::<Result<Vec<_>, _>>()?;
    app.stop(&runtime);
    server.end()?;
    let (p50, p99) = (median(&mut times), quantile(&mut times, 0.99));
    let verdict = if p99 <= LIMIT_MS { "met" } else { "missed" };
    println!("### From the answer to the sixth wrong password to the first 403\n");
    println!("| trials | p50 ms | p99 ms | max ms | bar, p99 ms | |");
    println!("|---:|---:|---:|---:|---:|---|");
    println!(
        "| {TRIALS} | {p50:.1} | {p99:.1} | {:.1} | {LIMIT_MS:.0} | {verdict} |\n",
        max(&times)
    );
    Ok(())
}
