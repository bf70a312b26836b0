//! Security responses: decisions, their delivery and their pages.

mod actor;
pub(crate) mod browser;
mod commands;
mod critical;
mod decisions;
mod forms;
mod pack;
mod pages;
mod recovery;
mod refused;
pub(crate) mod stream;
