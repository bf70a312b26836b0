//! Reading events from a file.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::files::{Numbers, SegmentName};
use super::segment::{Segment, SegmentError, file_crc};
use super::snapshot::{ReadError, read_segment};
use super::transfer::{Format, Sum};
use crate::store::error::StoreError;
use crate::store::event::StoredEvent;

/// The most bytes of a line: more than any event takes.
const MAX_LINE: u64 = 4 << 20;

/// Events that are handed on at a time.
const BLOCK: usize = 1_000;

/// Why a file cannot be imported.
#[derive(Debug)]
pub(crate) enum ImportError {
    /// The file cannot be read.
    Read(PathBuf, io::Error),
    /// A line holds no event.
    Line(PathBuf, u64, String),
    /// The file holds no events.
    File(PathBuf, String),
    /// The store does not take them.
    Store(StoreError),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, _) => write!(f, "{}", path.display()),
            Self::Line(path, line, text) => write!(f, "{}:{line}: {text}", path.display()),
            Self::File(path, text) => write!(f, "{}: {text}", path.display()),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(_, error) => Some(error),
            Self::Store(error) => error.source(),
            Self::Line(..) | Self::File(..) => None,
        }
    }
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Reads all events of a file, some at a time, each checked to be one that a store takes; answers what they sum up to.
pub(crate) fn read(
    path: &Path,
    format: Format,
    mut visit: impl FnMut(Vec<StoredEvent>) -> Result<(), StoreError>,
) -> Result<Sum, ImportError> {
    let mut sum = Sum::default();
    match format {
        Format::Lines => lines(path, &mut sum, visit)?,
        Format::Parquet => {
            let unread = |error| ImportError::Read(path.to_owned(), error);
            let name = SegmentName {
                numbers: Numbers::one(0),
                crc: file_crc(path).map_err(unread)?,
            };
            let add = |events: Vec<StoredEvent>| {
                events.iter().try_for_each(|event| sum.add(event))?;
                visit(events)
            };
            Segment::open(path, name)
                .map_err(ReadError::from)
                .and_then(|file| read_segment(&file, add))
                .map_err(|error| match error {
                    ReadError::Segment(SegmentError::Io(error)) => unread(error),
                    ReadError::Segment(error) => {
                        ImportError::File(path.to_owned(), format!("no export: {error}"))
                    }
                    ReadError::Visit(error) => error.into(),
                })?;
        }
    }
    Ok(sum)
}

fn lines(
    path: &Path,
    sum: &mut Sum,
    mut visit: impl FnMut(Vec<StoredEvent>) -> Result<(), StoreError>,
) -> Result<(), ImportError> {
    let unread = |error| ImportError::Read(path.to_owned(), error);
    let mut reader = BufReader::new(File::open(path).map_err(unread)?);
    let mut block = Vec::with_capacity(BLOCK);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let limited = &mut (&mut reader).take(MAX_LINE);
        if limited.read_until(b'\n', &mut line).map_err(unread)? == 0 {
            break;
        }
        let wrong = |text| ImportError::Line(path.to_owned(), number, text);
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            return Err(wrong(format!("longer than {MAX_LINE} bytes")));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let event: StoredEvent = serde_json::from_slice(line).map_err(|error| {
            let (text, column) = (error.to_string(), error.column());
            let text = text.split(" at line ").next().unwrap_or_default();
            wrong(format!("column {column}: no event: {text}"))
        })?;
        event.check().map_err(|error| wrong(error.to_string()))?;
        sum.add(&event)?;
        block.push(event);
        if block.len() >= BLOCK {
            visit(std::mem::take(&mut block))?;
        }
    }
    visit(block)?;
    Ok(())
}
