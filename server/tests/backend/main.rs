//! The backend over HTTP, on real sockets.

mod actions;
mod api;
mod captures;
mod client;
mod explorer;
mod hostile;
mod ingest;
mod kill;
mod kill_sdk;
mod old_agents;
mod process;
mod stop;
