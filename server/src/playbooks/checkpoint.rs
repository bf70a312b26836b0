//! The file that keeps the engine's windows, and how far in the events they go.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use super::engine::{Engine, Limits};
use super::model::Playbook;
use crate::store::Position;

/// Begins the file; the position follows on the same line.
const MAGIC: &str = "sqreen-server playbooks 1 ";
/// The most bytes of the first line.
const MAX_LINE: usize = 128;
/// Bytes that are written at once.
const BUFFER: usize = 1 << 20;

/// A file that is written, and not known to be on the disk.
#[derive(Debug)]
struct Unsynced {
    file: File,
    new: PathBuf,
    path: PathBuf,
}

impl Unsynced {
    fn write(path: &Path, position: Position, engine: &Engine) -> io::Result<Self> {
        let new = path.with_extension("new");
        let mut file = BufWriter::with_capacity(BUFFER, File::create(&new)?);
        writeln!(file, "{MAGIC}{position}")?;
        engine.checkpoint(&mut file)?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        let path = path.to_owned();
        Ok(Self { file, new, path })
    }

    /// Puts it in the place of the file before, durably: it is there as a whole, or the one before is. Answers its bytes.
    fn sync(self) -> io::Result<u64> {
        self.file.sync_all()?;
        let bytes = self.file.metadata()?.len();
        fs::rename(&self.new, &self.path)?;
        if let Some(dir) = self.path.parent() {
            File::open(dir)?.sync_all()?;
        }
        Ok(bytes)
    }
}

/// Writes the file anew, while the events go on.
#[derive(Debug)]
pub(super) struct Writer {
    path: PathBuf,
    /// How far the windows go that are on their way to the disk, and who waits for it.
    under_way: Option<(Position, JoinHandle<io::Result<u64>>)>,
}

impl Writer {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            under_way: None,
        }
    }

    /// Whether one is on its way to the disk.
    pub(super) fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// Writes the windows as they are. A disk may take seconds until it has them, for which a thread of their own waits.
    pub(super) fn begin(&mut self, position: Position, engine: &Engine) -> io::Result<()> {
        let unsynced = Unsynced::write(&self.path, position, engine)?;
        let thread = std::thread::Builder::new().name("checkpoint".to_owned());
        self.under_way = Some((position, thread.spawn(|| unsynced.sync())?));
        Ok(())
    }

    /// What came of the one that is under way, if that is known, or once it is, if `wait` says so: its position and
    /// bytes.
    pub(super) fn end(&mut self, wait: bool) -> Option<io::Result<(Position, u64)>> {
        let (position, thread) = self
            .under_way
            .take_if(|(_, thread)| wait || thread.is_finished())?;
        let synced = thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the thread of a checkpoint has panicked")));
        Some(synced.map(|bytes| (position, bytes)))
    }
}

/// Reads the file, if there is one.
pub(super) fn read(
    path: &Path,
    limits: Limits,
    playbooks: Vec<Arc<Playbook>>,
) -> io::Result<Option<(Engine, Position)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut file = BufReader::new(file);
    let mut line = Vec::new();
    for byte in file.by_ref().bytes().take(MAX_LINE) {
        match byte? {
            b'\n' => break,
            byte => line.push(byte),
        }
    }
    let line = String::from_utf8(line).ok();
    let position = line.as_deref().and_then(|line| line.strip_prefix(MAGIC));
    let position = position.and_then(|position| position.parse().ok());
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "not a file of windows");
    let position = position.ok_or_else(wrong)?;
    Ok(Some((
        Engine::restore(&mut file, limits, playbooks)?,
        position,
    )))
}
