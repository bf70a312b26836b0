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
mod facts;
mod identity;
mod ignored;
mod intake;
mod json;
mod kinds;
mod large;
mod normalise;
mod rates;
mod refused;
mod reports;
mod request;
mod rules;
mod scrub;
mod session;

use sqreen::protocol;

pub(crate) use self::ignored::IgnoredRow;
pub use self::intake::IngestLimits;
pub(crate) use self::intake::Intake;
pub(crate) use self::rates::LimitedRow;
pub(crate) use self::refused::RefusedFrom;
use self::reports::{of_session, of_token};
pub(crate) use self::rules::RulePack;
pub(crate) use self::session::cut;
use crate::routes::Needs::{Agent, Nothing};
use crate::routes::{Endpoint, get, post};

pub(crate) fn routes() -> Vec<Endpoint> {
    vec![
        get(protocol::PING, Nothing, control::ping),
        post(protocol::APP_LOGIN, Agent, control::login),
        post("/sqreen/v0/app-login", Agent, control::login),
        post(protocol::APP_BEAT, Agent, control::beat),
        get(protocol::APP_LOGOUT, Agent, control::logout),
        get(protocol::ACTIONS_PACK, Agent, actions::pack),
        get(protocol::ACTION_STREAM, Agent, actions::stream),
        get(protocol::RULES_PACK, Agent, control::rules_pack),
        get("/sqreen/v1/reveal/runtime/1", Agent, control::nothing),
        get("/sqreen/v1/reveal/run", Agent, control::nothing),
        post(protocol::BATCH, Agent, events::batch),
        post("/sqreen/v0/request_record", Agent, events::record),
        post(protocol::METRICS, Agent, events::metrics),
        post(protocol::SIGNAL_BATCHES, Agent, events::signals),
        post("/signals", Agent, events::signal),
        post("/traces", Agent, events::signal),
        of_session("/sqreen/v0/bundle", kinds::BUNDLE),
        of_session("/sqreen/v0/commands", kinds::COMMANDS),
        of_session("/sqreen/v0/attack", kinds::ATTACK),
        of_session("/sqreen/v0/data_point", kinds::DATA_POINT),
        of_session("/sqreen/v0/agent_message", kinds::AGENT_MESSAGE),
        of_session("/sqreen/v0/sqreen_exception", kinds::EXCEPTION),
        of_token("/sqreen/v0/app_agent_message", kinds::AGENT_MESSAGE),
        of_token("/sqreen/v0/app_sqreen_exception", kinds::EXCEPTION),
    ]
}
