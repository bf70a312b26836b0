//! `import`: events from files.

use std::path::PathBuf;
use std::time::Duration;

use super::args::Args;
use super::export::FORMATS;
use super::{Outcome, print};
use crate::config::Settings;
use crate::store::embedded::{self, Format, Sum};
use crate::store::{EmbeddedStore, EventStore, StoreOptions, StoredEvent, Verdict};

/// Reads the files to their ends before anything is stored, so that a mistake in one stores nothing.
pub(super) fn run(args: &Args, settings: Settings) -> Outcome {
    if args.operands.is_empty() {
        return Err("import: expected FILE, see import --help".into());
    }
    let mut files = Vec::new();
    let mut sum = Sum::default();
    for file in &args.operands {
        let path = PathBuf::from(file);
        let format = Format::of(&path).ok_or_else(|| format!("{file}: {FORMATS}"))?;
        sum += embedded::read(&path, format, |_| Ok(()))?;
        files.push((path, format));
    }
    let dir = settings.server.data_dir.join("events");
    std::fs::create_dir_all(&dir)?;
    let store = EmbeddedStore::open(&dir, options(settings.server.store))?;
    let before = rows(&store);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (mut stored, mut read) = (0_u64, Sum::default());
    for (path, format) in files {
        read += embedded::read(&path, format, |events: Vec<StoredEvent>| {
            let verdicts = runtime.block_on(store.import(events))?;
            let new = verdicts
                .iter()
                .filter(|verdict| **verdict == Verdict::Accepted);
            stored += new.count() as u64;
            Ok(())
        })?;
    }
    store.close()?;
    if read != sum {
        let text = "the files changed while they were read: import them again";
        return Err(text.into());
    }
    let after = rows(&store);
    if after != before + stored {
        let text = format!("{stored} events were stored, but {before} became {after}");
        return Err(text.into());
    }
    let duplicates = sum.events - stored;
    print(&format!(
        "import {sum} stored={stored} duplicates={duplicates}"
    ));
    Ok(true)
}

/// Every id that is stored is remembered, however old, at 40 bytes of memory each, and nothing is deleted meanwhile.
fn options(mut options: StoreOptions) -> StoreOptions {
    options.dedupe_window = Duration::MAX;
    options.dedupe_ids = usize::MAX;
    options.retention_age = None;
    options.retention_bytes = None;
    options
}

fn rows(store: &EmbeddedStore) -> u64 {
    let stats = store.stats();
    stats.hot_rows + stats.sealed_rows
}
