//! `check`: reads every file of the data directory.

use std::error::Error;
use std::fs;
use std::path::Path;

use super::args::Args;
use super::{Outcome, print};
use crate::config::Settings;
use crate::files;
use crate::state::SqliteState;
use crate::store::embedded::{self, CheckReport};

/// Prints each damage and then the counts; answers whether there is no damage.
pub(super) fn run(args: &Args, settings: &Settings) -> Outcome {
    if !args.operands.is_empty() {
        return Err("check: takes no operand; --data-dir says what is checked".into());
    }
    let dir = &settings.server.data_dir;
    is_data(dir)?;
    let found = all(dir)?;
    for damage in &found.damage {
        print(&format!("damaged: {damage}"));
    }
    let CheckReport {
        events,
        segments,
        journals,
        unfinished_bytes,
        set_aside,
        damage,
    } = found;
    let damage = damage.len();
    print(&format!(
        "events={events} segments={segments} journals={journals} unfinished_bytes={unfinished_bytes} \
         set_aside={set_aside} damage={damage}"
    ));
    Ok(damage == 0)
}

/// Refuses what is no data directory, rather than to find nothing wrong with it.
pub(super) fn is_data(dir: &Path) -> Result<(), Box<dyn Error>> {
    if fs::exists(dir.join("events"))? && fs::exists(dir.join("state.sqlite"))? {
        return Ok(());
    }
    let text = "no data directory: it has no events and no state.sqlite";
    Err(format!("{}: {text}", dir.display()).into())
}

/// Checks the events, the state and the ledger.
pub(super) fn all(dir: &Path) -> Result<CheckReport, Box<dyn Error>> {
    let mut found = embedded::check(&dir.join("events"))?;
    let state = dir.join("state.sqlite");
    let wrong = SqliteState::check(&state)?;
    let wrong = wrong
        .into_iter()
        .map(|text| format!("{}: {text}", state.display()));
    found.damage.extend(wrong);
    let ledger = dir.join("outcomes.json");
    if let Err(error) = files::read_json::<serde_json::Value>(&ledger) {
        found.damage.push(format!("{}: {error}", ledger.display()));
    }
    Ok(found)
}
