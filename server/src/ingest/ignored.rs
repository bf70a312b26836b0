//! What agents send and the server does not keep: counted, so that nothing vanishes without a trace.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

/// The most kinds that are kept apart for one application and agent; further ones are counted as `other`.
const MAX_KINDS: usize = 64;
/// The most pairs of application and agent type; further ones are counted together, as those of no name.
const MAX_AGENTS: usize = 10_000;
/// The most bytes of a kind; longer ones are cut.
const MAX_KIND: usize = 64;
const OTHER: &str = "other";

/// How often each kind was ignored.
#[derive(Debug, Default)]
pub(crate) struct Kinds(BTreeMap<String, u64>);

impl Kinds {
    pub(super) fn one(kind: &str) -> Self {
        let mut kinds = Self::default();
        kinds.add(kind, 1);
        kinds
    }

    pub(super) fn add(&mut self, kind: &str, count: u64) {
        if count == 0 {
            return;
        }
        let kind = super::session::cut(kind, MAX_KIND);
        let kind = if self.0.contains_key(kind) || self.0.len() < MAX_KINDS {
            kind
        } else {
            OTHER
        };
        match self.0.get_mut(kind) {
            Some(total) => *total = total.saturating_add(count),
            None => {
                self.0.insert(kind.to_owned(), count);
            }
        }
    }
}

/// Counts since the start of the server, in memory alone.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    /// By application and agent type.
    agents: Mutex<BTreeMap<(String, String), Kinds>>,
}

/// One count of [`Ignored`].
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Ignored")]
pub(crate) struct IgnoredRow {
    pub(crate) app: String,
    /// The type of agent; empty for clients that do not log in.
    pub(crate) agent: String,
    /// Such as `attack`, `metric:req` or `body_too_large`.
    pub(crate) kind: String,
    pub(crate) count: u64,
}

impl Ignored {
    pub(super) fn add(&self, app: &str, agent_type: &str, kinds: &Kinds) {
        if kinds.0.is_empty() {
            return;
        }
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (app.to_owned(), agent_type.to_owned());
        if agents.len() >= MAX_AGENTS && !agents.contains_key(&key) {
            key = (String::new(), String::new());
        }
        let known = agents.entry(key).or_default();
        for (kind, count) in &kinds.0 {
            known.add(kind, *count);
        }
    }

    /// How much was ignored in all.
    pub(crate) fn total(&self) -> u64 {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = agents.values().flat_map(|kinds| kinds.0.values());
        counts.fold(0, |total, count| total.saturating_add(*count))
    }

    /// All counts, by application, agent type and kind.
    pub(crate) fn rows(&self) -> Vec<IgnoredRow> {
        let agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = agents.iter().flat_map(|((app, agent), kinds)| {
            kinds.0.iter().map(|(kind, count)| IgnoredRow {
                app: app.clone(),
                agent: agent.clone(),
                kind: kind.clone(),
                count: *count,
            })
        });
        rows.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bounded_and_their_sum_holds() {
        let ignored = Ignored::default();
        for app in 0..MAX_AGENTS + 10 {
            ignored.add(&app.to_string(), "nodejs", &Kinds::one("attack"));
        }
        let mut kinds = Kinds::default();
        for kind in 0..1_000 {
            kinds.add(&format!("metric:{kind}"), 2);
        }
        ignored.add("0", "nodejs", &kinds);
        let rows = ignored.rows();
        assert!(rows.len() <= MAX_AGENTS + 1 + MAX_KINDS + 1);
        let sum: u64 = rows.iter().map(|row| row.count).sum();
        assert_eq!(sum, (MAX_AGENTS as u64 + 10) + 2_000);
        let of_none = rows.iter().find(|row| row.app.is_empty()).unwrap();
        assert_eq!(of_none.count, 10);
    }
}
