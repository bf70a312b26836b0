//! What is known of a client's address: its country, its autonomous system, and the lists that it is on.
//!
//! All of it comes from files that the operator puts there and replaces while the server runs: databases in `MaxMind`'s
//! format, and lists of networks. A file that is not there is fine; one that cannot be read, or goes away, leaves the
//! version before it in force. Events are told what was known when they were received, and keep it.

mod country;
mod files;
mod geo;
mod list;
mod source;

use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;

pub(crate) use self::country::three_letters;
pub use self::files::{EnrichmentFiles, ListNameError};
pub(crate) use self::source::Source;
use self::source::{Known, Version};
use crate::server::{Shared, blocking};
use crate::store::StoredEvent;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// What the files hold at present.
#[derive(Debug)]
pub(crate) struct Enrichment {
    current: ArcSwap<Vec<Source>>,
}

impl Enrichment {
    /// Reads the files for the first time. Whatever is wrong with them is logged.
    pub(crate) fn open(files: &EnrichmentFiles) -> Self {
        let sources: Vec<Source> = files.sources().collect();
        let enrichment = Self {
            current: ArcSwap::from_pointee(sources),
        };
        enrichment.refresh();
        enrichment
    }

    /// The files, and what became of them.
    pub(crate) fn sources(&self) -> Arc<Vec<Source>> {
        self.current.load_full()
    }

    /// The names of the lists that are in force.
    pub(crate) fn lists(&self) -> Vec<String> {
        let sources = self.current.load();
        let lists = sources.iter().filter_map(Source::list_in_force);
        lists.map(str::to_owned).collect()
    }

    /// Reads again what has changed. There is one caller at a time.
    fn refresh(&self) {
        let sources = self.current.load();
        let changed: Vec<Option<Version>> = sources.iter().map(Source::changed).collect();
        if changed.iter().all(Option::is_none) {
            return;
        }
        let all = sources.iter().zip(changed);
        let all = all.map(|(source, version)| match version {
            Some(version) => source.with(version),
            None => source.clone(),
        });
        self.current.store(Arc::new(all.collect()));
    }

    /// For the events of one body: all of them are told what the same versions of the files say.
    pub(crate) fn lookup(&self) -> Lookup {
        let sources = self.current.load();
        Lookup {
            sources: (!sources.is_empty()).then(|| Arc::clone(&sources)),
            last: None,
        }
    }
}

/// Reads files that change, for as long as the server lives.
pub(crate) async fn watch(server: Weak<Shared>) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(shared) = server.upgrade() else {
            return;
        };
        if blocking(move || shared.enrichment.refresh()).await.is_err() {
            return;
        }
    }
}

/// Tells events what is known of their addresses.
#[derive(Debug)]
pub(crate) struct Lookup {
    /// Nothing where no file is configured.
    sources: Option<Arc<Vec<Source>>>,
    /// Events of one request come one after another.
    last: Option<(IpAddr, Known)>,
}

impl Lookup {
    /// Sets the country, the autonomous system and the networks of the event's address.
    pub(crate) fn describe(&mut self, event: &mut StoredEvent) {
        let (Some(sources), Some(ip)) = (&self.sources, event.ip) else {
            return;
        };
        if self.last.as_ref().is_none_or(|(last, _)| *last != ip) {
            let mut known = Known::default();
            for source in sources.iter() {
                source.look_up(ip.to_canonical(), &mut known);
            }
            self.last = Some((ip, known));
        }
        if let Some((_, known)) = &self.last {
            event.country.clone_from(&known.country);
            event.asn = known.asn;
            event.network.clone_from(&known.network);
        }
    }
}
