//! The self-hosted backend of sqreen: it takes the events of agents, keeps them, and shows them.
//!
//! [`Server`] is the whole backend behind one [`axum::Router`]: the agents' endpoints, the JSON API under `/api/v1`,
//! and the Event Explorer at `/`.
//!
//! # Example
//!
//! ```
//! use sqreen_server::{Server, ServerConfig};
//!
//! # let dir = tempfile::tempdir()?;
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! # let data_dir = dir.path();
//! let config = ServerConfig::new(data_dir).ingest_token("ingest-secret").api_token("api-secret");
//! let server = Server::start(config).await?;
//! let router = server.router().into_make_service_with_connect_info::<std::net::SocketAddr>();
//! // axum::serve(listener, router).await?;
//! # drop(router);
//! server.close().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

mod actions;
mod api;
mod apps;
mod auth;
pub mod cli;
mod config;
mod enrich;
mod fields;
mod files;
mod histogram;
mod ingest;
mod ledger;
mod metrics;
mod notify;
pub mod playbooks;
mod routes;
mod serve;
mod server;
mod sessions;
mod state;
pub mod store;
mod ui;
mod views;

pub use self::config::{PublicUrlError, ServerConfig};
pub use self::enrich::{EnrichmentFiles, ListNameError};
pub use self::ingest::IngestLimits;
pub use self::routes::{Needs, Route};
pub use self::server::{Server, StartError};
pub use self::state::{Role, StateError};
