//! The agents' endpoints.
//!
//! Bodies may be gzip or zstd, up to 8 MiB, and 64 MiB decompressed. What is larger is answered 413 to agents that
//! say what they are capable of; an old agent would send it again for ever, so it is told that all is well, and the
//! loss is logged and counted. What arrives and what is read at a time is bounded: no mixture of bodies takes more
//! memory than 640 MiB.
//!
//! Whatever agents send besides events is taken, and counted as ignored by its kind.

mod actions;
mod answer;
mod body;
mod control;
mod counts;
mod events;
mod identity;
mod ignored;
mod intake;
mod json;
mod kinds;
mod large;
mod normalise;
mod rates;
mod reports;
mod request;
mod rules;
mod scrub;
mod session;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use sqreen::protocol;

pub use self::intake::IngestLimits;
pub(crate) use self::intake::Intake;
use self::reports::{of_session, of_token};
pub(crate) use self::rules::RulePack;
use crate::server::App;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route(protocol::PING, get(control::ping))
        .route(protocol::APP_LOGIN, post(control::login))
        .route("/sqreen/v0/app-login", post(control::login))
        .route(protocol::APP_BEAT, post(control::beat))
        .route(protocol::APP_LOGOUT, get(control::logout))
        .route(protocol::ACTIONS_PACK, get(actions::pack))
        .route(protocol::ACTION_STREAM, get(actions::stream))
        .route(protocol::RULES_PACK, get(control::rules_pack))
        .route("/sqreen/v1/reveal/runtime/1", get(control::nothing))
        .route("/sqreen/v1/reveal/run", get(control::nothing))
        .route(protocol::BATCH, post(events::batch))
        .route("/sqreen/v0/request_record", post(events::record))
        .route(protocol::METRICS, post(events::metrics))
        .route(protocol::SIGNAL_BATCHES, post(events::signals))
        .route("/signals", post(events::signal))
        .route("/traces", post(events::signal))
        .route("/sqreen/v0/bundle", of_session(kinds::BUNDLE))
        .route("/sqreen/v0/commands", of_session(kinds::COMMANDS))
        .route("/sqreen/v0/attack", of_session(kinds::ATTACK))
        .route("/sqreen/v0/data_point", of_session(kinds::DATA_POINT))
        .route("/sqreen/v0/agent_message", of_session(kinds::AGENT_MESSAGE))
        .route("/sqreen/v0/sqreen_exception", of_session(kinds::EXCEPTION))
        .route(
            "/sqreen/v0/app_agent_message",
            of_token(kinds::AGENT_MESSAGE),
        )
        .route(
            "/sqreen/v0/app_sqreen_exception",
            of_token(kinds::EXCEPTION),
        )
        // Bodies have limits of their own.
        .layer(DefaultBodyLimit::disable())
}
