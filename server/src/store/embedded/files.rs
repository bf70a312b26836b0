//! The layout of a data directory.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::disk;
use crate::store::error::StoreError;

/// Where everything lies.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) journal: PathBuf,
    pub(super) segments: PathBuf,
}

impl Layout {
    /// That of a directory, which is not touched.
    pub(super) fn of(root: &Path) -> Self {
        Self {
            journal: root.join("journal"),
            segments: root.join("segments"),
        }
    }

    /// Makes the folders where they are missing.
    pub(super) fn create(root: &Path) -> Result<Self, StoreError> {
        let layout = Self::of(root);
        let new = root.ancestors().take_while(|dir| !dir.exists());
        let new: Vec<&Path> = new.collect();
        for dir in [&layout.journal, &layout.segments] {
            fs::create_dir_all(dir)
                .map_err(|error| StoreError::io("creating the data directory", dir, error))?;
        }
        for parent in new.iter().rev().filter_map(|dir| dir.parent()) {
            // The parent of a relative name is the present directory.
            let is_here = parent.as_os_str().is_empty();
            sync_dir(if is_here { Path::new(".") } else { parent })?;
        }
        sync_dir(root)?;
        Ok(layout)
    }

    pub(super) fn journal_file(&self, number: u64) -> PathBuf {
        self.journal.join(format!("{number:08}.journal"))
    }

    /// The name of a journal that is sealed, and kept for the consumer.
    pub(super) fn kept_file(&self, number: u64) -> PathBuf {
        self.journal.join(format!("{number:08}.kept"))
    }

    /// What is left of one that was dropped before it was consumed.
    pub(super) fn dropped_file(&self, number: u64, events: u64) -> PathBuf {
        self.journal.join(format!("{number:08}-{events}.dropped"))
    }

    /// Where it says that there is a consumer, and what it has released.
    pub(super) fn consumer_file(&self) -> PathBuf {
        self.journal.join("consumer")
    }

    /// The name that a segment has while it is written.
    pub(super) fn segment_draft(&self, numbers: Numbers) -> PathBuf {
        self.segments.join(format!("{numbers}.parquet.tmp"))
    }

    pub(super) fn segment_file(&self, name: SegmentName) -> PathBuf {
        let SegmentName { numbers, crc } = name;
        self.segments.join(format!("{numbers}-{crc:08x}.parquet"))
    }
}

/// The numbers of the journals whose rows a segment holds: one, or a stretch of them where segments were made one.
/// Numbers of the stretch that are no longer there are part of it all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Numbers {
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Numbers {
    pub(super) fn one(number: u64) -> Self {
        Self {
            first: number,
            last: number,
        }
    }

    pub(super) fn contains(self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }

    /// Whether a segment of these numbers holds the rows of one of the others, and more.
    pub(super) fn outdoes(self, other: Self) -> bool {
        self != other && self.contains(other.first) && self.contains(other.last)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}", self.first)?;
        if self.last != self.first {
            write!(f, "-{:08}", self.last)?;
        }
        Ok(())
    }
}

/// What a segment's file is named by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentName {
    pub(super) numbers: Numbers,
    /// The CRC-32 of the file.
    pub(super) crc: u32,
}

/// The number of a journal file, by its name.
pub(super) fn journal_number(path: &Path) -> Option<u64> {
    path.file_name()?
        .to_str()?
        .strip_suffix(".journal")?
        .parse()
        .ok()
}

/// The number of a journal that is kept for the consumer, by its name.
pub(super) fn kept_number(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?;
    name.strip_suffix(".kept")?.parse().ok()
}

/// The number of a journal that was dropped, and how many events were, by the name of what is left of it.
pub(super) fn dropped_events(path: &Path) -> Option<(u64, u64)> {
    let name = path.file_name()?.to_str()?;
    let (number, events) = name.strip_suffix(".dropped")?.split_once('-')?;
    Some((number.parse().ok()?, events.parse().ok()?))
}

/// What a segment file is named by, if it is one.
pub(super) fn segment_name(path: &Path) -> Option<SegmentName> {
    let name = path.file_name()?.to_str()?.strip_suffix(".parquet")?;
    let (numbers, crc) = name.rsplit_once('-')?;
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let numbers = Numbers {
        first: first.parse().ok()?,
        last: last.parse().ok()?,
    };
    let crc = u32::from_str_radix(crc, 16).ok()?;
    (numbers.first <= numbers.last).then_some(SegmentName { numbers, crc })
}

/// The files of a folder, in order of their names.
pub(super) fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let mut paths = fs::read_dir(dir)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()?;
        paths.sort();
        Ok(paths)
    };
    read().map_err(|error| StoreError::io("reading the folder", dir, error))
}

/// The files of a folder in which names change meanwhile: the system lists it bit by bit.
pub(super) fn settled(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut before = list(dir)?;
    loop {
        let now = list(dir)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

/// Makes the appearance, the new name or the end of files in the folder durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    disk::sync_dir(dir).map_err(|error| StoreError::io("syncing the folder", dir, error))
}

/// Renames a damaged file so that nothing reads it again, and somebody can look at it.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let aside = damaged_name(path);
    disk::rename(path, &aside)
        .map_err(|error| StoreError::io("setting a damaged file aside", path, error))?;
    if let Some(dir) = path.parent() {
        sync_dir(dir)?;
    }
    Ok(aside)
}

/// The name that a damaged file, or a copy of it, gets.
pub(super) fn damaged_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".damaged");
    name.into()
}
