//! The events as they are stored, for whoever watches.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::broadcast::{self, error::RecvError};

use super::event::StoredEvent;

/// The commits that a follower may be behind.
const BEHIND: usize = 128;

/// What a follower learns.
#[derive(Clone, Debug, PartialEq)]
pub enum Followed {
    /// Events that were stored, in the order of storing.
    Events(Vec<StoredEvent>),
    /// That many events were stored of which the follower learns no more, since it was too far behind.
    Missed(u64),
}

/// Where a store tells of the events that it accepted. It costs nothing while nobody follows.
#[derive(Debug)]
pub struct Feed {
    sender: broadcast::Sender<Commit>,
    /// The events told of so far.
    events: AtomicU64,
}

/// Reads the events of a commit, in the follower's own time.
type Read = Arc<dyn Fn() -> Vec<StoredEvent> + Send + Sync>;

#[derive(Clone)]
struct Commit {
    /// The number of events told of before this commit.
    before: u64,
    events: u64,
    read: Read,
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("before", &self.before)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}

impl Feed {
    /// Nobody follows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sender: broadcast::Sender::new(BEHIND),
            events: AtomicU64::new(0),
        }
    }

    /// Says whether anybody follows.
    #[must_use]
    pub fn is_followed(&self) -> bool {
        self.sender.receiver_count() > 0
    }

    /// Tells of a commit of that many events, which `read` reads; one thread alone may tell.
    pub fn tell(&self, events: u64, read: impl Fn() -> Vec<StoredEvent> + Send + Sync + 'static) {
        let before = self.events.fetch_add(events, Ordering::Relaxed);
        let read: Read = Arc::new(read);
        // The last follower may just have gone.
        drop(self.sender.send(Commit {
            before,
            events,
            read,
        }));
    }

    /// Follows from now on.
    #[must_use]
    pub fn follow(&self) -> Follower {
        Follower {
            receiver: self.sender.subscribe(),
            next: None,
            missed: None,
        }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

/// Follows a store.
#[derive(Debug)]
pub struct Follower {
    receiver: broadcast::Receiver<Commit>,
    /// The number of events told of before the commit that comes next, once one has come.
    next: Option<u64>,
    /// The commit that ended a gap.
    missed: Option<Commit>,
}

impl Follower {
    /// Waits for the next events; `None` once the store is gone. Nothing is lost if the future is dropped.
    ///
    /// A gap at the very start is told as [`Followed::Missed`] of 0 events: their number is not known.
    pub async fn next(&mut self) -> Option<Followed> {
        if let Some(commit) = self.missed.take() {
            return Some(self.take(&commit));
        }
        let mut lagged = false;
        let commit = loop {
            match self.receiver.recv().await {
                Ok(commit) => break commit,
                Err(RecvError::Lagged(_)) => lagged = true,
                Err(RecvError::Closed) => return None,
            }
        };
        if lagged {
            let missed = self
                .next
                .map_or(0, |next| commit.before.saturating_sub(next));
            self.missed = Some(commit);
            return Some(Followed::Missed(missed));
        }
        Some(self.take(&commit))
    }

    fn take(&mut self, commit: &Commit) -> Followed {
        self.next = Some(commit.before + commit.events);
        Followed::Events((commit.read)())
    }
}
