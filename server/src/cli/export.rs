//! `export`: events to a file.

use std::fs;
use std::path::PathBuf;

use sqreen::protocol::Timestamp;

use super::args::Args;
use super::{Outcome, check, print};
use crate::config::Settings;
use crate::store::embedded::{self, Format};

/// The forms of files that there are.
pub(super) const FORMATS: &str = "expected a name that ends with .ndjson, .jsonl or .parquet";

pub(super) fn run(args: &Args, settings: &Settings) -> Outcome {
    let [file] = args.operands.as_slice() else {
        return Err("export: expected FILE, see export --help".into());
    };
    let from = time(args, "from")?.unwrap_or(i64::MIN);
    let times = from..time(args, "to")?.unwrap_or(i64::MAX);
    if times.is_empty() {
        return Err("--from: must be before --to".into());
    }
    let path = PathBuf::from(file);
    let format = Format::of(&path).ok_or_else(|| format!("{file}: {FORMATS}"))?;
    if fs::exists(&path)? {
        return Err(format!("{file}: is there already").into());
    }
    let dir = &settings.server.data_dir;
    check::is_data(dir)?;
    let sum = embedded::export(&dir.join("events"), &path, format, &times)?;
    print(&format!("export={file} {sum}"));
    Ok(true)
}

/// The time that a flag says, in microseconds since the Unix epoch.
pub(super) fn time(args: &Args, flag: &str) -> Result<Option<i64>, String> {
    let time = args.value(flag).map(|text| {
        text.parse()
            .map(Timestamp::as_micros)
            .map_err(|_| format!("--{flag}: {text:?} is no time such as 2026-11-23T10:00:00Z"))
    });
    time.transpose()
}
