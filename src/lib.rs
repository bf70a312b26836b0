//! Track security events from axum, hyper and tonic apps.
#![forbid(unsafe_code)]
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod client_ip;
mod config;
mod context;
mod event;
#[cfg(feature = "axum")]
mod extract;
pub mod limits;
mod middleware;
pub mod protocol;
mod request;
mod scrub;
mod user;
mod value;

pub use self::agent::{ImportReport, ShutdownReport, Sqreen, StartError, Stats, track};
pub use self::config::{Config, ConfigBuilder, ConfigError};
pub use self::context::{Blocked, Scope, SqreenCtx, current};
pub use self::event::Event;
#[cfg(feature = "axum")]
pub use self::extract::{Identify, IdentifyRejection, MissingLayer};
pub use self::limits::Mistake;
pub use self::middleware::{
    CollectedBody, Collecting, PeerAddr, ResponseFuture, SqreenLayer, SqreenService, Untouched,
};
pub use self::scrub::ScrubConfigError;
pub use self::user::{Traits, UserIdentifiers};
pub use self::value::Value;
