//! `backup`: a copy of the data directory that a server can be started on.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::args::Args;
use super::{Outcome, check, print};
use crate::config::Settings;
use crate::state::SqliteState;
use crate::store::embedded;

/// Copies to `DIR.partial`, checks that, and only then gives it its name: what has the name is whole.
pub(super) fn run(args: &Args, settings: &Settings) -> Outcome {
    let [dir] = args.operands.as_slice() else {
        return Err("backup: expected DIR, see backup --help".into());
    };
    let (from, to) = (&settings.server.data_dir, PathBuf::from(dir));
    let partial = to.with_added_extension("partial");
    check::is_data(from)?;
    for path in [&to, &partial] {
        if fs::exists(path)? {
            return Err(format!("{}: is there already", path.display()).into());
        }
    }
    let copied = copy(from, &partial).and_then(|()| check::all(&partial));
    let found = match copied {
        Ok(found) if found.damage.is_empty() => found,
        copied => {
            // What is half done is of no use.
            drop(fs::remove_dir_all(&partial));
            let damage = copied?.damage.join("\n  ");
            return Err(format!("the copy is damaged, so the data may be:\n  {damage}").into());
        }
    };
    let bytes = embedded::bytes(&partial.join("events"))?;
    fs::rename(&partial, &to)?;
    if let Some(parent) = to.parent().filter(|parent| *parent != Path::new("")) {
        File::open(parent)?.sync_all()?;
    }
    let (events, segments, journals) = (found.events, found.segments, found.journals);
    print(&format!(
        "backup={dir} events={events} segments={segments} journals={journals} bytes={bytes}"
    ));
    Ok(true)
}

fn copy(from: &Path, to: &Path) -> Result<(), Box<dyn std::error::Error>> {
    embedded::copy(&from.join("events"), &to.join("events"))?;
    let state = to.join("state.sqlite");
    SqliteState::copy(&from.join("state.sqlite"), &state)?;
    File::open(state)?.sync_all()?;
    // The windows of playbooks go no further than the events: what is newer than the copy of those begins anew.
    for name in ["outcomes.json", "playbooks.checkpoint"] {
        let file = to.join(name);
        match fs::copy(from.join(name), &file) {
            Ok(_) => File::open(file)?.sync_all()?,
            // There is none before something was told, or evaluated.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(File::open(to)?.sync_all()?)
}
