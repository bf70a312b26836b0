//! The sealer: one thread that turns finished journals into segments.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::files::{Numbers, sync_dir};
use super::maintain;
use super::options::StoreOptions;
use super::segment;
use super::view::{SealPart, Shared};
use crate::store::error::StoreError;

/// The first wait after a failed attempt; each further one doubles it.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// The longest wait after a failed attempt.
const LAST_RETRY: Duration = Duration::from_secs(60);

/// Works until the seal queue is closed and, unless it is abandoned, empty.
///
/// Beside that it looks after the segments, see [`maintain`]: one thread for both, so that neither meets the other.
pub(super) fn run(shared: &Shared, options: &StoreOptions) {
    let _end = EndOnDrop(shared);
    let mut retry = FIRST_RETRY;
    let mut next = Instant::now() + maintain::EVERY;
    loop {
        let mut seals = shared.seals();
        while seals.parts.is_empty() && !seals.closed {
            let wait = next.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                drop(seals);
                next = Instant::now() + maintain::run(shared, options);
                seals = shared.seals();
            } else {
                let waited = shared.seals_changed.wait_timeout(seals, wait);
                seals = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if seals.abandoned {
            return;
        }
        let Some(part) = seals.parts.front().cloned() else {
            return;
        };
        drop(seals);
        match seal(shared, &part, options) {
            Ok(()) => {
                retry = FIRST_RETRY;
                shared.seals().parts.pop_front();
                shared.seals_changed.notify_all();
                shared.queue.sealer_is_free();
            }
            Err(error) => {
                let reason = std::error::Error::source(&error)
                    .map(ToString::to_string)
                    .unwrap_or_default();
                tracing::warn!(%error, reason, journal = part.number, "sealing failed; the rows stay in the journal");
                shared.counters.failed_seals.fetch_add(1, Ordering::Relaxed);
                let mut seals = shared.seals();
                seals.failures += 1;
                seals.last_error = Some(error);
                shared.seals_changed.notify_all();
                if seals.closed {
                    return;
                }
                // A new part or the end of the store ends the wait.
                drop(
                    shared
                        .seals_changed
                        .wait_timeout(seals, retry)
                        .unwrap_or_else(PoisonError::into_inner),
                );
                retry = (retry * 2).min(LAST_RETRY);
            }
        }
    }
}

/// Writes the segment, shows it to readers instead of the rows, and removes the journal or keeps it for the consumer;
/// in this order, so that a crash at any point leaves the rows in one of the two, and the number tells the next start
/// if they are in both.
fn seal(shared: &Shared, part: &Arc<SealPart>, options: &StoreOptions) -> Result<(), StoreError> {
    let segment = Arc::new(segment::write(
        &shared.layout,
        Numbers::one(part.number),
        &part.batches,
    )?);
    shared.change(|view| {
        view.sealing.retain(|other| !Arc::ptr_eq(other, part));
        Arc::make_mut(&mut view.segments).push(segment);
    });
    let layout = &shared.layout;
    let mut kept = shared.kept();
    let done = kept
        .sealed(layout, part.number, part.has_accepted)
        .and_then(|()| sync_dir(&layout.journal))
        .and_then(|()| kept.limit(layout, options));
    if let Err(error) = done {
        tracing::warn!(%error, "a sealed journal cannot be put away; the next start does it");
    }
    Ok(())
}

/// However the thread ends, nobody waits for it in vain.
struct EndOnDrop<'a>(&'a Shared);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.seals().ended = true;
        self.0.seals_changed.notify_all();
    }
}
