//! Track security events from axum, hyper and tonic apps: who did what, from where, on what.
//!
//! Add one layer, call `track`, and see the event in the Event Explorer of `sqreen-server`, the
//! backend that you host yourself.
//!
//! ```no_run
//! use axum::{Router, routing::post};
//! use sqreen::{Config, Event, Sqreen, SqreenCtx, UserIdentifiers};
//!
//! async fn login(sqreen: SqreenCtx) -> &'static str {
//!     let user = UserIdentifiers::new("email", "ann@example.com");
//!     sqreen.auth_track(true, &user);
//!     sqreen.track(Event::from("cart.checkout").property("amount", 42).property("currency", "EUR"));
//!     sqreen.track("report.viewed"); // the short form
//!     "welcome"
//! }
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let sqreen = Sqreen::new(Config::from_env()?)?;
//! let app = Router::<()>::new()
//!     .route("/login", post(login))
//!     .layer(sqreen.layer());
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! axum::serve(
//!     listener,
//!     app.into_make_service_with_connect_info::<std::net::SocketAddr>(),
//! )
//! .await?;
//! sqreen.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! # What an event carries
//!
//! | From | Fields |
//! |---|---|
//! | the request | client IP, peer, user agent, method, path, query, path parameters, host, scheme, referer, request id, matched route, a few headers (never `Cookie` or `Authorization`), response status |
//! | the body, only when [asked for](SqreenLayer::collect_body) | JSON, form or text, up to a limit |
//! | the app | name, [properties](Event::property), [user](UserIdentifiers), [time](Event::timestamp) |
//!
//! Secrets are removed before anything leaves the process: values under keys such as `password`,
//! and card numbers; see [`ConfigBuilder::strip_sensitive_keys`]. User identifiers are sent as
//! they are.
//!
//! # The client's address
//!
//! It is the peer's, which axum tells through `into_make_service_with_connect_info` and others
//! through [`PeerAddr`]. Headers such as `X-Forwarded-For` are believed only from
//! [trusted proxies](ConfigBuilder::trusted_proxies), of which there are none by default.
//!
//! # Anywhere in the request
//!
//! | Where | How |
//! |---|---|
//! | a handler | the extractors [`SqreenCtx`] and [`Identify`], or `request.extensions().get::<SqreenCtx>()` |
//! | a function that the handler calls | [`sqreen::track`](track), [`current`] |
//! | a spawned task | a clone of [`SqreenCtx`], or [`SqreenCtx::scope`] |
//! | outside of any request | [`Sqreen::track`], [`sqreen::track`](track) |
//!
//! # Delivery
//!
//! `track` puts the event into a bounded queue and returns; nothing else happens on the request
//! path. A thread of the agent's own formats, scrubs, compresses and sends, and keeps what the
//! backend has not answered for. Each event ends in exactly one outcome, which [`Sqreen::stats`]
//! and the backend show. When the queue is full, the layer's own events of 404s are dropped first,
//! then the newest custom events, logins and signups last.
//!
//! An event waits for the response of its request, so that it carries the status, but not longer
//! than [`ConfigBuilder::response_wait`]. Logins and signups are then sent at once, with whatever
//! else is ready, at most one such batch every 100 ms; other events wait for their batch to fill,
//! for [`ConfigBuilder::max_staleness`].
//!
//! # Responses with status 404
//!
//! The layer tracks them by itself, as `sq.http.not_found`, so that scans show; see
//! [`ConfigBuilder::track_not_found`] for how many, and for turning it off. A request that a
//! security response stops is told as that alone.
//!
//! # Security responses
//!
//! The operator blocks or redirects an address, a network or a user in the backend; every agent
//! hears of it over a stream that it holds open, and stops the next request: by the client's
//! address before the inner service is called, by its user at [`identify`](SqreenCtx::identify).
//! Whatever the handler returns then, the client gets the [security response](BlockedRequest). If
//! the response's body is under way when the user is identified, it cannot be called back: identify
//! first, as the extractor [`Identify`] does.
//!
//! What is in force stays while the backend is away, until its actions expire by the monotonic
//! clock; a backend that comes back, even empty or restored from a backup, has its whole pack
//! loaded in its place. [`ConfigBuilder::ignore_actions`] is the local kill switch.
//!
//! # Features
//!
//! | Feature | Default | |
//! |---|---|---|
//! | `axum` | yes | extractors, matched route, `ConnectInfo` |
//! | `rustls` | yes | `https://` backends |
//! | `zstd` | | zstd bodies towards backends that take them |
//! | `metrics` | | counters through the `metrics` facade |
#![forbid(unsafe_code)]
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod actions;
mod agent;
mod blocking;
mod client_ip;
mod config;
mod context;
mod event;
#[cfg(feature = "axum")]
mod extract;
mod limiter;
pub mod limits;
mod middleware;
mod not_found;
pub mod protocol;
mod request;
mod scrub;
mod user;
mod value;

pub use self::agent::{ImportReport, ShutdownReport, Sqreen, StartError, Stats, track};
pub use self::blocking::{Blocked, BlockedRequest, ResponseBody};
pub use self::config::{Config, ConfigBuilder, ConfigError};
pub use self::context::{Scope, SqreenCtx, current};
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
