//! The queries of the Event Explorer over a store of many events.
//!
//! `queries build DIR ROWS [now]` fills a store in an empty directory, by appends of 1,000 events as the collector makes
//! them, spread over 30 days that end at a fixed time, or now: the pages count the last 24 hours of what is there. `queries run DIR` prints how long each query takes, and what the process takes at rest;
//! `queries once DIR` runs each a single time, for files that are not in the page cache.

mod events;
mod queries;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["build", dir, rows, end @ ..] if matches!(end, [] | ["now"]) => {
            let Ok(rows) = rows.parse() else {
                eprintln!("ROWS: not a number");
                return ExitCode::FAILURE;
            };
            let end = match end {
                [] => events::END,
                _ => sqreen::protocol::Timestamp::now().as_micros(),
            };
            events::build(dir.as_ref(), rows, end);
        }
        ["run", dir] => queries::run(dir.as_ref(), 41),
        ["once", dir] => queries::run(dir.as_ref(), 1),
        _ => {
            eprintln!("usage: queries build DIR ROWS [now] | run DIR | once DIR");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
