//! The agents' endpoints.
//!
//! Bodies may be gzip or zstd, up to 8 MiB, and 64 MiB decompressed. What is larger is answered 413 to agents that
//! say what they are capable of; an old agent would send it again for ever, so it is told that all is well, and the
//! loss is logged.

mod actions;
mod answer;
mod body;
mod control;
mod events;
mod identity;
mod normalise;
mod session;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use sqreen::protocol;

use crate::server::App;

pub(crate) fn router() -> Router<App> {
    let ignored = [
        "/sqreen/v0/bundle",
        "/sqreen/v0/metrics",
        "/sqreen/v0/attack",
        "/sqreen/v0/sqreen_exception",
        "/sqreen/v0/agent_message",
        "/sqreen/v0/data_point",
        "/sqreen/v0/commands",
        "/sqreen/v0/app_agent_message",
        "/sqreen/v0/app_sqreen_exception",
    ];
    let router = ignored.into_iter().fold(Router::new(), |router, path| {
        router.route(path, post(control::ignored))
    });
    router
        .route(protocol::PING, get(control::ping))
        .route(protocol::APP_LOGIN, post(control::login))
        .route("/sqreen/v0/app-login", post(control::login))
        .route(protocol::APP_BEAT, post(control::beat))
        .route(protocol::APP_LOGOUT, get(control::logout))
        .route(protocol::ACTIONS_PACK, get(actions::pack))
        .route(protocol::ACTION_STREAM, get(actions::stream))
        .route("/sqreen/v0/rulespack", get(control::rules_pack))
        .route("/sqreen/v1/reveal/runtime/1", get(control::ping))
        .route("/sqreen/v1/reveal/run", get(control::ping))
        .route(protocol::BATCH, post(events::batch))
        .route("/sqreen/v0/request_record", post(events::record))
        .route(protocol::SIGNAL_BATCHES, post(events::signals))
        .route("/signals", post(events::signal))
        .route("/traces", post(events::signal))
        .layer(DefaultBodyLimit::max(body::MAX_ENCODED))
}
