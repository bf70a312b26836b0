//! Imports events that happened before Sqreen was there, each with its own time.
//!
//! Start a backend (`cargo run -p sqreen-server` prints its tokens), then run this:
//!
//! ```text
//! SQREEN_TOKEN=… SQREEN_APP_NAME=shop cargo run --example import_history
//! ```
#![expect(
    clippy::print_stdout,
    reason = "the report is what this program is for"
)]

use std::error::Error;
use std::time::{Duration, SystemTime};

use futures_util::stream;
use sqreen::{Config, Event, Sqreen, UserIdentifiers};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What an app may find in its own audit table: days ago, name, user.
const HISTORY: [(u32, &str, &str); 3] = [
    (30, "invoice.created", "ann@example.com"),
    (12, "invoice.exported", "bob@example.com"),
    (1, "invoice.deleted", "ann@example.com"),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env()?;
    if !config.is_enabled() {
        return Err("SQREEN_TOKEN: needed to import".into());
    }
    let sqreen = Sqreen::new(config)?;
    let now = SystemTime::now();
    let events = HISTORY.map(|(days, name, email)| {
        Event::from(name)
            .user(UserIdentifiers::new("email", email))
            .timestamp(now - DAY * days)
    });

    // A stream, so that a long history needs little memory: `import` waits for room.
    let import = sqreen.import(stream::iter(events)).await;
    println!("queued {}, refused {}", import.queued, import.refused);

    let delivery = sqreen.shutdown().await;
    let stats = &delivery.stats;
    println!("accepted {}, dropped {:?}", stats.accepted, stats.dropped);
    if delivery.is_complete() {
        Ok(())
    } else {
        Err("not every event reached the backend".into())
    }
}
