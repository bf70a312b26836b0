//! Playbooks: what abuse looks like in the events of an app, and what is done about it.

mod draft;
pub mod file;
pub mod limits;
mod model;
mod times;

pub use self::model::{
    Actor, ActorKind, Detection, EventName, Matcher, Playbook, Rails, Response, Rule, Stage,
};
pub use crate::state::Kind;
