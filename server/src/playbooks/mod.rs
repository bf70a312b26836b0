//! Playbooks: what abuse looks like in the events of an app, and what is done about it.

pub mod limits;
mod model;

pub use self::model::{
    Actor, ActorKind, Detection, EventName, Matcher, Playbook, Rails, Response, Rule, Stage,
};
pub use crate::state::Kind;
