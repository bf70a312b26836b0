//! Playbooks: what abuse looks like in the events of an app, and what is done about it.

mod draft;
pub mod file;
pub mod limits;
mod model;
mod respond;
mod service;
mod times;
mod undo;

pub(crate) use self::draft::write;
pub use self::model::{
    Actor, ActorKind, Detection, EventName, Matcher, Playbook, Rails, Response, Rule, Stage,
};
pub(crate) use self::respond::{
    Decided, Fired, Outcome, Responder, RunResponse, event_places, read_json, responses, show_actor,
};
pub(crate) use self::service::{Current, CurrentSet, PlaybookError, Playbooks};
pub use crate::state::Kind;
