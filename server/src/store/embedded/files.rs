//! The layout of a data directory, and the file operations whose order matters.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::store::error::StoreError;

/// Where everything lies.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) journal: PathBuf,
    pub(super) segments: PathBuf,
}

impl Layout {
    /// Makes the folders where they are missing.
    pub(super) fn create(root: &Path) -> Result<Self, StoreError> {
        let layout = Self {
            journal: root.join("journal"),
            segments: root.join("segments"),
        };
        for dir in [&layout.journal, &layout.segments] {
            fs::create_dir_all(dir)
                .map_err(|error| StoreError::io("creating the data directory", dir, error))?;
        }
        sync_dir(root)?;
        Ok(layout)
    }

    pub(super) fn journal_file(&self, number: u64) -> PathBuf {
        self.journal.join(format!("{number:08}.journal"))
    }

    /// The name that a segment has while it is written.
    pub(super) fn segment_draft(&self, number: u64) -> PathBuf {
        self.segments.join(format!("{number:08}.parquet.tmp"))
    }

    pub(super) fn segment_file(&self, number: u64, crc: u32) -> PathBuf {
        self.segments.join(format!("{number:08}-{crc:08x}.parquet"))
    }
}

/// The number of a journal file, by its name.
pub(super) fn journal_number(path: &Path) -> Option<u64> {
    path.file_name()?
        .to_str()?
        .strip_suffix(".journal")?
        .parse()
        .ok()
}

/// The number and the checksum of a segment file, by its name.
pub(super) fn segment_number(path: &Path) -> Option<(u64, u32)> {
    let (number, crc) = path
        .file_name()?
        .to_str()?
        .strip_suffix(".parquet")?
        .split_once('-')?;
    Some((number.parse().ok()?, u32::from_str_radix(crc, 16).ok()?))
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

/// Makes the appearance, the new name or the end of files in the folder durable.
pub(super) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    // Elsewhere a folder cannot be opened as a file, and the file system orders names itself.
    if cfg!(unix) {
        File::open(dir)
            .and_then(|file| file.sync_all())
            .map_err(|error| StoreError::io("syncing the folder", dir, error))?;
    }
    Ok(())
}

/// Renames a damaged file so that nothing reads it again, and somebody can look at it.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let aside = damaged_name(path);
    fs::rename(path, &aside)
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
