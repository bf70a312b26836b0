//! The queries of the Event Explorer over a store of many events.
//!
//! `queries build DIR ROWS` fills a store in an empty directory, by appends of 1,000 events as the collector makes
//! them, spread over 30 days. `queries run DIR` prints how long each query takes, and what the process takes at rest;
//! `queries once DIR` runs each a single time, for files that are not in the page cache.

mod events;
mod queries;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["build", dir, rows] => {
            let Ok(rows) = rows.parse() else {
                eprintln!("ROWS: not a number");
                return ExitCode::FAILURE;
            };
            events::build(dir.as_ref(), rows);
        }
        ["run", dir] => queries::run(dir.as_ref(), 41),
        ["once", dir] => queries::run(dir.as_ref(), 1),
        _ => {
            eprintln!("usage: queries build DIR ROWS | run DIR | once DIR");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
