//! The backend over HTTP, on real sockets.

mod client;
mod ingest;
