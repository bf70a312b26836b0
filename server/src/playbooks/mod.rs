//! Playbooks: what abuse looks like in the events of an app, and what is done about it.

mod draft;
pub mod file;
pub mod limits;
mod model;
mod respond;
mod service;
mod times;

pub use self::model::{
    Actor, ActorKind, Detection, EventName, Matcher, Playbook, Rails, Response, Rule, Stage,
};
pub(crate) use self::service::{Current, CurrentSet, PlaybookError, Playbooks};
pub use crate::state::Kind;
