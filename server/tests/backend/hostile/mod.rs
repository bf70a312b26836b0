//! Input that is meant to do harm: the right status, bounded memory, and others are served.

mod bodies;
mod rates;
mod slow;
