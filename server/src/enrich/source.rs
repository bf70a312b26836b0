//! One file, and what of it is in force.

use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::geo::Geo;
use super::list::List;

/// The most bytes of a file, which is kept in memory.
const MAX_BYTES: u64 = 512 << 20;

/// What a file tells of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Country,
    Asn,
    /// The addresses on the list of this name.
    List(String),
}

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    kind: Kind,
    path: PathBuf,
    version: Version,
}

/// The version of a file that was seen last, and what is in force.
#[derive(Clone, Debug, Default)]
pub(super) struct Version {
    seen: Option<Seen>,
    failed: bool,
    loaded: Option<Loaded>,
}

#[derive(Clone, Debug)]
struct Loaded {
    table: Arc<Table>,
    modified: Option<SystemTime>,
}

#[derive(Debug)]
enum Table {
    Geo(Geo),
    List(List),
}

/// What tells one version of a file from another.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Absent,
    Unreadable(io::ErrorKind),
    File {
        modified: Option<SystemTime>,
        changed: (i64, i64),
        bytes: u64,
    },
}

/// What is known of an address.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) country: Option<String>,
    pub(super) asn: Option<u32>,
    pub(super) network: Vec<String>,
}

impl Source {
    pub(super) fn new(kind: Kind, path: PathBuf) -> Self {
        let version = Version::default();
        Self {
            kind,
            path,
            version,
        }
    }

    pub(super) fn with(&self, version: Version) -> Self {
        Self {
            version,
            ..Self::new(self.kind.clone(), self.path.clone())
        }
    }

    /// What it tells: `country`, `asn`, or the name of a list after `list:`.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            Kind::Country => "country".to_owned(),
            Kind::Asn => "asn".to_owned(),
            Kind::List(name) => format!("list:{name}"),
        }
    }

    /// The name of the list that this is, if it is one that is in force.
    pub(super) fn list_in_force(&self) -> Option<&str> {
        match &self.kind {
            Kind::List(name) if self.version.loaded.is_some() => Some(name),
            _ => None,
        }
    }

    /// Whether what is there now is not in force: a file that cannot be used, or none where one was.
    pub(crate) fn has_failed(&self) -> bool {
        self.version.failed
    }

    /// The lines of a list, or the nodes of a database, that are in force.
    pub(crate) fn entries(&self) -> u64 {
        let loaded = self.version.loaded.as_ref();
        loaded.map_or(0, |loaded| match &*loaded.table {
            Table::Geo(geo) => geo.nodes(),
            Table::List(list) => list.lines(),
        })
    }

    /// How long ago what is in force was written, in seconds; `None` if nothing is.
    pub(crate) fn age(&self) -> Option<u64> {
        let modified = self.version.loaded.as_ref()?.modified?;
        // A file may be dated into the future.
        Some(modified.elapsed().map_or(0, |age| age.as_secs()))
    }

    /// Adds what it tells of the address, which is in its canonical form.
    pub(super) fn look_up(&self, ip: IpAddr, known: &mut Known) {
        let Some(Loaded { table, .. }) = &self.version.loaded else {
            return;
        };
        match (&self.kind, &**table) {
            (Kind::Country, Table::Geo(geo)) => known.country = geo.country(ip),
            (Kind::Asn, Table::Geo(geo)) => known.asn = geo.asn(ip),
            (Kind::List(name), Table::List(list)) if list.contains(ip) => {
                known.network.push(name.clone());
            }
            _ => {}
        }
    }

    /// Reads the file if it is another than was seen last; logs what became of it.
    pub(super) fn changed(&self) -> Option<Version> {
        let seen = Seen::of(&self.path);
        if self.version.seen.as_ref() == Some(&seen) {
            return None;
        }
        let (name, path) = (self.name(), self.path.display());
        let read = match &seen {
            Seen::Absent if self.version.loaded.is_none() => {
                tracing::info!(name, %path, "file is absent");
                return Some(Version {
                    seen: Some(seen),
                    ..Version::default()
                });
            }
            Seen::Absent => Err("it has gone".to_owned()),
            Seen::Unreadable(kind) => Err(kind.to_string()),
            Seen::File { modified, .. } => self.load().map(|table| Loaded {
                table: Arc::new(table),
                modified: *modified,
            }),
        };
        let failed = read.is_err();
        let loaded = match read {
            Ok(loaded) => {
                tracing::info!(name, %path, "file is in force");
                Some(loaded)
            }
            Err(reason) => {
                let still = self.version.loaded.clone();
                let kept = still.is_some();
                tracing::warn!(name, %path, reason, kept, "file is not in force");
                still
            }
        };
        Some(Version {
            seen: Some(seen),
            failed,
            loaded,
        })
    }

    fn load(&self) -> Result<Table, String> {
        let bytes = read(&self.path).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(format!("larger than {} MiB", MAX_BYTES >> 20));
        }
        match &self.kind {
            Kind::Country => Geo::of_countries(bytes).map(Table::Geo),
            Kind::Asn => Geo::of_asns(bytes).map(Table::Geo),
            Kind::List(_) => List::parse(&bytes).map(Table::List),
        }
    }
}

/// The file's bytes, and at most one more than it may have.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Seen {
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(found) => Self::File {
                modified: found.modified().ok(),
                changed: changed(&found),
                bytes: found.len(),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::Absent,
            Err(error) => Self::Unreadable(error.kind()),
        }
    }
}

/// The time of the last change of the file or its rights, which whoever writes it does not choose.
#[cfg(unix)]
fn changed(found: &fs::Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;

    (found.ctime(), found.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(_: &fs::Metadata) -> (i64, i64) {
    (0, 0)
}
