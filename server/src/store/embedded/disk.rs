//! The file operations whose order makes the store durable: all of them go through here, where a test records them.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

#[cfg(test)]
mod tests;

/// Creates a file that is not there yet, to be written at its end.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .open(path)?;
    tell(|| Operation::Create(path.to_owned()));
    Ok(file)
}

/// Creates a file, or empties it.
pub(super) fn create(path: &Path) -> io::Result<File> {
    let file = File::create(path)?;
    tell(|| Operation::Create(path.to_owned()));
    Ok(file)
}

/// Makes what was written to a file durable; not its name.
pub(super) fn sync(file: &File, path: &Path) -> io::Result<()> {
    file.sync_data()?;
    tell(|| Operation::Sync(path.to_owned()));
    Ok(())
}

/// Makes the appearance, the new name or the end of files in the folder durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file, and the file system orders names itself.
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    tell(|| Operation::SyncDir(dir.to_owned()));
    Ok(())
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    tell(|| Operation::Rename(from.to_owned(), to.to_owned()));
    Ok(())
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    tell(|| Operation::Remove(path.to_owned()));
    Ok(())
}

#[cfg(test)]
use self::tests::{Operation, tell};

#[cfg(not(test))]
use self::untold::{Operation, tell};

#[cfg(not(test))]
mod untold {
    use std::path::PathBuf;

    #[expect(dead_code, reason = "tests alone read what is told")]
    pub(super) enum Operation {
        Create(PathBuf),
        Sync(PathBuf),
        SyncDir(PathBuf),
        Rename(PathBuf, PathBuf),
        Remove(PathBuf),
    }

    pub(super) fn tell(_: impl FnOnce() -> Operation) {}
}
