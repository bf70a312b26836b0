//! Events of a busy shop: some 420 bytes of text each.

use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};
use sqreen_server::store::{EmbeddedStore, EventId, EventStore, StoreOptions, StoredEvent};

/// When the events end if nothing else is asked for, in microseconds since the Unix epoch: then those of each store are
/// the same.
pub(crate) const END: i64 = 1_790_000_000_000_000;
pub(crate) const DAY: i64 = 86_400_000_000;
pub(crate) const DAYS: i64 = 30;

const BATCH: u64 = 1_000;
const IPS: u64 = 50_000;
const USERS: u64 = 100_000;
const COUNTRIES: [&str; 12] = [
    "FR", "DE", "US", "GB", "ES", "IT", "NL", "BE", "CH", "PL", "CA", "JP",
];

const PLANS: [&str; 3] = ["free", "team", "business"];

/// Numbers that look random and are the same for the same event.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    /// Small numbers far more often than large ones.
    fn skewed(&mut self, bound: u64) -> u64 {
        let below = 1 + self.below(bound);
        self.below(below)
    }
}

pub(crate) fn name(n: u64) -> String {
    match n {
        0 => "users.login".to_owned(),
        _ => format!("app.event.{n}"),
    }
}

pub(crate) fn ip(n: u64) -> String {
    format!("{}.{}.{}.{}", 11 + n % 89, n / 7 % 256, n / 256, n % 251)
}

pub(crate) fn user(n: u64) -> String {
    format!("user{n}@customers.example")
}

fn event(n: u64, rows: u64, end: i64) -> StoredEvent {
    let mut random = Random(n.wrapping_mul(0xd134_2543_de82_ef95));
    let span = DAYS * DAY;
    let mut time = end - span + (span as i128 * i128::from(n) / i128::from(rows)) as i64;
    if random.below(100) == 0 {
        // One of a hundred is late.
        time -= random.below(600_000_000) as i64;
    }
    let id = (u128::from(time.unsigned_abs() / 1_000) << 80) | (0x7 << 76) | u128::from(n);
    let mut event = StoredEvent::new(
        EventId::from_bytes(id.to_be_bytes()),
        time,
        time + 1_500_000,
        "shop",
        name(random.skewed(40)),
    );
    event.ip = ip(random.skewed(IPS)).parse().ok();
    let who = random.below(USERS);
    event.user = Some([("email".to_owned(), json!(user(who)))].into());
    let product = random.below(5_000);
    event.method = Some(["GET", "GET", "POST"][random.below(3) as usize].to_owned());
    event.path = Some(format!("/products/{product}/reviews"));
    event.route = Some("/products/{id}/reviews".to_owned());
    event.host = Some("shop.example.com".to_owned());
    event.user_agent = Some(format!(
        "Mozilla/5.0 (X11; Linux x86_64; rv:{}.0) Gecko/20100101 Firefox/{0}.0",
        100 + random.below(40)
    ));
    event.status = Some([200, 200, 200, 302, 404][random.below(5) as usize]);
    event.agent = Some("rust/0.1.0".to_owned());
    event.environment = Some("production".to_owned());
    let properties = json!({
        "amount": random.below(100_000) as f64 / 100.0,
        "campaign": format!("autumn-{}", random.below(20)),
        "country": COUNTRIES[random.skewed(12) as usize],
        "item": format!("sku-{}", random.below(500)),
        "order": format!("{:016x}{:08x}", random.below(u64::MAX), random.below(1 << 32)),
        "plan": PLANS[random.skewed(3) as usize],
        "trial": random.below(4) == 0,
    });
    if let Value::Object(properties) = properties {
        event.properties = Some(Map::from_iter(properties));
    }
    event
}

/// Fills the store with so many events, the last of them at `end`.
pub(crate) fn build(dir: &Path, rows: u64, end: i64) {
    let store = EmbeddedStore::open(dir, StoreOptions::new()).expect("the store opens");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime starts");
    let began = Instant::now();
    for start in (0..rows).step_by(BATCH as usize) {
        let events = (start..rows.min(start + BATCH)).map(|n| event(n, rows, end));
        let stored = runtime.block_on(store.append(events.collect()));
        stored.expect("the events are stored");
    }
    store.seal().expect("the rest is sealed");
    store.close().expect("the store closes");
    let stats = store.stats();
    println!(
        "{} rows in {} segments, {:.1} bytes a row, in {:.0} s",
        stats.sealed_rows,
        stats.segments,
        stats.segment_bytes as f64 / rows as f64,
        began.elapsed().as_secs_f64()
    );
}
