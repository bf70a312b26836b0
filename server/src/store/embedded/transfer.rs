//! What exports and imports share: the forms of files, and what shows that nothing was lost between them.

use std::fmt;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::store::error::StoreError;
use crate::store::event::StoredEvent;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// NDJSON: an event a line, as the store keeps it, times in microseconds.
    Lines,
    /// Parquet with the columns of a segment.
    Parquet,
}

impl Format {
    /// By the end of its name; `None` if it is neither.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "ndjson" | "jsonl" => Some(Self::Lines),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// How many events there are, and a checksum that is the same in whatever order and form they come: the sum of the
/// halved SHA-256 of each, as JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) events: u64,
    checksum: u128,
}

impl Sum {
    pub(super) fn add(&mut self, event: &StoredEvent) -> Result<(), StoreError> {
        let json = serde_json::to_vec(event)
            .map_err(|error| StoreError::Internal(format!("event {}: {error}", event.id)))?;
        let digest: [u8; 32] = Sha256::digest(json).into();
        let (half, _) = digest.split_at(16);
        let half = half.try_into().map_or(0, u128::from_be_bytes);
        self.events += 1;
        self.checksum = self.checksum.wrapping_add(half);
        Ok(())
    }
}

impl std::ops::AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.checksum = self.checksum.wrapping_add(other.checksum);
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "events={} checksum={:032x}", self.events, self.checksum)
    }
}
