//! Security responses: decisions, their delivery and their pages.

mod actor;
pub(super) mod browser;
mod commands;
mod critical;
mod decisions;
mod forms;
mod pack;
mod pages;
mod recovery;
mod refused;
mod stream;
