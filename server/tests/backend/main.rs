//! The backend over HTTP, on real sockets.

mod actions;
mod actions_page;
mod api;
mod captures;
mod client;
mod critical;
mod delivery;
mod explorer;
mod ingest;
mod kill;
mod stream;
