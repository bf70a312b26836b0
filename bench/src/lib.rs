//! What several of the benches use.

pub mod server;

/// Whatever ends a bench.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
