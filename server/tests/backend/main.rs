//! The backend over HTTP, on real sockets.

mod actions;
mod api;
mod captures;
mod client;
mod explorer;
mod ingest;
mod kill;
mod kill_sdk;
mod operation;
mod process;
mod stop;
