//! `playbooks backtest`: what a playbook of a file would have done with the events of the data directory.

use std::sync::Arc;

use crate::cli::args::Args;
use crate::cli::token::open;
use crate::cli::{Outcome, WrongUse, check, export, print, token};
use crate::config::Settings;
use crate::playbooks::{backtest_dir, show_actor};
use crate::store::TimeRange;

pub(super) fn run(args: &Args, settings: &Settings, name: &str) -> Outcome {
    let range = TimeRange {
        from: export::time(args, "from").map_err(WrongUse)?,
        to: export::time(args, "to").map_err(WrongUse)?,
    };
    if let (Some(from), Some(to)) = (range.from, range.to)
        && from >= to
    {
        return Err(WrongUse("--from: must be before --to".to_owned()).into());
    }
    let Some(files) = super::read(&[name]) else {
        return Ok(false);
    };
    let slug = args.value("slug");
    let mut meant = files.entries().map(|(_, entry)| &entry.playbook);
    let playbook = match slug {
        Some(slug) => meant.find(|playbook| playbook.slug == slug),
        None => meant.next().filter(|_| meant.next().is_none()),
    };
    let playbook = playbook.ok_or_else(|| match slug {
        Some(slug) => format!("--slug: {name} has no playbook {slug:?}"),
        None => format!("{name}: has not one playbook alone, --slug says which is meant"),
    });
    let playbook = playbook.map_err(WrongUse)?;
    let dir = &settings.server.data_dir;
    check::is_data(dir)?;
    let allowed = open(settings)?.allowlist()?.into_iter();
    let allowed: Vec<_> = allowed.flat_map(|entry| entry.ips).collect();
    let found = backtest_dir(
        &dir.join("events"),
        &Arc::new(playbook.clone()),
        range,
        &allowed,
    )?;
    for firing in &found.firings {
        let group = firing.group.as_ref().map(|group| format!("\tin {group:?}"));
        let (at, actor) = (token::time(Some(firing.at)), show_actor(&firing.actor));
        print(&format!("{at}\t{actor}{}", group.unwrap_or_default()));
    }
    for point in &found.curve {
        print(&format!(
            "at_least={} actors={}",
            point.at_least, point.actors
        ));
    }
    print(&format!(
        "events={} fired={} actors={} seen={} share={:.4} signed_in={} allowed={} estimated={} evicted={} curve_evicted={}",
        found.events,
        found.fired,
        found.actors,
        found.seen,
        found.share(),
        found.signed_in,
        found.allowed,
        found.estimated,
        found.evicted,
        found.curve_evicted,
    ));
    Ok(true)
}
