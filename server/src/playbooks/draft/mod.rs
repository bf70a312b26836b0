//! Playbooks as they are written: JSON of the API and the tables of a file, which have the same names.

mod read;
mod write;

pub(super) use self::read::read;
pub(crate) use self::write::write;
pub(super) use self::write::write_rule;
