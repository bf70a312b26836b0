//! The backend over HTTP, on real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "the helpers of tests are outside of `#[test]` functions, where Clippy allows it"
)]

mod api;
mod captures;
mod client;
mod explorer;
mod ingest;
mod kill;
