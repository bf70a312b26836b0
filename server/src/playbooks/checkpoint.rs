//! The file that keeps the engine's windows, and how far in the events they go.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::engine::{Engine, Limits};
use super::model::Playbook;
use crate::store::Position;

/// Begins the file; the position follows on the same line.
const MAGIC: &str = "sqreen-server playbooks 1 ";
/// The most bytes of the first line.
const MAX_LINE: usize = 128;

/// Writes the file anew, durably: it is there as a whole, or the one before is. Answers its bytes.
pub(super) fn write(path: &Path, position: Position, engine: &Engine) -> io::Result<u64> {
    let new = path.with_extension("new");
    let mut file = BufWriter::new(File::create(&new)?);
    writeln!(file, "{MAGIC}{position}")?;
    engine.checkpoint(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    let bytes = file.metadata()?.len();
    fs::rename(&new, path)?;
    if let Some(dir) = path.parent() {
        File::open(dir)?.sync_all()?;
    }
    Ok(bytes)
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
