//! The backend over HTTP, on real sockets.

mod access;
mod actions;
mod captures;
mod client;
mod delivery;
mod enrichment;
mod events;
mod explorer;
mod hostile;
mod ingest;
mod kill;
mod kill_sdk;
mod not_found;
mod notifications;
mod old_agents;
mod openapi;
mod operation;
mod page_errors;
mod playbooks;
mod process;
mod stop;
mod weight;
