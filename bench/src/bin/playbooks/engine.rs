//! The engine in memory: events per second on one core, and bytes per actor.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqreen_server::playbooks::Playbook;
use sqreen_server::playbooks::engine::{Engine, Limits};
use sqreen_server::store::{EventId, StoredEvent};

use crate::{memory, rules};

/// Actors that are remembered, of all playbooks together.
const ACTORS: u64 = 1_000_000;
/// Events that are timed.
const EVENTS: u64 = 4_000_000;
/// Events that are made between the times.
const CHUNK: u64 = 50_000;

const START: i64 = 1_700_000_000_000_000;

pub(crate) fn measure(count: usize) {
    println!(
        "| playbooks | an event concerns | events/s | ns per evaluation | live actors | bytes each, by stats | by RSS |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    run(count, 1, rules::apart(count));
    if count > 1 {
        run(count, count, rules::together(count));
    }
}

fn run(count: usize, each: usize, playbooks: Vec<Arc<Playbook>>) {
    // An actor counts once for each playbook that it concerns.
    let addresses = ACTORS / each as u64;
    let mut events: Vec<StoredEvent> = (0..CHUNK).map(|_| event()).collect();
    let names: Vec<String> = (0..count / each)
        .map(|name| format!("bench.{name}"))
        .collect();
    let before = memory("VmRSS:");
    let mut engine = Engine::new(Limits::default(), [7; 16]);
    engine.set(playbooks);
    let mut firings = Vec::new();
    let mut random = 1_u64;
    let mut spent = Duration::ZERO;
    // First every actor once, then any of them.
    for first in (0..addresses + EVENTS).step_by(CHUNK as usize) {
        for (event, number) in events.iter_mut().zip(first..) {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let actor = if first < addresses {
                number % addresses
            } else {
                (random >> 33) % addresses
            };
            event.id = EventId::from_bytes(u128::from(number).to_be_bytes());
            event.time = START + number as i64 * 1_000;
            event.received = event.time;
            event.ip = Some(IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + actor as u32)));
            let name = &names[(actor % names.len() as u64) as usize];
            event.name.clone_from(name);
        }
        let began = Instant::now();
        for event in &events {
            engine.feed(black_box(event), &mut firings);
        }
        if first >= addresses {
            spent += began.elapsed();
        }
    }
    let rss = memory("VmRSS:").saturating_sub(before);
    let stats = engine.stats();
    assert_eq!(
        (stats.evicted, stats.late),
        (0, 0),
        "all actors stay, and nothing is late"
    );
    let timed = EVENTS.div_ceil(CHUNK) * CHUNK;
    println!(
        "| {count} | {each} | {:.0} | {:.0} | {} | {} | {} |",
        timed as f64 / spent.as_secs_f64(),
        spent.as_nanos() as f64 / timed as f64 / each as f64,
        stats.actors,
        stats.bytes / stats.actors,
        rss / stats.actors,
    );
}

fn event() -> StoredEvent {
    let mut event = StoredEvent::new(
        EventId::from_bytes([0; 16]),
        START,
        START,
        "shop",
        "bench.0",
    );
    event.status = Some(401);
    event.path = Some("/login".to_owned());
    event
}
