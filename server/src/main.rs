//! Runs the backend.
fn main() {}
