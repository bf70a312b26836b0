//! The event store: what is kept of every event, and how it is asked for.
//!
//! [`EventStore`] is the trait that the server uses; [`EmbeddedStore`] is the implementation that needs nothing but a
//! directory. Any other implementation passes the same conformance tests.
//!
//! # Example
//!
//! ```
//! use sqreen_server::store::{EmbeddedStore, EventId, EventQuery, EventStore, Filter, ScanMonitor, StoreOptions};
//! use sqreen_server::store::StoredEvent;
//!
//! # let dir = tempfile::tempdir()?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
//! # runtime.block_on(async {
//! # let dir = dir.path();
//! let store = EmbeddedStore::open(dir, StoreOptions::new())?;
//! let id = EventId::from_bytes([7; 16]);
//! let event = StoredEvent::new(id, 1_600_000_000_000_000, 1_600_000_000_000_000, "shop", "cart.checkout");
//! store.append(vec![event]).await?;
//!
//! let page = store.query(&EventQuery::new(Filter::default(), 50), &ScanMonitor::new())?;
//! assert_eq!(page.events[0].id, id);
//! # Ok::<(), sqreen_server::store::StoreError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod append;
mod consume;
pub mod embedded;
mod error;
mod event;
mod event_store;
mod filter;
mod follow;
mod query;
mod row;

pub use self::append::AppendBatch;
pub use self::consume::{Consumed, Consumer, EventBatch, ParsePositionError, Position};
pub use self::embedded::{EmbeddedStore, StoreOptions};
pub use self::error::{QueryError, StoreError};
pub use self::event::{EventId, ParseEventIdError, StoredEvent};
pub use self::event_store::{BoxFuture, EventStore, StoreStats, Verdict};
pub use self::filter::{Check, Comparison, Dimension, Field, Filter, FilterError, JsonField, Test};
pub use self::follow::{Feed, Followed, Follower};
pub use self::query::{
    Breakdown, Cursor, Distinct, EventPage, EventQuery, Group, GroupQuery, Groups, Histogram,
    HistogramQuery, ScanMonitor, Searched, Series, Step, TimeRange,
};
pub use self::row::{EventFields, EventRow};
pub use crate::histogram::Times;
