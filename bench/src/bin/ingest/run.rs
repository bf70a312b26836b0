//! One load after the other, each with a server and a data directory of its own.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::Value;
use sqreen_server::store::{EmbeddedStore, EventStore as _, StoreOptions};

use crate::Error;
use crate::batches::{Encoding, Kind, Load};
use crate::client::Client;
use crate::report::{self, Figures};
use crate::server::{self, Server, Stat};

/// Runs of each load.
const RUNS: usize = 3;
/// Events of each run: some segments' worth.
const EVENTS: usize = 300_000;
/// Connections, each of which sends a batch once the one before is answered.
const CONNECTIONS: usize = 4;

pub(crate) const LOADS: [Load; 6] = [
    Load {
        name: "SDK, gzip, 1,000",
        kind: Kind::Sdk,
        encoding: Encoding::Gzip,
        batch: 1_000,
    },
    Load {
        name: "SDK, gzip, 100",
        kind: Kind::Sdk,
        encoding: Encoding::Gzip,
        batch: 100,
    },
    Load {
        name: "SDK, zstd, 1,000",
        kind: Kind::Sdk,
        encoding: Encoding::Zstd,
        batch: 1_000,
    },
    Load {
        name: "SDK, plain, 1,000",
        kind: Kind::Sdk,
        encoding: Encoding::Plain,
        batch: 1_000,
    },
    Load {
        name: "Node, records, 100",
        kind: Kind::Legacy,
        encoding: Encoding::Plain,
        batch: 100,
    },
    Load {
        name: "Node, signals, 100",
        kind: Kind::Signals,
        encoding: Encoding::Plain,
        batch: 100,
    },
];

pub(crate) fn measure() -> Result<(), Error> {
    report::head();
    for load in &LOADS {
        let bodies = load.bodies(EVENTS / load.batch)?;
        let runs = (0..RUNS)
            .map(|_| run(load, &bodies, EVENTS, None))
            .collect::<Result<Vec<_>, _>>()?;
        report::row(load.name, &runs);
    }
    report::foot(EVENTS, RUNS, CONNECTIONS);
    Ok(())
}

/// One run; `playbooks` is a file of them, which are applied before.
pub(crate) fn run(
    load: &Load,
    bodies: &[Vec<u8>],
    events: usize,
    playbooks: Option<&str>,
) -> Result<Figures, Error> {
    // Where the build lies is a disk; the system's folder for temporary files may be memory.
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::fs::create_dir_all(&parent)?;
    let dir = tempfile::tempdir_in(parent)?;
    if let Some(text) = playbooks {
        server::apply(text, dir.path())?;
    }
    let server = Server::start(dir.path())?;
    let before = server.cpu()?;
    let start = Instant::now();
    let latencies = send(load, bodies, &server)?;
    let seconds = start.elapsed().as_secs_f64();
    if playbooks.is_some() {
        // They are evaluated beside the answers: all of it is to be counted.
        server.await_metric("sqreen_playbooks_events_total", events as u64)?;
    }
    let peak = server.memory("VmHWM")?;
    let cpu = server.end()? - before;
    // What was not sealed yet is sealed here, so that every event has cost what it costs in the end.
    let store = EmbeddedStore::open(dir.path().join("events"), StoreOptions::new())?;
    let own = Stat::read("self")?.cpu;
    store.seal()?;
    let sealing = Stat::read("self")?.cpu - own;
    let stats = store.stats();
    if stats.sealed_rows != events as u64 {
        return Err(format!("{} of {events} events were stored", stats.sealed_rows).into());
    }
    Ok(Figures {
        events_per_second: events as f64 / seconds,
        cpu_per_million: (cpu + sealing) * 1e6 / events as f64,
        latencies,
        bytes_per_event: stats.segment_bytes as f64 / events as f64,
        peak,
    })
}

/// Sends all batches, and returns how many seconds each took.
fn send(load: &Load, bodies: &[Vec<u8>], server: &Server) -> Result<Vec<f64>, Error> {
    let session = Client::connect(server.address)?.login(load.kind)?;
    let headers = load.headers(&session);
    let next = AtomicUsize::new(0);
    let connection = || -> Result<Vec<f64>, Error> {
        let mut client = Client::connect(server.address)?;
        let mut latencies = Vec::new();
        while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
            let sent = Instant::now();
            let answer = client.post(load.path(), &headers, body)?;
            latencies.push(sent.elapsed().as_secs_f64());
            let answer: Value = serde_json::from_slice(answer)?;
            if load.kind == Kind::Sdk && answer["accepted"] != load.batch {
                return Err(format!("a batch was answered {answer}").into());
            }
        }
        Ok(latencies)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(connection)).collect();
        let mut latencies = Vec::new();
        for thread in threads {
            latencies.extend(
                thread
                    .join()
                    .map_err(|_| "a connection's thread panicked")??,
            );
        }
        Ok(latencies)
    })
}
