//! What goes wrong with a segment.

use std::fmt;
use std::io;

use parquet::errors::ParquetError;

/// Why a segment cannot be read.
#[derive(Debug)]
pub(in crate::store::embedded) enum SegmentError {
    /// The file is not what was written.
    Damaged(String),
    /// The file is whole, but of a layout that this version does not know.
    Version(String),
    /// The system does not let us read it, which says nothing of the file.
    Io(io::Error),
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(text) => f.write_str(text),
            Self::Version(version) => write!(f, "schema version {version} is unknown"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl From<ParquetError> for SegmentError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(source) => match source.downcast::<io::Error>() {
                Ok(source) => (*source).into(),
                Err(source) => Self::Damaged(source.to_string()),
            },
            other => Self::Damaged(other.to_string()),
        }
    }
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged(error.to_string())
        } else {
            Self::Io(error)
        }
    }
}
