//! The self-hosted backend of sqreen.
#![forbid(unsafe_code)]

pub mod store;
