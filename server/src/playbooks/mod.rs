//! Playbooks: what abuse looks like in the events of an app, and what is done about it.

mod after;
mod backtest;
mod checkpoint;
mod draft;
pub mod engine;
pub mod file;
pub mod limits;
mod model;
mod rails;
mod respond;
mod runner;
mod service;
mod tell;
mod templates;
mod times;
mod undo;

pub(crate) use self::after::{After, Done};
pub(crate) use self::backtest::backtest_dir;
pub use self::backtest::{Backtest, CurvePoint, MAX_FIRINGS, backtest};
pub(crate) use self::draft::write;
pub use self::model::{
    Actor, ActorKind, Detection, EventName, Matcher, Playbook, Rails, Response, Rule, Stage,
};
pub(crate) use self::respond::{
    Outcome, Responder, RunResponse, event_places, read_actor, read_json, responses, show_actor,
};
pub(crate) use self::runner::{RunnerHandle, RunnerStats, start};
pub(crate) use self::service::{Current, PlaybookError, Playbooks, stored};
pub use self::templates::{Template, templates};
pub(crate) use self::times::show as show_duration;
pub use crate::state::Kind;
